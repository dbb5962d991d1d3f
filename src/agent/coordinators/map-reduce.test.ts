import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTest } from "../../../test/fixture.ts";
import {
	defineSkill,
	hasCode,
	type Json,
	MapReduceCoordinator,
	type MapReduceOptions,
	type MapReduceResult,
	type Orchestrator,
	type TaskView,
	TerminalError,
} from "../../index.ts";

const refuse = (values: readonly Json[]) => {
	if (values.includes(-1)) throw new TerminalError("a negative one");
};
const sum = (values: readonly Json[]) => (values as number[]).reduce((a, b) => a + b, 0);

const map = defineSkill<{ items: Json[]; from: number }, number>({
	name: "sum-chunk",
	description: "Adds up a chunk.",
	run({ items }) {
		refuse(items);
		return sum(items);
	},
});
/** Fails over a half, which only the test that wants it to brings about. */
const reduce = defineSkill<{ values: Json[]; last: boolean }, number>({
	name: "sum-sums",
	description: "Adds up sums.",
	run({ values }) {
		if (values.includes(0.5)) throw new TerminalError("a half");
		return sum(values);
	},
});

const adder = (choice: Partial<MapReduceOptions> = {}) =>
	new MapReduceCoordinator({
		name: "adder",
		capabilities: ["add-up"],
		map: "sum-chunk",
		reduce: "sum-sums",
		...choice,
	});
const start = (t: TestContext, choice: Partial<MapReduceOptions> = {}): Promise<Orchestrator> =>
	startTest(t, { skills: [map, reduce], customAgents: [adder(choice)] });

async function run(t: TestContext, input: Json, choice: Partial<MapReduceOptions> = {}): Promise<TaskView> {
	const muster = await start(t, choice);
	return muster.wait(await muster.submit({ type: "add-up", input }));
}

const resultOf = ({ output }: TaskView) => output as MapReduceResult;
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("map and reduce", () => {
	it("maps a thousand items in chunks and reduces them in a tree", async (t) => {
		const done = await run(t, { items: upTo(1_000) }, { fanIn: 4 });
		const { output, items, chunks, completed, missing } = resultOf(done);
		assert.deepEqual([output, items, chunks, completed, missing], [500_500, 1_000, 20, 20, []]);
		assert.equal(done.children?.length, 20 + 5 + 2 + 1);
	});

	it("maps a thousand items one by one", async (t) => {
		const done = await run(t, { items: upTo(1_000), chunkSize: 1 }, { fanIn: 1_000 });
		assert.deepEqual([resultOf(done).output, done.children?.length], [500_500, 1_001]);
	});

	it("reduces once when the fan-in takes all chunks", async (t) => {
		const done = await run(t, { items: upTo(100), chunkSize: 10 });
		assert.deepEqual([resultOf(done).output, done.children?.length], [5_050, 11]);
	});

	it("reduces a single chunk too", async (t) => {
		const done = await run(t, { items: [1, 2] });
		assert.deepEqual([resultOf(done).output, done.children?.length], [3, 2]);
	});

	it("has nothing to do, and null to say, without items", async (t) => {
		const { output, chunks } = resultOf(await run(t, { items: [] }));
		assert.deepEqual([output, chunks], [null, 0]);
	});

	it("takes a list that another task returned as an artifact", async (t) => {
		const muster = await start(t);
		const list = await muster.artifacts.put("list.json", JSON.stringify(upTo(1_000)), "application/json");
		const done = await muster.wait(await muster.submit({ type: "add-up", input: { items: { ...list } } }));
		assert.equal(resultOf(done).output, 500_500);
	});

	it("fails with a chunk that fails", async (t) => {
		const { error, children } = await run(t, { items: [1, 2, -1, 4], chunkSize: 2 });
		assert.match(error?.message ?? "", /1 of 2 parts.*a negative one/);
		assert.equal(children?.length, 2);
	});

	it("goes on without a chunk where its policy allows it, and names its items", async (t) => {
		const done = await run(t, { items: [1, 2, -1, 4, 5], chunkSize: 2 }, { onFailure: { quorum: 2 } });
		const { output, completed, missing } = resultOf(done);
		assert.deepEqual([output, completed], [8, 2]);
		assert.deepEqual(
			missing.map(({ part, id, from, to, reason }) => [part, id, from, to, reason]),
			[[1, `${done.id}.1`, 2, 4, "a negative one"]],
		);
	});

	it("loses all chunks below a reduce that fails", async (t) => {
		const choice = { chunkSize: 1, fanIn: 2, onFailure: "best-effort" } as const;
		const { output, completed, missing } = resultOf(await run(t, { items: [1, 2, 3, 0.5, 5] }, choice));
		assert.deepEqual([output, completed], [8, 3]);
		assert.deepEqual(
			missing.map(({ from, type, reason }) => [from, type, reason]),
			[2, 3].map((from) => [from, "sum-sums", "a half"]),
		);
	});

	it("tells the reduce whose output is the result that it is the last, also when it alone is left", async (t) => {
		const lasts: [number, boolean][] = [];
		const noting = defineSkill<{ values: Json[]; last: boolean }, number>({
			...reduce,
			run({ values, last }) {
				lasts.push([values.length, last]);
				refuse(values);
				return sum(values);
			},
		});
		const once = defineSkill<{ items: Json[] }, Json>({ ...map, run: ({ items }) => items[0] as Json });
		const agents = [adder({ chunkSize: 1, fanIn: 2, onFailure: "continue" })];
		const muster = await startTest(t, { skills: [once, noting], customAgents: agents, workers: 1 });
		const done = await muster.wait(await muster.submit({ type: "add-up", input: { items: [1, 2, -1, 4] } }));
		assert.equal(resultOf(done).output, 3);
		assert.deepEqual(lasts, [
			[2, false],
			[2, false],
			[1, true],
		]);
	});

	it("says null when nothing is left and its policy allows even that", async (t) => {
		const { output, completed } = resultOf(await run(t, { items: [-1] }, { onFailure: "continue" }));
		assert.deepEqual([output, completed], [null, 0]);
	});

	it("refuses more chunks than it may make, and says which size would do", async (t) => {
		const { error } = await run(t, { items: upTo(8_001), chunkSize: 2 });
		assert.deepEqual([error?.code, error?.hint], ["E_INPUT_TOO_LARGE", "Use a chunkSize of at least 3."]);
	});

	it("refuses items that are no list", async (t) => {
		const { error } = await run(t, { items: "many" });
		assert.equal(error?.code, "E_INPUT_INVALID");
		assert.match(error?.message ?? "", /items/);
	});

	it("is refused with a reduce of single values", () => {
		assert.throws(
			() => adder({ fanIn: 1 }),
			(error) => hasCode(error, "E_CONFIG_INVALID"),
		);
	});
});
