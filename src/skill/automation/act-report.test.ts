import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import { hasCode } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { AnySkill, ArtifactRef } from "../skill.ts";
import { createActSkill } from "./act.ts";
import { nothingAllowed } from "./act-policy.ts";
import { fileName } from "./act-report.ts";
import { detect } from "./detect.ts";
import { monitor } from "./monitor.ts";

interface Deed {
	kind: string;
	target: string;
	state: string;
}

let folder: string;
let skill: AnySkill;
beforeEach(async () => {
	folder = await realpath(await mkdtemp(join(tmpdir(), "muster-report-")));
	skill = createActSkill({ ...nothingAllowed, folders: [folder] });
});
afterEach(() => rm(folder, { recursive: true }));

const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

test("the sample's way from monitor over detect to act leaves one page and one line for each anomaly", async () => {
	const { artifacts } = createHarness();
	const sample = (name: string): string => new URL(`../../../samples/automation/${name}`, import.meta.url).pathname;
	const observed = await runSkill(
		monitor,
		{ watch: { data: sample("earthquakes.ndjson") } },
		createHarness({ artifacts }),
	);
	const rules = JSON.parse(await readFile(sample("detect.json"), "utf8"));
	const found = await runSkill(detect, rules, createHarness({ artifacts, previous: [observed] }));
	const harness = createHarness({ artifacts, previous: [observed, found] });
	const output = await runSkill(skill, { alerts: "alerts", log: "log/anomalies.ndjson" }, harness);
	assert.equal((await readdir(join(folder, "alerts"))).length, 16);
	assert.equal((await text("log/anomalies.ndjson")).trimEnd().split("\n").length, 16);
	const report = await artifacts.text((output as unknown as { report: ArtifactRef }).report);
	assert.match(report, /16 anomalies among 1707 observations/);
});

describe("act on anomalies", () => {
	const quake = (id: string, severity: string): Record<string, Json> => ({
		id: `strong.${id}`,
		rule: "strong",
		severity,
		observation: { id, place: "<b>Hualian</b> | Taiwan\n# no heading", magnitude: 6.4 },
		value: 6.4,
		expected: "below 6",
		text: `Magnitude 6.4 (${id})`,
	});
	const detected = {
		checked: 10,
		anomalies: [quake("us1", "warning"), quake("us2", "critical")],
		counts: { strong: 2 },
		notes: [],
	};
	const places = { alerts: "alerts", log: "anomalies.ndjson" };

	async function run(
		input: object,
		harness: Harness,
	): Promise<{ actions: Deed[]; report: ArtifactRef; alerts?: ArtifactRef[] }> {
		return (await runSkill(skill, input, harness)) as never;
	}

	test("writes a page and a line for each, the most severe first", async () => {
		const { actions } = await run(places, createHarness({ previous: [detected] }));
		assert.deepEqual(
			actions.map(({ kind, target, state }) => [kind, target.slice(folder.length + 1), state]),
			[
				["write-file", "alerts/strong.us2.md", "done"],
				["append-line", "anomalies.ndjson", "done"],
				["write-file", "alerts/strong.us1.md", "done"],
				["append-line", "anomalies.ndjson", "done"],
			],
		);
		const lines = (await text("anomalies.ndjson"))
			.trimEnd()
			.split("\n")
			.map((each) => JSON.parse(each));
		assert.deepEqual(
			lines.map(({ id, key }) => [id, key]),
			[
				["strong.us2", "log/strong.us2"],
				["strong.us1", "log/strong.us1"],
			],
		);
	});

	test("reports nothing twice in the next pass", async () => {
		await run(places, createHarness({ previous: [detected] }));
		const { actions } = await run(places, createHarness({ previous: [detected] }));
		assert.deepEqual([...new Set(actions.map(({ state }) => state))], ["already-done"]);
		assert.equal((await text("anomalies.ndjson")).trimEnd().split("\n").length, 2);
	});

	test("makes a page that says what was detected and what was done", async () => {
		const harness = createHarness({ previous: [{ observations: [] }, detected] });
		const page = await harness.artifacts.text((await run(places, harness)).report);
		assert.match(page, /2 anomalies among 10 observations/);
		assert.match(page, /\| strong \| 2 \|/);
		assert.match(page, /\*\*critical\*\* Magnitude 6\.4 \(us2\)/);
		assert.match(page, /- done: write-file .*strong\.us2\.md\n/);
		assert.match(page, /- done: append-line .*anomalies\.ndjson \(2 times\)\n/);
	});

	test("stores the pages as artifacts when no folder is named", async () => {
		const harness = createHarness({ previous: [detected] });
		const { actions, alerts, report } = await run({}, harness);
		assert.deepEqual(actions, []);
		assert.deepEqual(
			alerts?.map(({ name }) => name),
			["strong.us2.md", "strong.us1.md"],
		);
		assert.equal(report.name, "automation-log.md");
		assert.deepEqual(await readdir(folder), []);
	});

	test("lets nothing that was observed become markup", async () => {
		const harness = createHarness({ previous: [detected] });
		const { alerts } = await run({}, harness);
		const page = await harness.artifacts.text(alerts?.[0] as ArtifactRef);
		assert.match(page, /\| place \| &lt;b\\>Hualian&lt;\/b\\> \\\| Taiwan \\# no heading \|\n/);
	});

	test("takes the anomalies as a reference too", async () => {
		const harness = createHarness();
		const ref = await harness.artifacts.put("anomalies.json", JSON.stringify(detected.anomalies), "application/json");
		const inDetected = await run({ anomalies: { ...detected, anomalies: ref } }, harness);
		const alone = await run({ anomalies: ref }, harness);
		const whole = await harness.artifacts.put("output.json", JSON.stringify(detected), "application/json");
		const before = createHarness({ previous: [whole as unknown as Json], artifacts: harness.artifacts });
		const fromBefore = await run({}, before);
		assert.deepEqual(
			[inDetected, alone, fromBefore].map(({ alerts }) => alerts?.length),
			[2, 2, 2],
		);
	});

	test("without any anomalies says that there were none", async () => {
		const harness = createHarness({ previous: [{ ...detected, anomalies: [], counts: { strong: 0 } }] });
		const page = await harness.artifacts.text((await run(places, harness)).report);
		assert.match(page, /0 anomalies among 10 observations\./);
		assert.match(page, /Nothing was to be done\./);
	});

	test("is refused when no task before it gave anomalies", async () => {
		await assert.rejects(run({}, createHarness()), (error) => hasCode(error, "E_INPUT_INVALID"));
	});

	test("never gives two anomalies one file name, nor a name that leaves the folder", () => {
		const ids = fc.oneof(fc.string(), fc.constantFrom("a/b", "a-b", "../a", "..", ".", "a\0b", "A", "x".repeat(300)));
		fc.assert(
			fc.property(ids, ids, (one, other) => {
				if (one !== other) assert.notEqual(fileName(one), fileName(other));
				assert.match(fileName(one), /^[A-Za-z0-9][A-Za-z0-9._-]{0,130}$/);
			}),
		);
	});
});
