import assert from "node:assert/strict";
import type { WorkflowDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, work, x } from "./stage.ts";

/** Runs of one customer at a time. */
const grouped = (policy: NonNullable<WorkflowDefinition["concurrency"]>["policy"], limit = 1): WorkflowDefinition =>
	flow([work("a", { name: x("inputs.name"), hold: x("inputs.name") })], {
		inputs: { name: { type: "string" }, customer: { type: "string", default: "c" } },
		concurrency: { group: x("inputs.customer"), limit, policy },
	});

export const groupCases: Cases = {
	async "policy queue: a run waits until its group has room, and runs of another group do not wait"(stage) {
		const definition = grouped("queue");
		const first = await stage.start(definition, { name: "one" });
		const second = await stage.start(definition, { name: "two" });
		await stage.start(definition, { name: "other", customer: "d" });
		await stage.begun("one", "other");
		assert.equal((await stage.engine.report(second)).state, "queued");
		stage.release("one");
		await stage.engine.result(first);
		await stage.begun("two");
		stage.release("two");
		assert.equal((await stage.engine.result(second)).state, "completed");
	},

	async "a group lets as many runs go on as its limit says, in the order in which they came"(stage) {
		const definition = grouped("queue", 2);
		const ids: string[] = [];
		for (const name of ["one", "two", "three", "four"]) ids.push(await stage.start(definition, { name }));
		await stage.begun("one", "two");
		stage.release("two");
		await stage.begun("three");
		assert.ok(!stage.began.includes("four"));
		for (const name of ["one", "three", "four"]) stage.release(name);
		for (const id of ids) assert.equal((await stage.engine.result(id)).state, "completed");
	},

	async "policy reject: a run that finds its group full is refused"(stage) {
		const definition = grouped("reject");
		await stage.start(definition, { name: "one" });
		await assert.rejects(stage.engine.start(definition, { name: "two" }), { code: "E_CONFLICT" });
		assert.deepEqual(
			stage.began.filter((name) => name === "two"),
			[],
		);
	},

	async "policy cancel-previous: the older run is cancelled, and the new one takes its place"(stage) {
		const definition = grouped("cancel-previous");
		const first = await stage.start(definition, { name: "one" });
		await stage.begun("one");
		const second = await stage.start(definition, { name: "two" });
		assert.equal((await stage.engine.result(first)).state, "cancelled");
		await stage.begun("two");
		stage.release("two");
		assert.equal((await stage.engine.result(second)).state, "completed");
	},

	async "a queued run that is cancelled never begins, and the next one takes its turn"(stage) {
		const definition = grouped("queue");
		await stage.start(definition, { name: "one" });
		const second = await stage.start(definition, { name: "two" });
		const third = await stage.start(definition, { name: "three" });
		await stage.engine.cancel(second);
		stage.release("one");
		stage.release("three");
		assert.equal((await stage.engine.result(third)).state, "completed");
		assert.equal((await stage.engine.result(second)).state, "cancelled");
		assert.ok(!stage.began.includes("two"));
	},

	async "queued runs keep their places over a restart"(stage) {
		const definition = grouped("queue");
		await stage.start(definition, { name: "one" });
		const second = await stage.start(definition, { name: "two" });
		await stage.begun("one");
		await stage.restart();
		assert.equal((await stage.engine.report(second)).state, "queued");
		stage.release("one");
		stage.release("two");
		assert.equal((await stage.engine.result(second)).state, "completed");
	},

	async "inner runs obey the group of their workflow: queue waits, reject fails the step"(stage) {
		const call = {
			id: "call",
			needs: [],
			workflow: "queued",
			forEach: { in: ["p", "q"], as: "n" },
			with: { name: x("n") },
		};
		const workflows = [
			{ ...grouped("queue"), name: "queued" },
			{ ...grouped("reject"), name: "rejected" },
		];
		stage.release("p");
		stage.release("q");
		assert.equal((await stage.play(flow([call]), {}, { workflows })).state, "completed");
		assert.equal(stage.most, 1);
		const error = await stage.failure(flow([{ ...call, workflow: "rejected" }]));
		assert.equal(error.details?.code, "E_CONFLICT");
	},

	async "an inner run with which a run begins waits for its group too"(stage) {
		const workflows = [{ ...grouped("queue"), name: "queued" }];
		await stage.open({ workflows });
		await stage.start(workflows[0] as WorkflowDefinition, { name: "one" });
		const call = { id: "call", needs: [], workflow: "queued", with: { name: "two" } };
		const id = await stage.start(flow([call]));
		await stage.begun("one");
		await stage.pass(100);
		assert.deepEqual(stage.began, ["one"]);
		stage.release("one");
		stage.release("two");
		assert.equal((await stage.engine.result(id)).state, "completed");
	},

	async "a run that would wait for a place that the run around it holds fails instead"(stage) {
		const call = { id: "call", needs: [], workflow: "flow", if: "inputs.n > 0", with: { n: 0 } };
		const again = flow([call], {
			inputs: { n: { type: "integer" } },
			concurrency: { group: "g", limit: 1, policy: "queue" },
		});
		const error = await stage.failure(again, { n: 1 });
		assert.match(error.message, /the run would wait for itself/);
	},
};
