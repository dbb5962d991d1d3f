import assert from "node:assert/strict";
import type { StepDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

/** Three steps in a row; the last one fails as long as the input says so. */
const chain = (first: Partial<StepDefinition> = {}) =>
	flow(
		inARow(
			work("a", { name: "a", out: x("'a of ' + inputs.by") }, first),
			work("b", { name: "b", out: x("steps.a.output + ', b of ' + inputs.by") }),
			work("c", { name: "c", fail: x("inputs.broken ? 'no ink' : ''"), out: x("steps.b.output") }),
		),
		{
			inputs: { broken: { type: "boolean", default: false }, by: { type: "string", default: "me" } },
			outputs: { all: x("steps.c.output") },
		},
	);

export const againCases: Cases = {
	async "again from the failed steps: what completed is taken over and not done again"(stage) {
		const { id } = await stage.play(chain(), { broken: true });
		const next = await stage.engine.again(id, { inputs: { broken: false, by: "you" } });
		assert.notEqual(next, id);
		assert.deepEqual((await stage.engine.result(next)).outputs, { all: "a of me, b of me" });
		assert.deepEqual(stage.began, ["a", "b", "c", "c"]);
		assert.equal((await stage.engine.report(id)).state, "failed");
	},

	async "again from a step: it and all that needs it is done again, with other inputs"(stage) {
		const { id } = await stage.play(chain());
		const next = await stage.engine.again(id, { from: "b", inputs: { by: "you" } });
		assert.deepEqual((await stage.engine.result(next)).outputs, { all: "a of me, b of you" });
		assert.deepEqual(stage.began, ["a", "b", "c", "b", "c"]);
	},

	async "what was undone is done again"(stage) {
		const undone = { compensate: { skill: "work", with: { name: "undo a" } } };
		const { id } = await stage.play(chain(undone), { broken: true });
		const next = await stage.engine.again(id, { inputs: { broken: false } });
		assert.equal((await stage.engine.result(next)).state, "completed");
		assert.deepEqual(stage.began, ["a", "b", "c", "undo a", "a", "b", "c"]);
	},

	async "a forEach, a group and a loop that completed are taken over as a whole"(stage) {
		const each = work("each", { name: x("'each ' + string(n)"), out: x("n") }, { forEach: { in: [1, 2], as: "n" } });
		const group: StepDefinition = { id: "group", needs: [], steps: [work("g", { name: "g" })] };
		const loop: StepDefinition = { id: "loop", needs: [], loop: { max: 2, steps: [work("l", { name: "l" })] } };
		const last = work(
			"last",
			{ name: "last", fail: x("inputs.broken ? 'no' : ''") },
			{ needs: ["each", "group", "loop"] },
		);
		const outputs = { all: x("[steps.each.outputs, steps.group.output, steps.loop.outputs]") };
		const definition = flow([each, group, loop, last], { inputs: { broken: { type: "boolean" } }, outputs });
		const { id } = await stage.play(definition, { broken: true });
		const next = await stage.engine.again(id, { inputs: { broken: false } });
		assert.deepEqual((await stage.engine.result(next)).outputs, {
			all: [[1, 2], { g: "g" }, [{ l: "l" }, { l: "l" }]],
		});
		assert.equal(stage.began.length, 7);
	},

	async "what was taken over is undone with the inputs and the id of the run that did it"(stage) {
		const undo = (name: string) => ({ compensate: { skill: "work", with: { name: x(name), hold: "undo" } } });
		const hosts = { in: x("inputs.hosts"), as: "host" };
		const each = work("each", {}, { forEach: hosts, ...undo("'undo each ' + host + ' of ' + run.id") });
		const member = work("member", {}, undo("'undo member ' + host + ' of ' + run.id"));
		const group: StepDefinition = { id: "group", needs: ["each"], forEach: hosts, steps: [member] };
		const next = work("next", {}, { needs: ["group"], ...undo("'undo next ' + inputs.hosts[0] + ' of ' + run.id") });
		const last = work("last", { fail: x("inputs.broken ? 'no' : ''") }, { needs: ["next"] });
		const inputs = { hosts: { type: "array" }, broken: { type: "boolean", default: false } } as const;
		const { id: first } = await stage.play(flow([each, group, next, last], { inputs }), { hosts: ["a", "b"] });
		const second = await stage.engine.again(first, { from: "next", inputs: { hosts: ["c"] } });
		await stage.engine.result(second);
		const before = stage.began.length;
		const third = await stage.engine.again(second, { from: "last", inputs: { hosts: ["d"], broken: true } });
		while (stage.began.length < before + 2) await stage.pass(20);
		await stage.restart();
		stage.release("undo");
		assert.equal((await stage.engine.result(third)).state, "failed");
		assert.deepEqual([...new Set(stage.began.slice(before))].sort(), [
			"last",
			`undo each a of ${first}`,
			`undo each b of ${first}`,
			`undo member a of ${first}`,
			`undo member b of ${first}`,
			`undo next c of ${second}`,
		]);
	},

	async "a cancelled run can be begun again"(stage) {
		const id = await stage.start(flow(inARow(work("a", { name: "a" }), work("b", { name: "b", hold: "b" }))));
		await stage.begun("b");
		await stage.engine.cancel(id);
		stage.release("b");
		assert.equal((await stage.engine.result(await stage.engine.again(id))).state, "completed");
		assert.deepEqual(stage.began, ["a", "b", "b"]);
	},

	async "a run that is not over, and a step that is not there, are refused"(stage) {
		const id = await stage.start(flow([work("a", { hold: "a" })]));
		await assert.rejects(stage.engine.again(id), { code: "E_CONFLICT" });
		stage.release("a");
		await stage.engine.result(id);
		await assert.rejects(stage.engine.again(id, { from: "nobody" }), { code: "E_INPUT_INVALID", message: /nobody/ });
	},
};
