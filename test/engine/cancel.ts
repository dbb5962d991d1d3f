import assert from "node:assert/strict";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const inner = flow(inARow(work("i", { name: "inner", hold: "for ever" }), work("j", { name: "inner next" })), {
	name: "inner",
});

export const cancelCases: Cases = {
	async "cancel reaches every running step, also inner runs, groups and waits, and nothing begins after it"(stage) {
		const steps = [
			...inARow(work("a", { name: "a", hold: "for ever" }), work("b", { name: "b" })),
			{ id: "run", needs: [], workflow: "inner" },
			{ id: "group", needs: [], steps: inARow(work("g", { name: "g", hold: "for ever" }), work("h", { name: "h" })) },
			{ id: "wait", needs: [], wait: { approval: { title: "May I?" } } },
		];
		const id = await stage.start(flow(steps), {}, { workflows: [inner] });
		await stage.begun("a", "inner", "g");
		await stage.question();
		await stage.engine.cancel(id);
		const { state, error, steps: states } = await stage.engine.report(id);
		assert.equal(state, "cancelled");
		assert.equal(error?.code, "E_CANCELLED");
		assert.deepEqual(new Set(Object.values(states)), new Set(["cancelled"]));
		assert.deepEqual(await stage.engine.questions(), []);
		stage.release("for ever");
		await stage.pass(100);
		assert.deepEqual(stage.began.toSorted(), ["a", "g", "inner"]);
		assert.deepEqual(stage.done, []);
	},

	async "a step that ends while its run is being cancelled starts nothing, also in an inner run"(stage) {
		const call = { id: "run", needs: [], workflow: "inner" };
		const id = await stage.start(flow([call]), {}, { workflows: [inner] });
		await stage.begun("inner");
		const cancelled = stage.engine.cancel(id);
		stage.release("for ever");
		await cancelled;
		await stage.pass(100);
		assert.deepEqual(stage.began, ["inner"]);
	},

	async "neither onFailure nor finally nor compensation runs after a cancel"(stage) {
		const done = work("a", { name: "a" }, { compensate: { skill: "work", with: { name: "undo" } } });
		const steps = inARow(done, work("b", { name: "b", hold: "for ever" }));
		const id = await stage.start(flow(steps, { onFailure: [work("tell")], finally: [work("clean")] }));
		await stage.begun("b");
		await stage.engine.cancel(id);
		await stage.pass(100);
		assert.deepEqual(stage.began, ["a", "b"]);
	},

	async "a run that is cancelled while it undoes what it did stops there"(stage) {
		const done = work("a", { name: "a" }, { compensate: { skill: "work", with: { name: "undo", hold: "for ever" } } });
		const id = await stage.start(
			flow(inARow(done, work("b", { name: "b", fail: "no" })), { finally: [work("clean")] }),
		);
		await stage.begun("undo");
		await stage.engine.cancel(id);
		assert.equal((await stage.engine.result(id)).state, "cancelled");
		assert.deepEqual(stage.began, ["a", "b", "undo"]);
	},

	async "cancelling a run that is over changes nothing"(stage) {
		const { id } = await stage.play(flow([work("a")]));
		await stage.engine.cancel(id);
		assert.equal((await stage.engine.report(id)).state, "completed");
	},

	async "a cancelled inner run fails the step that ran it"(stage) {
		const call = { id: "run", needs: [], workflow: "inner" };
		const id = await stage.start(flow([call], { outputs: { s: x("1") } }), {}, { workflows: [inner] });
		await stage.begun("inner");
		await stage.engine.cancel(`${id}.run`);
		const { state, error } = await stage.engine.result(id);
		assert.equal(state, "failed");
		assert.match(error?.message ?? "", /Step "run" failed: cancelled/);
	},

	async "a cancelled run stays cancelled over a restart"(stage) {
		const id = await stage.start(flow([work("a", { name: "a", hold: "a" })]));
		await stage.begun("a");
		await stage.engine.cancel(id);
		await stage.restart();
		stage.release("a");
		await stage.pass(100);
		assert.equal((await stage.engine.report(id)).state, "cancelled");
		assert.deepEqual(stage.began, ["a"]);
	},
};
