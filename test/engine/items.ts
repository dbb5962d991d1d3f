import assert from "node:assert/strict";
import type { ForEachDefinition, StepDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, type Told, work, x } from "./stage.ts";

const each = (told: Told, more: Partial<ForEachDefinition> = {}): StepDefinition =>
	work("each", { name: x("string(item)"), ...told } as Told, { forEach: { in: [0, 1, 2, 3], as: "item", ...more } });

/** Odd items fail. */
const odd = { fail: x("item % 2 == 1 ? 'odd' : ''") };
const about = { state: x("steps.each.state"), outputs: x("steps.each.outputs"), missing: x("steps.each.missing") };
const missing = [1, 3].map((index) => ({ index, code: "E_SKILL_FAILED", message: "odd" }));

export const itemCases: Cases = {
	async "a forEach is done once for each item, and its outputs are in the order of the list"(stage) {
		const told = { hold: x("'gate ' + string(item)"), out: x("[index, item * 10]") };
		const id = await stage.start(flow([each(told)], { outputs: { all: x("steps.each.output") } }));
		await stage.begun("0", "1", "2", "3");
		for (const item of [3, 1, 0, 2]) stage.release(`gate ${item}`);
		const expected = [
			[0, 0],
			[1, 10],
			[2, 20],
			[3, 30],
		];
		assert.deepEqual((await stage.engine.result(id)).outputs, { all: expected });
	},

	async "no more items run at the same time than parallel says, and all are done"(stage) {
		const items = Array.from({ length: 20 }, (_, item) => item);
		const { state } = await stage.play(flow([each({}, { in: items, parallel: 3 })]));
		assert.equal(state, "completed");
		assert.equal(stage.most, 3);
		assert.deepEqual(stage.began, items.map(String));
	},

	async "a forEach over an empty list completes with no outputs"(stage) {
		const { state, outputs } = await stage.play(flow([each({}, { in: [] })], { outputs: about }));
		assert.equal(state, "completed");
		assert.deepEqual(outputs, { state: "completed", outputs: [], missing: [] });
	},

	async "policy fail: after the first failed item no further one begins, those that run end, and the step fails"(
		stage,
	) {
		const told = { ...odd, hold: x("item == 0 ? 'zero' : 'one'") };
		const id = await stage.start(flow([each(told, { parallel: 2 })]));
		await stage.begun("0", "1");
		stage.release("one");
		await stage.pass(20);
		stage.release("zero");
		const { state, error } = await stage.engine.result(id);
		assert.equal(state, "failed");
		assert.match(error?.message ?? "", /Step "each" failed: odd/);
		assert.deepEqual(stage.done, ["0"]);
		assert.deepEqual(stage.began, ["0", "1"]);
	},

	async "policy continue: all items run, then a failed one fails the step"(stage) {
		const { message } = await stage.failure(flow([each(odd, { parallel: 1, onFailure: "continue" })]));
		assert.match(message, /odd/);
		assert.deepEqual(stage.began, ["0", "1", "2", "3"]);
	},

	async "policy best-effort: the step completes and says which items are missing"(stage) {
		const { state, outputs } = await stage.play(flow([each(odd, { onFailure: "best-effort" })], { outputs: about }));
		assert.equal(state, "completed");
		assert.deepEqual(outputs, { state: "completed", outputs: ["0", null, "2", null], missing });
	},

	async "policy best-effort completes even when every item failed"(stage) {
		const { outputs } = await stage.play(
			flow([each({ fail: "no" }, { onFailure: "best-effort" })], { outputs: about }),
		);
		assert.deepEqual(outputs?.outputs, [null, null, null, null]);
	},

	async "policy quorum: when enough items completed the step completes and the rest is cancelled"(stage) {
		const told = { hold: x("item < 2 ? 'open' : 'for ever'") };
		const id = await stage.start(flow([each(told, { onFailure: { quorum: 2 } })], { outputs: about }));
		await stage.begun("0", "1", "2", "3");
		stage.release("open");
		const { state, outputs } = await stage.engine.result(id);
		assert.equal(state, "completed");
		assert.deepEqual(outputs?.outputs, ["0", "1", null, null]);
		await stage.pass(100);
		stage.release("for ever");
		await stage.pass(100);
		assert.deepEqual(stage.done, ["0", "1"]);
	},

	async "policy quorum: when enough cannot complete any more the step fails"(stage) {
		const error = await stage.failure(flow([each(odd, { parallel: 1, onFailure: { quorum: 3 } })]));
		assert.match(error.message, /odd/);
	},

	async "policy quorum: more than there are items is an error of the step"(stage) {
		const { message } = await stage.failure(flow([each({}, { onFailure: { quorum: 5 } })]));
		assert.match(message, /"each" needs 5 items to complete and has 4/);
		assert.deepEqual(stage.began, []);
	},

	async "a group of steps for each item: each sees its item and the steps of its own group"(stage) {
		const inside = inARow(work("a", { out: x("item * 10") }), work("b", { out: x("steps.a.output + index") }));
		const group: StepDefinition = {
			id: "g",
			needs: [],
			steps: inside,
			forEach: { in: [5, 6], as: "item" },
			output: x("steps.b.output"),
		};
		const { outputs, steps } = await stage.play(flow([group], { outputs: { g: x("steps.g.output") } }));
		assert.deepEqual(outputs, { g: [50, 61] });
		assert.equal(steps["g.1.b"], "completed");
	},

	async "groups for each item keep their parallel limit and policy"(stage) {
		const inside = inARow(work("a", { name: x("string(item)"), ...odd }), work("b", { name: x("string(item) + 'b'") }));
		const forEach: ForEachDefinition = { in: [0, 1, 2, 3], as: "item", parallel: 1, onFailure: "best-effort" };
		const group: StepDefinition = { id: "g", needs: [], steps: inside, forEach };
		const { outputs } = await stage.play(
			flow([group], { outputs: { g: x("steps.g.outputs"), n: x("size(steps.g.missing)") } }),
		);
		assert.deepEqual(outputs, { g: [{ a: "0", b: "0b" }, null, { a: "2", b: "2b" }, null], n: 2 });
		assert.equal(stage.most, 1);
	},

	async "when a quorum of groups is there, what runs in the others is cancelled and nothing begins in them"(stage) {
		const inside = inARow(work("a", { name: x("string(item)"), hold: x("'gate ' + string(item)") }), work("b", {}));
		const group: StepDefinition = {
			id: "g",
			needs: [],
			steps: inside,
			forEach: { in: [0, 1, 2], as: "item", onFailure: { quorum: 1 } },
		};
		const id = await stage.start(flow([group]));
		await stage.begun("0", "1", "2");
		stage.release("gate 1");
		const { state, steps } = await stage.engine.result(id);
		assert.equal(state, "completed");
		assert.equal(steps["g.0.a"], "cancelled");
		await stage.pass(100);
		stage.release("gate 0");
		await stage.pass(100);
		assert.deepEqual(stage.done, ["1", "g.1.b"]);
	},

	async "nothing begins in a group that is given up in the same turn"(stage) {
		const no = (id: string, needs: string[] = []) => work(id, {}, { needs, if: "false" });
		const steps: StepDefinition[] = [
			...[no("p"), no("q", ["p"]), no("r", ["q"])], // as many turns as the group inside takes
			{ id: "inside", needs: [], if: "item == 1", steps: [no("x")] },
			work("late", {}, { needs: ["inside"], if: "item == 1" }),
		];
		const forEach: ForEachDefinition = { in: [0, 1], as: "item", onFailure: { quorum: 1 } };
		const { state } = await stage.play(flow([{ id: "g", needs: [], steps, forEach }]));
		await stage.pass(100);
		assert.equal(state, "completed");
		assert.deepEqual(stage.began, []);
	},

	async "a forEach inside of a forEach sees both items"(stage) {
		const inner = work("w", { out: x("outer + inner") }, { forEach: { in: x("[outer, outer * 10]"), as: "inner" } });
		const group: StepDefinition = {
			id: "g",
			needs: [],
			steps: [inner],
			forEach: { in: [1, 2], as: "outer" },
			output: x("steps.w.outputs"),
		};
		const { outputs } = await stage.play(flow([group], { outputs: { g: x("steps.g.outputs") } }));
		assert.deepEqual(outputs, {
			g: [
				[2, 11],
				[4, 22],
			],
		});
	},

	async "items survive a restart: those that are over are not done again, and the limit still holds"(stage) {
		const told = { hold: x("item == 0 ? 'open' : 'later'") };
		stage.release("open");
		const id = await stage.start(flow([each(told, { parallel: 2 })], { outputs: { all: x("steps.each.outputs") } }));
		await stage.begun("0", "1", "2");
		await stage.restart();
		stage.release("later");
		assert.deepEqual((await stage.engine.result(id)).outputs, { all: ["0", "1", "2", "3"] });
		assert.equal(stage.began.filter((name) => name === "0").length, 1);
		assert.equal(stage.most, 2);
	},
};
