import assert from "node:assert/strict";
import { isArtifactRef } from "../../src/skill/skill.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const once = { maxAttempts: 1, initialMs: 0, factor: 1, capMs: 0, jitter: "none" } as const;
const thrice = { ...once, maxAttempts: 3 };

export const stepCases: Cases = {
	async "steps begin in the order of their needs, and those without a need of each other side by side"(stage) {
		const both = work("c", {}, { needs: ["a", "b"] });
		const id = await stage.start(flow([both, work("a", { hold: "a" }), work("b", { hold: "b" })]));
		await stage.begun("a", "b");
		stage.release("a");
		await stage.step(id, "a", "completed");
		assert.deepEqual(stage.began, ["a", "b"]);
		stage.release("b");
		assert.equal((await stage.engine.result(id)).state, "completed");
		assert.deepEqual(stage.began, ["a", "b", "c"]);
	},

	async "a step whose if is false is skipped, which satisfies the needs of others"(stage) {
		const [a, b, c] = inARow(work("a"), work("b"), work("c", { name: x('"c after " + steps.b.state') }));
		const { state, steps } = await stage.play(flow([a, { ...b, if: 'steps.a.output == "z"' }, c] as never));
		assert.equal(state, "completed");
		assert.deepEqual(stage.began, ["a", "c after skipped"]);
		assert.deepEqual(steps, { a: "completed", b: "skipped", c: "completed" });
	},

	async "inputs, outputs and defaults keep their types"(stage) {
		const steps = inARow(work("a", { out: x("inputs.n + 1") }), work("b", { out: { of: x("steps.a.output") } }));
		const outputs = { b: x("steps.b.output"), text: `n is ${x("inputs.n")}`, list: x("inputs.list") };
		const inputs = { n: { type: "integer" }, list: { type: "array", default: [1] } } as const;
		const { outputs: made } = await stage.play(flow(steps, { inputs: structuredClone(inputs) as never, outputs }), {
			n: 1,
		});
		assert.deepEqual(made, { b: { of: 2 }, text: "n is 1", list: [1] });
	},

	async "inputs that are missing, unknown or of another type are refused, and nothing begins"(stage) {
		const definition = flow([work("a")], { inputs: { n: { type: "integer" } } });
		await stage.open();
		for (const inputs of [{}, { n: "one" }, { n: 1, m: 2 }]) {
			await assert.rejects(stage.engine.start(definition, inputs), { code: "E_INPUT_INVALID" });
		}
		assert.deepEqual(stage.began, []);
	},

	async "a definition that means nothing is refused"(stage) {
		await stage.open();
		const circle = [work("a", {}, { needs: ["b"] }), work("b", {}, { needs: ["a"] })];
		await assert.rejects(stage.engine.start(flow(circle)), { code: "E_WORKFLOW_INVALID" });
		await assert.rejects(stage.engine.report("run-of-nobody"), { code: "E_RUN_UNKNOWN" });
	},

	async "when a step fails, those that run come to their end, nothing new begins, and the run fails with its reason"(
		stage,
	) {
		const steps = [work("a", { fail: "no paper" }), work("b", { hold: "b" }), work("c", {}, { needs: ["b"] })];
		const id = await stage.start(flow(steps));
		await stage.step(id, "a", "failed");
		assert.equal((await stage.engine.report(id)).state, "running");
		stage.release("b");
		const { state, error, steps: states } = await stage.engine.result(id);
		assert.equal(state, "failed");
		assert.match(error?.message ?? "", /Step "a" failed: no paper/);
		assert.deepEqual(error?.details, { step: "a", code: "E_SKILL_FAILED" });
		assert.deepEqual(states, { a: "failed", b: "completed" });
	},

	async "an expression that cannot be evaluated fails its step, which the error names"(stage) {
		const error = await stage.failure(
			flow(inARow(work("a", { out: {} }), work("b", { out: x("steps.a.output.nobody") }))),
		);
		assert.match(error.message, /The "with" of step "b" cannot be evaluated: No such key: nobody/);
		assert.deepEqual(error.details, { step: "b", code: "E_EXPRESSION" });
	},

	async "a step is tried again as its retry says, and completes"(stage) {
		const id = await stage.start(flow([work("a", { fail: "not yet", failTimes: 2 }, { retry: thrice })]));
		await stage.pass(100);
		assert.equal((await stage.engine.result(id)).state, "completed");
		assert.deepEqual(stage.began, ["a", "a", "a"]);
	},

	async "a step that uses up its attempts fails the run"(stage) {
		const id = await stage.start(flow([work("a", { fail: "not yet", failTimes: 9 }, { retry: thrice })]));
		await stage.pass(100);
		assert.equal((await stage.engine.result(id)).state, "failed");
		assert.equal(stage.began.length, 3);
	},

	async "an attempt that takes longer than the step's timeout is ended"(stage) {
		const id = await stage.start(flow([work("a", { hold: "for ever" }, { timeoutMs: 50, retry: once })]));
		await stage.begun("a");
		await stage.pass(60);
		const { error } = await stage.engine.result(id);
		assert.equal(error?.details?.code, "E_TIMEOUT");
	},

	async "a group of steps is one step: its needs, its if, and its output by step id"(stage) {
		const inside = inARow(work("b", { out: 1 }), work("c", { out: x("steps.b.output + 1") }));
		const group = { id: "g", needs: ["a"], steps: inside };
		const steps = [work("a"), group, { ...group, id: "h", if: "false" }, work("d", {}, { needs: ["g", "h"] })];
		const outputs = { g: x("steps.g.output"), h: x("steps.h.output") };
		const { outputs: made, steps: states } = await stage.play(flow(steps, { outputs }));
		assert.deepEqual(made, { g: { b: 1, c: 2 }, h: null });
		assert.equal(states["g.0.c"], "completed");
		assert.equal(states.h, "skipped");
	},

	async "a group that takes longer than its timeout fails, and what runs in it is cancelled"(stage) {
		const steps = inARow(work("a", { hold: "for ever" }), work("b"));
		const id = await stage.start(flow([{ id: "g", needs: [], timeoutMs: 50, steps }]));
		await stage.begun("g.0.a");
		await stage.pass(60);
		const { error, steps: states } = await stage.engine.result(id);
		assert.equal(error?.details?.code, "E_TIMEOUT");
		assert.deepEqual(states, { g: "failed", "g.0.a": "cancelled" });
	},

	async "inner steps see outer ones, and one of the same name hides the outer one"(stage) {
		const inside = inARow(
			work("a", { out: x("'inner after ' + steps.b.output") }),
			work("c", { out: x("steps.a.output") }),
		);
		const group = { id: "g", needs: ["a", "b"], steps: inside, output: x("steps.c.output") };
		const { outputs } = await stage.play(flow([work("a"), work("b"), group], { outputs: { g: x("steps.g.output") } }));
		assert.deepEqual(outputs, { g: "inner after b" });
	},

	async "a large output is a reference to an artifact, and an expression over what is in it says so"(stage) {
		const big = { text: "x".repeat(70_000) };
		const made = await stage.play(flow([work("a", { out: big })], { outputs: { a: x("steps.a.output") } }));
		assert.ok(isArtifactRef(made.outputs?.a), JSON.stringify(made.outputs).slice(0, 200));
		const over = work("b", { out: x("size(steps.a.output.text)") });
		const error = await stage.failure(flow(inARow(work("a", { out: big }), over)));
		assert.match(error.message, /"with" of step "b"/);
	},
};
