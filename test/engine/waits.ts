import assert from "node:assert/strict";
import type { StepDefinition, WaitDefinition } from "../../src/workflow/definition.ts";
import { type Cases, flow, inARow, work, x } from "./stage.ts";

const wait = (given: WaitDefinition, id = "wait"): StepDefinition => ({ id, needs: [], wait: given });
const outputs = { got: x("steps.wait.output") };
const signal = flow([wait({ signal: "go" })], { outputs });
const approval = { title: `Pay ${x("inputs.sum")}?`, content: { sum: x("inputs.sum") } };
const pay = (more: Partial<WaitDefinition> = {}, onDeny?: "continue") =>
	flow([wait({ approval: { ...approval, ...(onDeny && { onDeny }) }, ...more })], {
		inputs: { sum: { type: "integer", default: 7 } },
		outputs,
	});

export const waitCases: Cases = {
	async "a signal ends the wait for it, and its data is the output"(stage) {
		const id = await stage.start(signal);
		await stage.step(id, "wait");
		await stage.engine.signal(id, "go", { by: "me" });
		assert.deepEqual((await stage.engine.result(id)).outputs, { got: { by: "me" } });
	},

	async "a signal that comes before the wait is kept for it, and others are not taken"(stage) {
		const id = await stage.start(flow(inARow(work("a", { hold: "a" }), wait({ signal: "go" })), { outputs }));
		await stage.engine.signal(id, "other", 0);
		await stage.engine.signal(id, "go", 1);
		await stage.engine.signal(id, "go", 2);
		stage.release("a");
		assert.deepEqual((await stage.engine.result(id)).outputs, { got: 1 });
	},

	async "each signal ends one wait, the oldest first"(stage) {
		const both = [wait({ signal: "go" }, "first"), wait({ signal: "go" }, "second")];
		const id = await stage.start(flow(both, { outputs: { all: x("[steps.first.output, steps.second.output]") } }));
		await stage.engine.signal(id, "go", 1);
		assert.equal((await stage.step(id, "first", "completed")).steps.second, "running");
		await stage.engine.signal(id, "go", 2);
		assert.deepEqual((await stage.engine.result(id)).outputs, { all: [1, 2] });
	},

	async "a run that is over takes no signal"(stage) {
		const { id } = await stage.play(flow([work("a")]));
		await assert.rejects(stage.engine.signal(id, "go", null), { code: "E_CONFLICT" });
		await assert.rejects(stage.engine.signal("run-of-nobody", "go", null), { code: "E_RUN_UNKNOWN" });
	},

	async "a duration passes, also one that an expression gives"(stage) {
		const steps = inARow(work("a", { out: "200ms" }), wait({ durationMs: x("steps.a.output") }), work("b"));
		const id = await stage.start(flow(steps));
		await stage.step(id, "wait");
		await stage.pass(100);
		assert.equal((await stage.engine.report(id)).steps.wait, "running");
		await stage.pass(150);
		assert.equal((await stage.engine.result(id)).state, "completed");
	},

	async "a wait that expires fails its step, or completes it with null when onTimeout says so"(stage) {
		const failing = await stage.start(flow([wait({ signal: "go", timeoutMs: 50 })]));
		const going = await stage.start(flow([wait({ signal: "go", timeoutMs: 50, onTimeout: "continue" })], { outputs }));
		await stage.pass(60);
		assert.equal((await stage.engine.result(failing)).error?.details?.code, "E_WAIT_EXPIRED");
		assert.deepEqual((await stage.engine.result(going)).outputs, { got: null });
	},

	async "an approval shows what is asked, and the answer is the output"(stage) {
		const id = await stage.start(pay(), { sum: 12 });
		const { title, content, hash, id: question } = await stage.question();
		assert.equal(title, "Pay 12?");
		assert.deepEqual(content, { sum: 12 });
		await stage.engine.answer(question, true, { hash, comment: "fine" });
		const got = (await stage.engine.result(id)).outputs?.got as { [name: string]: unknown };
		assert.deepEqual([got.approved, got.comment, got.hash], [true, "fine", hash]);
		assert.deepEqual(await stage.engine.questions(), []);
	},

	async "a denial fails the step, or completes it when onDeny says so"(stage) {
		const failing = await stage.start(pay());
		await stage.engine.answer((await stage.question()).id, false, { comment: "too much" });
		const { error } = await stage.engine.result(failing);
		assert.equal(error?.details?.code, "E_DENIED");
		assert.match(error?.message ?? "", /too much/);
		const going = await stage.start(pay({}, "continue"));
		await stage.engine.answer((await stage.question()).id, false);
		const { got } = (await stage.engine.result(going)).outputs as { got: { approved: boolean } };
		assert.equal(got.approved, false);
	},

	async "an answer to something else than what is asked is refused, and so is one to nobody or a second one"(stage) {
		const id = await stage.start(pay());
		const { id: question } = await stage.question();
		await assert.rejects(stage.engine.answer(question, true, { hash: "0".repeat(64) }), { code: "E_CONFLICT" });
		await assert.rejects(stage.engine.answer("nobody", true), { code: "E_APPROVAL_UNKNOWN" });
		await stage.engine.answer(question, true);
		await assert.rejects(stage.engine.answer(question, false), {
			code: "E_CONFLICT",
			message: /already answered: approved at/,
		});
		assert.equal((await stage.engine.result(id)).state, "completed");
	},

	async "an approval that nobody gives fails its step, or counts as not given when onTimeout says so"(stage) {
		const failing = await stage.start(pay({ timeoutMs: 50 }));
		await stage.pass(60);
		assert.equal((await stage.engine.result(failing)).error?.details?.code, "E_WAIT_EXPIRED");
		const going = await stage.start(pay({ timeoutMs: 50, onTimeout: "continue" }));
		await stage.pass(60);
		const { got } = (await stage.engine.result(going)).outputs as { got: { approved: boolean; expired: boolean } };
		assert.deepEqual([got.approved, got.expired], [false, true]);
	},

	async "an event ends every wait whose filter is true for it"(stage) {
		const event = { type: "order.paid", filter: "event.data.order == inputs.order" };
		const inputs = { order: { type: "integer" } } as const;
		const orders = flow([wait({ event })], { inputs, outputs: { sum: x("steps.wait.output.data.sum") } });
		const ids = [await stage.start(orders, { order: 1 }), await stage.start(orders, { order: 2 })];
		for (const id of ids) await stage.step(id, "wait");
		assert.equal(await stage.engine.send("order.lost", { order: 2 }), 0);
		assert.equal(await stage.engine.send("order.paid", { no: "order" }), 0);
		assert.equal(await stage.engine.send("order.paid", { order: 2, sum: 9 }), 1);
		assert.deepEqual((await stage.engine.result(ids[1] as string)).outputs, { sum: 9 });
		assert.equal((await stage.engine.report(ids[0] as string)).state, "running");
	},

	async "a wait holds no slot: an engine with one does other work meanwhile"(stage) {
		const waiting = await stage.start(signal, {}, { slots: 1 });
		await stage.step(waiting, "wait");
		assert.equal((await stage.play(flow([work("a")]))).state, "completed");
		assert.equal((await stage.engine.report(waiting)).state, "running");
	},

	async "open waits and kept signals survive a restart, and a wait still expires"(stage) {
		const steps = [wait({ signal: "go" }), wait({ signal: "never", timeoutMs: 500, onTimeout: "continue" }, "late")];
		const kept = work("a", { hold: "a" });
		const after = { ...wait({ signal: "kept" }, "taken"), needs: ["a"] };
		const id = await stage.start(
			flow([...steps, kept, after], { outputs: { ...outputs, taken: x("steps.taken.output") } }),
		);
		await stage.engine.signal(id, "kept", "k");
		await stage.step(id, "wait");
		await stage.restart();
		stage.release("a");
		await stage.engine.signal(id, "go", "g");
		await stage.pass(600);
		assert.deepEqual((await stage.engine.result(id)).outputs, { got: "g", taken: "k" });
	},

	async "waits inside of loops and groups are asked one after the other, and answered each by itself"(stage) {
		const ask: StepDefinition = {
			id: "ask",
			needs: [],
			wait: { approval: { title: x("'round ' + string(round)"), onDeny: "continue" } },
		};
		const loop: StepDefinition = {
			id: "loop",
			needs: [],
			loop: { max: 5, until: "steps.ask.output.approved", steps: [ask] },
		};
		const id = await stage.start(flow([loop]));
		for (const [round, approved] of [false, false, true].entries()) {
			const question = await stage.question();
			assert.equal(question.title, `round ${round}`);
			await stage.engine.answer(question.id, approved);
		}
		assert.equal((await stage.engine.result(id)).state, "completed");
	},
};
