import assert from "node:assert/strict";
import type { LoopDefinition, StepDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const loop = (
	more: Partial<LoopDefinition> & Pick<LoopDefinition, "steps">,
	step: Partial<StepDefinition> = {},
): StepDefinition => ({
	id: "edit",
	needs: [],
	loop: { max: 4, ...more },
	...step,
});

const outputs = { edit: x("steps.edit.output"), all: x("steps.edit.outputs") };

export const loopCases: Cases = {
	async "a loop goes on until its condition is true, and its output is that of the last round"(stage) {
		const { outputs: made } = await stage.play(
			flow([loop({ steps: [work("a", { out: x("round * 10") })], until: "steps.a.output >= 20" })], { outputs }),
		);
		assert.deepEqual(made, { edit: { a: 20 }, all: [{ a: 0 }, { a: 10 }, { a: 20 }] });
	},

	async "a loop without a condition makes all its rounds"(stage) {
		const { state } = await stage.play(flow([loop({ max: 3, steps: [work("a")] })]));
		assert.equal(state, "completed");
		assert.deepEqual(stage.began, ["edit.0.a", "edit.1.a", "edit.2.a"]);
	},

	async "a loop whose condition never is true completes after its last round, or fails when onMax says so"(stage) {
		const never = { max: 2, until: "false", steps: [work("a")] };
		assert.equal((await stage.play(flow([loop(never)]))).state, "completed");
		const error = await stage.failure(flow([loop({ ...never, onMax: "fail" })]));
		assert.match(error.message, /the loop of step "edit" made 2 rounds and "until" is not true/);
	},

	async "a round sees what the round before made"(stage) {
		const steps = inARow(
			work("review", { out: x('has(steps.revise) ? steps.revise.output + "r" : "first"') }),
			work("revise", { out: x('steps.review.output + "e"') }),
		);
		const { outputs: made } = await stage.play(
			flow([loop({ max: 3, steps }, { output: x("steps.revise.output") })], { outputs }),
		);
		assert.deepEqual(made?.all, ["firste", "firstere", "firsterere"]);
	},

	async "a round runs its own ifs, and skipped steps do not keep it from its end"(stage) {
		const steps = inARow(work("a"), { ...work("b"), if: "round == 1" });
		await stage.play(flow([loop({ max: 2, steps })]));
		assert.deepEqual(stage.began, ["edit.0.a", "edit.1.a", "edit.1.b"]);
	},

	async "a step that fails in a round fails the loop, and there is no further round"(stage) {
		const steps = [work("a", { fail: x("round == 1 ? 'worn out' : ''") })];
		const error = await stage.failure(flow([loop({ steps })]));
		assert.match(error.message, /Step "edit" failed: Step "edit.1.a" failed: worn out/);
		assert.deepEqual(stage.began, ["edit.0.a", "edit.1.a"]);
	},

	async "a condition that cannot be evaluated fails the loop and is named"(stage) {
		const error = await stage.failure(flow([loop({ steps: [work("a")], until: "steps.a.output.nobody == 1" })]));
		assert.match(error.message, /The "until" of step "edit" cannot be evaluated/);
	},

	async "a loop that takes longer than its timeout fails, and its round is cancelled"(stage) {
		const id = await stage.start(flow([loop({ steps: [work("a", { hold: "for ever" })] }, { timeoutMs: 50 })]));
		await stage.begun("edit.0.a");
		await stage.pass(60);
		const { error, steps } = await stage.engine.result(id);
		assert.equal(error?.details?.code, "E_TIMEOUT");
		assert.equal(steps["edit.0.a"], "cancelled");
	},

	async "a loop goes on after a restart where it was"(stage) {
		const steps = [work("a", { hold: x("round == 1 ? 'gate' : 'open'"), out: x("round") })];
		stage.release("open");
		const id = await stage.start(flow([loop({ max: 3, steps })], { outputs }));
		await stage.begun("edit.1.a");
		await stage.restart();
		stage.release("gate");
		assert.deepEqual((await stage.engine.result(id)).outputs?.all, [{ a: 0 }, { a: 1 }, { a: 2 }]);
		assert.equal(stage.began.filter((name) => name === "edit.0.a").length, 1);
	},

	async "loops nest, and the inner one begins anew in each round"(stage) {
		const inner: StepDefinition = { id: "inner", needs: [], loop: { max: 2, steps: [work("a")] } };
		await stage.play(flow([loop({ max: 2, steps: [inner] })]));
		assert.deepEqual(stage.began, ["edit.0.inner.0.a", "edit.0.inner.1.a", "edit.1.inner.0.a", "edit.1.inner.1.a"]);
	},
};
