import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createHarness, runSkill } from "../../../test/skill-harness.ts";
import { hasCode } from "../../errors.ts";
import { type CollectOutput, collect } from "./collect.ts";
import { type Inspection, inspect } from "./inspect.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-inspect-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Twenty rows: a number from 1 to 20, one of them far out, a text, one of them missing; and one row of nothing. */
const rows = Array.from({ length: 20 }, (_, i) => `${i === 6 ? 500 : i + 1},${i === 3 ? "" : "x"}`);
const path = join(folder, "rows.csv");
writeFileSync(path, ["value,mark", ...rows, "NA,"].join("\n"));

const harness = createHarness();
const collected = (await runSkill(collect, { source: path, records: 5 }, harness)) as unknown as CollectOutput;
const look = async (row: number) =>
	(await runSkill(inspect, { table: collected.table, row }, harness)) as unknown as Inspection;

test("an ordinary record has nothing that stands out", async () => {
	assert.deepEqual(await look(1), { row: 1, findings: [] });
});

test("a value beyond Tukey's fences is told with the fences", async () => {
	const { findings } = await look(7);
	assert.equal(findings.length, 1);
	const [{ column, problem, value, low, high }] = findings as [Inspection["findings"][number]];
	assert.deepEqual([column, problem, value], ["value", "outside", 500]);
	assert.ok((low as number) < 1 && (high as number) < 500 && (high as number) > 20);
});

test("a value that nearly all others have is told when it is missing", async () => {
	assert.deepEqual((await look(4)).findings, [{ column: "mark", problem: "missing", value: null }]);
});

test("a record without any value, and one that is not there, fail for good", async () => {
	for (const row of [21, 22]) await assert.rejects(look(row), (error) => hasCode(error) && !error.retryable);
});

test("collect names as many records as are asked for, evenly spread", () => {
	assert.deepEqual(collected.records, [1, 5, 9, 13, 17]);
});
