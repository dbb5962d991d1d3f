import assert from "node:assert/strict";
import type { StepDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const broken = work("broken", { fail: "no ink" });

/** A step that is undone by a task called `undo ...`. */
const undone = (
	id: string,
	name: string = x(`'undo ${id} ' + string(steps.${id}.output)`),
	more: Partial<StepDefinition> = {},
): StepDefinition => work(id, {}, { compensate: { skill: "work", with: { name } }, ...more });

const undos = (began: readonly string[]): string[] => began.filter((name) => name.startsWith("undo"));

export const afterwardCases: Cases = {
	async "onFailure runs when the run failed, and is told of the error"(stage) {
		const tell = work("tell", { name: x("error.step + ': ' + error.message") });
		const { state, steps } = await stage.play(flow([broken], { onFailure: [tell] }));
		assert.equal(state, "failed");
		assert.equal(steps["onFailure.tell"], "completed");
		assert.match(stage.began[1] ?? "", /^broken: .*no ink/);
	},

	async "onFailure does not run after success"(stage) {
		await stage.play(flow([work("a")], { onFailure: [work("tell")] }));
		assert.deepEqual(stage.began, ["a"]);
	},

	async "finally runs after success and after failure, and knows which it was"(stage) {
		const last = [work("clean", { name: x("'clean ' + run.state") })];
		await stage.play(flow([work("a")], { finally: last }));
		await stage.failure(flow([broken], { onFailure: [work("tell", { name: "tell" })], finally: last }));
		assert.deepEqual(stage.began, ["a", "clean completed", "broken", "tell", "clean failed"]);
	},

	async "a failed onFailure does not hide the run's own error, and finally still runs"(stage) {
		const error = await stage.failure(
			flow([broken], { onFailure: [work("tell", { fail: "nobody" })], finally: [work("clean", { name: "clean" })] }),
		);
		assert.match(error.message, /no ink/);
		assert.equal(stage.began.at(-1), "clean");
	},

	async "a failed finally fails a run that had completed"(stage) {
		const error = await stage.failure(flow([work("a")], { finally: [work("clean", { fail: "stuck" })] }));
		assert.match(error.message, /finally.clean.*stuck/);
	},

	async "onFailure and finally see what became of the main steps"(stage) {
		const last = [work("clean", { name: x("steps.a.output + ' ' + steps.broken.state") })];
		await stage.failure(flow(inARow(work("a"), broken), { finally: last }));
		assert.equal(stage.began.at(-1), "a failed");
	},

	async "completed steps are undone in reverse order when a later one fails for good, one after the other"(stage) {
		const error = await stage.failure(flow(inARow(undone("a"), undone("b"), work("c"), broken)));
		assert.match(error.message, /no ink/);
		assert.deepEqual(undos(stage.began), ["undo b b", "undo a a"]);
		assert.equal(stage.most, 1);
	},

	async "nothing is undone when the run completes"(stage) {
		await stage.play(flow([undone("a")]));
		assert.deepEqual(stage.began, ["a"]);
	},

	async "only what completed is undone: not the step that failed, not one that was skipped"(stage) {
		const failing = { ...undone("b"), with: { fail: "no" } };
		await stage.failure(flow(inARow(undone("a"), { ...undone("s", "undo s"), if: "false" }, failing)));
		assert.deepEqual(undos(stage.began), ["undo a a"]);
	},

	async "each completed item of a forEach is undone, with its item and its output"(stage) {
		const each = work(
			"each",
			{ fail: x("item == 2 ? 'two' : ''"), out: x("item * 10") },
			{
				forEach: { in: [1, 2, 3], as: "item", onFailure: "best-effort" },
				compensate: {
					skill: "work",
					with: { name: x("'undo ' + string(item) + ' ' + string(index) + ' ' + string(output)") },
				},
			},
		);
		await stage.failure(flow(inARow(each, broken)));
		assert.deepEqual(undos(stage.began).sort(), ["undo 1 0 10", "undo 3 2 30"]);
	},

	async "steps inside of groups and loops are undone too, in the reverse of the order in which they completed"(stage) {
		const group: StepDefinition = {
			id: "g",
			needs: [],
			forEach: { in: [1, 2], as: "n", parallel: 1 },
			steps: [undone("a", x("'undo g' + string(n)"))],
		};
		const loop: StepDefinition = {
			id: "l",
			needs: [],
			loop: { max: 2, steps: [undone("b", x("'undo l' + string(round)"))] },
		};
		await stage.failure(flow(inARow(group, loop, broken)));
		assert.deepEqual(undos(stage.began), ["undo l1", "undo l0", "undo g2", "undo g1"]);
	},

	async "an inner run is undone as a whole by the step that ran it"(stage) {
		const inner = flow([work("i", { name: "i" })], { name: "inner", outputs: { i: x("steps.i.output") } });
		const call: StepDefinition = {
			id: "call",
			needs: [],
			workflow: "inner",
			compensate: { skill: "work", with: { name: x("'undo ' + steps.call.output.i") } },
		};
		await stage.failure(flow(inARow(call, broken)), {}, { workflows: [inner] });
		assert.deepEqual(undos(stage.began), ["undo i"]);
	},

	async "a compensation that fails is named, and the others are still made"(stage) {
		const stuck: StepDefinition = {
			...undone("b"),
			compensate: { skill: "work", with: { name: "undo b", fail: "jammed" } },
		};
		const error = await stage.failure(flow(inARow(undone("a"), stuck, broken)));
		assert.match(error.message, /no ink.*could not be undone: b/);
		assert.deepEqual(error.details?.notCompensated, [{ step: "b", message: "jammed" }]);
		assert.deepEqual(undos(stage.began), ["undo b", "undo a a"]);
	},

	async "compensation goes on after a restart, and what is undone is not undone again"(stage) {
		const slow: StepDefinition = {
			...undone("a"),
			compensate: { skill: "work", with: { name: "undo a", hold: "gate" } },
		};
		const id = await stage.start(flow(inARow(slow, undone("b"), broken)));
		await stage.begun("undo a");
		await stage.restart();
		stage.release("gate");
		assert.equal((await stage.engine.result(id)).state, "failed");
		assert.equal(undos(stage.began).filter((name) => name === "undo b b").length, 1);
		assert.ok(stage.done.includes("undo a"));
	},
};
