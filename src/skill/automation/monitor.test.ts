import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
	appendFile,
	copyFile,
	mkdir,
	mkdtemp,
	readFile,
	rename,
	rm,
	symlink,
	truncate,
	writeFile,
} from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import { hasCode } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { ArtifactRef } from "../skill.ts";
import { nothingAllowed } from "./act-policy.ts";
import { createMonitorSkill, monitor } from "./monitor.ts";

type Record = { [key: string]: Json };
interface Output {
	kind: string;
	target: string;
	observations: Record[];
	count: number;
	changed: boolean;
	more: boolean;
	malformed: number;
	gap: boolean;
	cursor: Json;
}

const node = process.execPath;
let folder: string;
let path: string;
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "muster-monitor-"));
	path = join(folder, "watched");
});
afterEach(() => rm(folder, { recursive: true }));

async function look(
	watch: object,
	since?: Json,
	more: object = {},
	harness: Harness = createHarness(),
): Promise<Output> {
	return (await runSkill(monitor, { watch, ...(since === undefined ? {} : { since }), ...more }, harness)) as never;
}

/** The given field of all that a pass observed. */
const seen = (output: Output, field: string): Json[] => output.observations.map((each) => each[field] ?? null);

describe("a watched file", () => {
	test("is observed once, and again when its content changes", async () => {
		await writeFile(path, "one");
		const first = await look({ file: path });
		assert.deepEqual([first.kind, first.target, first.changed, seen(first, "size")], ["file", path, true, [3]]);
		const second = await look({ file: path }, first.cursor);
		assert.deepEqual([second.changed, second.observations], [false, []]);
		await writeFile(path, "two");
		const third = await look({ file: path }, second.cursor);
		assert.equal(third.changed, true);
		assert.notEqual(third.observations[0]?.id, first.observations[0]?.id);
	});

	test("that is missing is an observation, and so is its coming and going", async () => {
		const missing = await look({ file: path });
		assert.deepEqual(missing.observations, [{ id: "watched-missing", path, exists: false }]);
		await writeFile(path, "here");
		const here = await look({ file: path }, missing.cursor);
		assert.deepEqual(seen(here, "exists"), [true]);
		await rm(path);
		assert.deepEqual(seen(await look({ file: path }, here.cursor), "exists"), [false]);
	});

	test("that is no file cannot be read", async () => {
		await assert.rejects(look({ file: folder }), (error) => hasCode(error, "E_FILE_UNREADABLE"));
	});

	test("that is a pipe is an error and does not hold the pass", async () => {
		execFileSync("mkfifo", [path]);
		for (const watch of [{ file: path }, { log: path }, { data: path }])
			await assert.rejects(look(watch), (error) => hasCode(error, "E_FILE_UNREADABLE"));
	});
});

describe("a watched folder", () => {
	test("gives what is new, changed and gone", async () => {
		await mkdir(path);
		for (const name of ["stays", "grows", "goes"]) await writeFile(join(path, name), name);
		await symlink("/nowhere", join(path, "link"));
		const first = await look({ folder: path });
		assert.deepEqual(
			first.observations.map(({ name, change, type }) => [name, change, type]),
			[
				["goes", "present", "file"],
				["grows", "present", "file"],
				["link", "present", "link"],
				["stays", "present", "file"],
			],
		);
		await rm(join(path, "goes"));
		await appendFile(join(path, "grows"), "more");
		await mkdir(join(path, "new"));
		const second = await look({ folder: path }, first.cursor);
		assert.deepEqual(
			second.observations.map(({ name, change }) => [name, change]),
			[
				["goes", "removed"],
				["grows", "modified"],
				["new", "added"],
			],
		);
		assert.equal((await look({ folder: path }, second.cursor)).changed, false);
	});

	test("may hold names that mean something to JavaScript", async () => {
		await mkdir(path);
		for (const name of ["__proto__", "constructor", "toString"]) await writeFile(join(path, name), "");
		const first = await look({ folder: path });
		assert.deepEqual(seen(first, "name"), ["__proto__", "constructor", "toString"]);
		assert.equal((await look({ folder: path }, first.cursor)).changed, false);
	});

	test("gives the rest in the next pass when the limit is reached", async () => {
		await mkdir(path);
		for (const name of ["a", "b", "c"]) await writeFile(join(path, name), name);
		const first = await look({ folder: path }, undefined, { limit: 2 });
		assert.deepEqual([seen(first, "name"), first.more], [["a", "b"], true]);
		const second = await look({ folder: path }, first.cursor, { limit: 2 });
		assert.deepEqual([seen(second, "name"), second.more], [["c"], false]);
	});

	test("that is missing is an observation", async () => {
		const missing = await look({ folder: path });
		assert.deepEqual(seen(missing, "exists"), [false]);
		assert.equal((await look({ folder: path }, missing.cursor)).changed, false);
	});
});

describe("a watched log", () => {
	const lines = (output: Output): Json[] => seen(output, "line");

	test("gives the complete lines, and later only the new ones", async () => {
		await writeFile(path, "one\r\ntwo\nthr");
		const first = await look({ log: path });
		assert.deepEqual(lines(first), ["one", "two"]);
		await appendFile(path, "ee\nfour\n");
		const second = await look({ log: path }, first.cursor);
		assert.deepEqual(lines(second), ["three", "four"]);
		assert.equal((await look({ log: path }, second.cursor)).changed, false);
	});

	test("gives only lines that match, with the named groups as fields", async () => {
		await writeFile(path, "12:00 ERROR disk full\n12:01 INFO fine\n");
		const { observations } = await look({ log: path, pattern: "(?<level>ERROR|WARN) (?<text>.*)" });
		assert.deepEqual(
			observations.map(({ level, text }) => [level, text]),
			[["ERROR", "disk full"]],
		);
	});

	for (const rotated of ["watched.1", "watched-20260101"]) {
		test(`reads the rest of the old file when it was rotated to ${rotated}`, async () => {
			await writeFile(path, "one\n");
			const first = await look({ log: path });
			await appendFile(path, "two\ntorn");
			await rename(path, join(folder, rotated));
			await writeFile(path, "three\n");
			const second = await look({ log: path }, first.cursor);
			assert.deepEqual(lines(second), ["two", "torn", "three"]);
			assert.equal((await look({ log: path }, second.cursor)).changed, false);
		});
	}

	test("keeps its place in the rotated file when the limit is reached there", async () => {
		await writeFile(path, "1\n");
		let output = await look({ log: path });
		await appendFile(path, "2\n3\n4\n");
		await rename(path, join(folder, "watched.1"));
		await writeFile(path, "5\n");
		const found: Json[] = [];
		do {
			output = await look({ log: path }, output.cursor, { limit: 1 });
			found.push(...lines(output));
		} while (output.more);
		assert.deepEqual(found, ["2", "3", "4", "5"]);
	});

	test("begins anew when the file became shorter", async () => {
		await writeFile(path, "one\ntwo\n");
		const first = await look({ log: path });
		await truncate(path, 0);
		await appendFile(path, "new\n");
		const second = await look({ log: path }, first.cursor);
		assert.deepEqual([lines(second), second.gap], [["new"], true]);
	});

	test("loses nothing when it is looked at between its rotation and its new beginning", async () => {
		await writeFile(path, "one\n");
		const first = await look({ log: path });
		await appendFile(path, "two\n");
		await rename(path, join(folder, "watched.1"));
		const second = await look({ log: path }, first.cursor);
		assert.deepEqual([lines(second), second.gap], [["two", null], false]);
		await writeFile(path, "three\n");
		assert.deepEqual(lines(await look({ log: path }, second.cursor)), ["three"]);
	});

	test("says that lines may be missing when it was replaced and the old file is gone", async () => {
		await writeFile(path, "one\n");
		const first = await look({ log: path });
		await writeFile(join(folder, "new"), "two\n");
		await rename(join(folder, "new"), path);
		const second = await look({ log: path }, first.cursor);
		assert.deepEqual([lines(second), first.gap, second.gap], [["two"], false, true]);
	});

	test("begins anew when the file was emptied and has grown beyond its old size", async () => {
		await writeFile(path, "one\n");
		const first = await look({ log: path });
		await copyFile(path, join(folder, "watched.1")); // as logrotate does with copytruncate
		await truncate(path, 0);
		await appendFile(path, "much longer than before\nand more\n");
		assert.deepEqual(lines(await look({ log: path }, first.cursor)), ["much longer than before", "and more"]);
	});

	test("that is missing is an observation, and is read from its beginning when it comes", async () => {
		const missing = await look({ log: path });
		assert.deepEqual(seen(missing, "exists"), [false]);
		assert.equal((await look({ log: path }, missing.cursor)).changed, false);
		await writeFile(path, "one\n");
		assert.deepEqual(lines(await look({ log: path }, missing.cursor)), ["one"]);
	});

	test("has its long lines cut", async () => {
		await writeFile(path, `${"x".repeat(50_000)}\nshort\n`);
		const { observations } = await look({ log: path });
		assert.deepEqual(
			observations.map(({ line, cut }) => [String(line).length, cut ?? false]),
			[
				[10_000, true],
				[5, false],
			],
		);
	});

	test("is read with a catastrophic pattern in no time", { timeout: 20_000 }, async () => {
		await writeFile(path, `${"a".repeat(9_999)}!\n`.repeat(20));
		assert.equal((await look({ log: path, pattern: "^(a+)+$" })).count, 0);
	});

	test("is refused with a pattern that cannot be matched in linear time", async () => {
		await writeFile(path, "x\n");
		await assert.rejects(look({ log: path, pattern: "(x)\\1" }), (error) => hasCode(error, "E_INPUT_INVALID"));
	});

	test("gives every line exactly once however it grows, is rotated, and is looked at", async () => {
		const steps = fc.array(fc.constantFrom("line", "half", "rotate", "look", "look"), { maxLength: 25 });
		await fc.assert(
			fc.asyncProperty(steps, async (plan) => {
				await rm(folder, { recursive: true });
				await mkdir(folder);
				const written: string[] = [];
				const found: Json[] = [];
				let cursor: Json | undefined;
				let open = "";
				let files = 0;
				const see = async (): Promise<void> => {
					const output = await look({ log: path }, cursor, { limit: 3 });
					cursor = output.cursor;
					found.push(...output.observations.filter(({ line }) => line !== undefined).map(({ line }) => line as Json));
					if (output.more) await see();
				};
				for (const step of plan) {
					if (step === "line") {
						const text = `line ${written.length}`;
						await appendFile(path, `${text}\n`);
						written.push(open + text);
						open = "";
					} else if (step === "half") {
						await appendFile(path, "half ");
						open += "half ";
					} else if (step === "rotate" && cursor !== undefined) {
						await see(); // one rotation between two looks is what can be followed
						if (open !== "") written.push(open);
						open = "";
						await appendFile(path, "");
						await rename(path, join(folder, `watched.${files++}`));
						await writeFile(path, "");
						await see();
					} else if (step === "look") await see();
				}
				await see();
				assert.deepEqual(found, written);
			}),
			{ numRuns: 60 },
		);
	});
});

describe("watched data", () => {
	test("gives the records of NDJSON, and later only the new ones", async () => {
		await writeFile(path, '{"id":"a","n":1}\n{"id":"b","n":2}\n');
		const first = await look({ data: path });
		assert.deepEqual(first.observations, [
			{ id: "a", n: 1 },
			{ id: "b", n: 2 },
		]);
		await writeFile(path, '{"id":"b","n":2}\n{"id":"c","n":3}\n{"id":"a","n":9}\n');
		const second = await look({ data: path }, first.cursor);
		assert.deepEqual(second.observations, [
			{ id: "c", n: 3 },
			{ id: "a", n: 9 },
		]);
	});

	test("may be a JSON array, and nested objects become flat", async () => {
		await writeFile(path, JSON.stringify([{ id: 7, at: { lat: 1, lon: 2 }, tags: ["x"] }]));
		assert.deepEqual((await look({ data: path })).observations, [{ id: "7", "at.lat": 1, "at.lon": 2, tags: ["x"] }]);
	});

	test("gives every record an id of its own", async () => {
		await writeFile(path, '{"n":1}\n{"n":1}\n{"id":"a"}\n{"id":"a"}\n');
		const ids = seen(await look({ data: path }), "id");
		assert.equal(new Set(ids).size, 4);
		assert.deepEqual(ids.slice(2), ["a", "a~2"]);
	});

	test("leaves out what is no record and says how much", async () => {
		await writeFile(path, '{"id":"a"}\n12\nnot json\n{"__proto__":{"x":1}}\n{"id":"b"');
		const output = await look({ data: path });
		assert.deepEqual([seen(output, "id"), output.malformed], [["a"], 4]);
	});

	test("without any record is refused", async () => {
		await writeFile(path, "time,magnitude\n1,2\n");
		await assert.rejects(look({ data: path }), (error) => hasCode(error, "E_INPUT_INVALID"));
	});

	test("gives the rest in the next pass when the limit is reached", async () => {
		await writeFile(path, '[{"id":1},{"id":2},{"id":3}]');
		const first = await look({ data: path }, undefined, { limit: 2 });
		const second = await look({ data: path }, first.cursor, { limit: 2 });
		assert.deepEqual([seen(first, "id"), first.more], [["1", "2"], true]);
		assert.deepEqual([seen(second, "id"), second.more], [["3"], false]);
	});

	test("of a real week of earthquakes is stored as an artifact, and so is its cursor", async () => {
		const harness = createHarness();
		const sample = new URL("../../../samples/automation/earthquakes.ndjson", import.meta.url).pathname;
		const first = await look({ data: sample }, undefined, {}, harness);
		const ref = first.observations as unknown as ArtifactRef;
		assert.equal(ref.name, "observations.json");
		const stored = (await harness.artifacts.json(ref)) as Record[];
		const lines = (await readFile(sample, "utf8")).trimEnd().split("\n");
		assert.deepEqual(
			stored,
			lines.map((line) => JSON.parse(line)),
		);
		assert.equal(first.count, 1_707);
		assert.equal((await look({ data: sample }, first.cursor, {}, harness)).count, 0);
	});
});

describe("a watched web address", () => {
	test("is observed when its answer changes, and when it stops answering", async () => {
		let text = "up";
		const server = createServer((_, response) => {
			response.writeHead(text === "broken" ? 500 : 200, { "content-type": "text/plain" }).end(text);
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
		const first = await look({ url });
		assert.deepEqual([seen(first, "status"), seen(first, "text"), seen(first, "reachable")], [[200], ["up"], [true]]);
		const same = await look({ url }, first.cursor);
		assert.equal(same.changed, false);
		text = "broken";
		const broken = await look({ url }, same.cursor);
		assert.deepEqual(seen(broken, "status"), [500]);
		await new Promise((resolve) => server.close(resolve).closeAllConnections());
		assert.deepEqual(seen(await look({ url }, broken.cursor), "reachable"), [false]);
	});

	test("that may not be read is an error", async () => {
		await assert.rejects(look({ url: "http://169.254.169.254/" }));
		await assert.rejects(look({ url: "file:///etc/passwd" }));
	});
});

describe("a watched command", () => {
	test("is observed by its exit code and output when it is allowed", async () => {
		const skill = createMonitorSkill({ ...nothingAllowed, commands: [[node, "-e"]] });
		const watch = { command: [node, "-e", "console.log(process.exitCode = 3)"] };
		const output = (await runSkill(skill, { watch })) as never as Output;
		assert.deepEqual([seen(output, "exitCode"), seen(output, "stdout")], [[3], ["3\n"]]);
		const again = (await runSkill(skill, { watch, since: output.cursor })) as never as Output;
		assert.equal(again.changed, false);
	});

	test("is refused by default", async () => {
		await assert.rejects(look({ command: ["true"] }), (error) => hasCode(error, "E_RULE_REFUSED"));
	});

	test("keeps the skill out of the threads, which know no policy", () => {
		assert.equal(createMonitorSkill({ ...nothingAllowed, commands: [["true"]] }).thread, undefined);
		assert.notEqual(monitor.thread, undefined);
	});
});

test("a cursor of another kind is refused", async () => {
	await writeFile(path, "x\n");
	const { cursor } = await look({ file: path });
	await assert.rejects(look({ log: path }, cursor), (error) => hasCode(error, "E_INPUT_INVALID"));
	await assert.rejects(look({ log: path }, { kind: "log", nonsense: true }), (error) =>
		hasCode(error, "E_INPUT_INVALID"),
	);
});
