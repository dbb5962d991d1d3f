/** The automation workflow on real data, killed between detect and act and in the middle of act. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkEvents } from "./checker.ts";
import { Driver } from "./driver.ts";
import type { SeenEvent } from "./messages.ts";

const root = join(import.meta.dirname, "../..");
const data = join(root, "samples/automation/earthquakes.ndjson");
const LEAST = 4.9;
const rules = [{ id: "large", field: "magnitude", op: ">=", value: LEAST, describe: "{id}" }];

/** What the rule must find, counted here and not by the product. */
const expected = readFileSync(data, "utf8")
	.split("\n")
	.filter((line) => line !== "")
	.map((line) => JSON.parse(line) as { id: string; magnitude: number })
	.filter((quake) => quake.magnitude >= LEAST)
	.map((quake) => quake.id)
	.sort();

const eventsOf = (driver: Driver): SeenEvent[] =>
	driver.log.flatMap((entry) => (entry.what === "event" ? [entry.event] : []));

async function until(driver: Driver, reached: (events: SeenEvent[]) => boolean): Promise<void> {
	while (!reached(eventsOf(driver))) await driver.next((answer) => answer.kind === "events");
}

const detected = (events: SeenEvent[]): boolean =>
	events.some(({ type, id }) => type === "task.completed" && id?.endsWith(".detect"));
const acted = (count: number) => (events: SeenEvent[]) =>
	events.filter(({ type }) => type === "effect.done").length >= count;

for (const { name, moments } of [
	{ name: "between detect and act", moments: [detected] },
	{ name: "twice in the middle of act", moments: [acted(3), acted(expected.length)] },
	{ name: "at the beginning and near the end of act", moments: [acted(1), acted(2 * expected.length - 1)] },
]) {
	test(`automation killed ${name} finds each anomaly and acts on it exactly once`, async (t) => {
		assert.ok(expected.length > 20 && expected.length <= 100, `${expected.length} findings are a fair number`);
		const driver = new Driver();
		t.after(() => driver.dispose());
		const outbox = join(driver.folder, "outbox");
		driver.options.allow = { folders: [outbox] };
		await driver.start();
		const inputs = { data, rules, statistics: [], log: join(outbox, "log.ndjson"), alerts: join(outbox, "alerts") };
		driver.call({ op: "run", workflow: join(root, "workflows/automation.yaml"), inputs });
		for (const moment of moments) {
			driver.prepare();
			await until(driver, moment);
			await driver.kill();
			await driver.start();
		}
		await driver.drain();
		await driver.stop();

		const lines = readFileSync(join(outbox, "log.ndjson"), "utf8").trimEnd().split("\n");
		const found = lines.map((line) => (JSON.parse(line) as { observation: { id: string } }).observation.id);
		assert.deepEqual(found.sort(), expected);
		assert.equal(readdirSync(join(outbox, "alerts")).length, expected.length);
		assert.deepEqual(checkEvents(driver.log), []);
		const ends = new Map(eventsOf(driver).map(({ seq, type, id }) => [seq, `${type} ${id?.split(".").at(-1)}`]));
		const wanted = { monitor: 1, detect: 1, act: expected.length, report: 1 };
		for (const [step, times] of Object.entries(wanted)) {
			assert.equal([...ends.values()].filter((end) => end === `task.completed ${step}`).length, times, step);
		}
	});
}
