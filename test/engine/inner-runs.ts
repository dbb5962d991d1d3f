import assert from "node:assert/strict";
import type { StepDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const inner = flow(
	inARow(
		work("a", { name: x("inputs.name"), fail: x("inputs.fail"), hold: x("inputs.hold") }),
		work("b", { name: x("inputs.name + 'b'") }),
	),
	{
		name: "inner",
		inputs: {
			name: { type: "string" },
			fail: { type: "string", default: "" },
			hold: { type: "string", default: "open" },
		},
		outputs: { said: x("steps.b.output") },
	},
);
const options = { workflows: [inner] };

const call = (given: NonNullable<StepDefinition["with"]>, more: Partial<StepDefinition> = {}): StepDefinition => ({
	id: "call",
	needs: [],
	workflow: "inner",
	with: given,
	...more,
});

export const innerRunCases: Cases = {
	async "a workflow step runs another workflow, and its outputs are the step's output"(stage) {
		stage.release("open");
		const definition = flow([call({ name: "n" })], { outputs: { said: x("steps.call.output.said") } });
		assert.deepEqual((await stage.play(definition, {}, options)).outputs, { said: "nb" });
	},

	async "inputs that the inner workflow does not take fail the step"(stage) {
		const error = await stage.failure(flow([call({ nome: "n" })]), {}, options);
		assert.equal(error.details?.code, "E_INPUT_INVALID");
		assert.deepEqual(stage.began, []);
	},

	async "a failed inner run fails the step with its reason"(stage) {
		stage.release("open");
		const error = await stage.failure(flow([call({ name: "n", fail: "no ink" })]), {}, options);
		assert.match(error.message, /Step "call" failed: Step "a" failed: no ink/);
	},

	async "a forEach over inner runs keeps order, limit and policy"(stage) {
		stage.release("open");
		const step = call(
			{ name: x("string(n)"), fail: x("n == 2 ? 'two' : ''") },
			{ forEach: { in: [1, 2, 3], as: "n", parallel: 1, onFailure: "best-effort" } },
		);
		const outputs = { said: x("steps.call.outputs"), missing: x("steps.call.missing.map(m, m.index)") };
		const made = await stage.play(flow([step], { outputs }), {}, options);
		assert.deepEqual(made.outputs, { said: [{ said: "1b" }, null, { said: "3b" }], missing: [1] });
		assert.equal(stage.most, 1);
	},

	async "a workflow that nobody knows is refused when the run starts, by its name"(stage) {
		await stage.open();
		const definition = flow([call({}, { workflow: "nobody" })]);
		await assert.rejects(stage.engine.start(definition), { code: "E_WORKFLOW_UNKNOWN", message: /"nobody"/ });
	},

	async "a workflow that runs itself ends at a bound, with an error"(stage) {
		const again = flow([call({}, { workflow: "flow" })]);
		const error = await stage.failure(again);
		assert.match(error.message, /runs may nest 8 deep/);
	},

	async "a workflow that runs itself under a condition ends by it"(stage) {
		const steps = [
			work("a", { name: x("'n' + string(inputs.n)") }),
			call({ n: x("inputs.n - 1") }, { workflow: "flow", if: "inputs.n > 0" }),
		];
		const { state } = await stage.play(flow(steps, { inputs: { n: { type: "integer" } } }), { n: 3 });
		assert.equal(state, "completed");
		assert.deepEqual(stage.began, ["n3", "n2", "n1", "n0"]);
	},

	async "a workflow step that takes longer than its timeout fails, and the inner run is cancelled"(stage) {
		const id = await stage.start(flow([call({ name: "n", hold: "for ever" }, { timeoutMs: 50 })]), {}, options);
		await stage.begun("n");
		await stage.pass(60);
		const { error } = await stage.engine.result(id);
		assert.equal(error?.details?.code, "E_TIMEOUT");
		stage.release("for ever");
		await stage.pass(60);
		assert.deepEqual(stage.done, []);
	},

	async "inner runs go on after a restart, and their steps that are over are not done again"(stage) {
		const inside = flow(inARow(work("a", { name: "a" }), work("b", { name: "b", hold: "b" })), {
			name: "inside",
			outputs: { b: x("steps.b.output") },
		});
		const step = call({}, { workflow: "inside" });
		const id = await stage.start(
			flow([step], { outputs: { b: x("steps.call.output.b") } }),
			{},
			{ workflows: [inside] },
		);
		await stage.begun("b");
		await stage.restart();
		stage.release("b");
		assert.deepEqual((await stage.engine.result(id)).outputs, { b: "b" });
		assert.equal(stage.began.filter((name) => name === "a").length, 1);
	},

	async "a wait with which an inner run begins expires"(stage) {
		const inside = flow([{ id: "w", needs: [], wait: { signal: "go", timeoutMs: 50 } }], { name: "inside" });
		const id = await stage.start(flow([call({}, { workflow: "inside" })]), {}, { workflows: [inside] });
		await stage.pass(100);
		const { error } = await stage.engine.result(id);
		assert.match(error?.message ?? "", /what step "w" waited for did not come/);
	},
};
