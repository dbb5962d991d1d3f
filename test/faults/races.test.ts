/** Cancel, complete, retry, timeout and deadline meet in every order: one end, and nothing after it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Delegation, type Orchestrator, WorkerAgent } from "../../src/index.ts";
import { deaf, does, echo, gate, hang, start } from "./start.ts";

const ENDS = ["task.completed", "task.failed", "task.cancelled", "task.skipped"];

/** Ends of a task in the journal. */
async function endsOf(orchestrator: Orchestrator, id: string): Promise<string[]> {
	const { lastEvent } = orchestrator.status().components.journal;
	const ends: string[] = [];
	for await (const event of orchestrator.events({ after: 0 })) {
		if ("id" in event && event.id === id && ENDS.includes(event.type)) ends.push(event.type);
		if (event.seq >= lastEvent) break;
	}
	return ends;
}

type Move = "cancel" | "finish" | "fail" | "timeout";
const moves: Move[] = ["cancel", "finish", "fail", "timeout"];
const orders = moves.flatMap((a) =>
	moves.filter((b) => b !== a).flatMap((b) => moves.filter((c) => c !== a && c !== b).map((c) => [a, b, c])),
);

test(`cancel, result, error and timeout in all ${orders.length} orders leave one end, and cancel nothing to run`, async (t) => {
	const waiting = new Map<string, PromiseWithResolvers<string>>();
	const begun = new Map<string, PromiseWithResolvers<void>>();
	let started = 0;
	const skill = does("race", (input) => {
		started++;
		const own = gate<string>();
		waiting.set(input as string, own);
		begun.get(input as string)?.resolve();
		return own.promise;
	});
	const orchestrator = await start(t, { workers: 30, skills: [skill], abortGraceMs: 15 });
	await Promise.all(
		orders.map(async (order) => {
			const name = order.join(" ");
			begun.set(name, gate());
			const id = await orchestrator.submit({ type: "race", input: name, timeout: 25, retry: { initial: 1 } });
			await begun.get(name)?.promise;
			const cancels: Promise<void>[] = [];
			for (const move of order) {
				if (move === "cancel") cancels.push(orchestrator.cancel(id));
				else if (move === "finish") waiting.get(name)?.resolve("done");
				else if (move === "fail") waiting.get(name)?.reject(new Error("no"));
				else await new Promise((resolve) => setTimeout(resolve, 30));
			}
			await Promise.all(cancels);
			const inTime = order.includes("finish") && order.indexOf("finish") < order.indexOf("cancel");
			if (order.includes("cancel")) {
				const { state } = orchestrator.task(id);
				assert.ok(state === "cancelled" || (inTime && state === "completed"), `${name}: ${state} after its cancel`);
			}
			const before = started;
			await orchestrator.cancel(id);
			assert.equal((await endsOf(orchestrator, id)).length, 1, name);
			assert.equal(started, Math.max(before, started));
		}),
	);
});

test("a cancel while a timed-out attempt is in its grace is final: there is no further attempt", async (t) => {
	const began: number[] = [];
	const skill = does("stuck", (_, { task }) => {
		began.push(task.attempt);
		return new Promise(() => undefined);
	});
	const orchestrator = await start(t, { skills: [skill], abortGraceMs: 80 });
	const id = await orchestrator.submit({ type: "stuck", timeout: 10, retry: { initial: 1 } });
	await new Promise((resolve) => setTimeout(resolve, 40));
	await orchestrator.cancel(id);
	assert.equal(orchestrator.task(id).state, "cancelled");
	assert.deepEqual(began, [1]);
});

test("cancelling a coordinator's task cancels all that it delegated, and what those delegated", async (t) => {
	const orchestrator = await start(t, { workers: 8, skills: [hang, echo] });
	const inner = { type: "coordinate", input: { tasks: [{ type: "hang" }, { type: "hang" }] } };
	const id = await orchestrator.submit({ type: "coordinate", input: { tasks: [inner, { type: "hang" }] } });
	while (orchestrator.status().taskQueue.running < 3) await new Promise((resolve) => setImmediate(resolve));
	await orchestrator.cancel(id);
	const { running, cancelled, pending } = orchestrator.status().taskQueue;
	assert.deepEqual({ running, cancelled, pending }, { running: 0, cancelled: 5, pending: 0 });
});

test("cancelling a run cancels its running and its waiting steps", async (t) => {
	const step = (id: string, needs: string[]) => ({ id, skill: "hang", needs, with: null });
	const steps = [step("a", []), step("b", []), step("c", ["a", "b"])];
	const orchestrator = await start(t, { skills: [hang], definitions: [{ name: "w", inputs: {}, steps, outputs: {} }] });
	const id = await orchestrator.startRun("w");
	while (orchestrator.status().taskQueue.running < 2) await new Promise((resolve) => setImmediate(resolve));
	await orchestrator.cancel(id);
	const run = await orchestrator.waitRun(id, { timeout: "2s" });
	assert.equal(run.state, "cancelled");
	assert.equal(orchestrator.status().taskQueue.running, 0);
	assert.equal(orchestrator.status().taskQueue.pending, 0);
});

test("a deadline ends a task that waits, one that runs and one that backs off", async (t) => {
	const failing = does("failing", () => {
		throw new Error("again");
	});
	const orchestrator = await start(t, { skills: [hang, failing] });
	const deadline = Date.now() + 60;
	const ids = await orchestrator.submitMany([
		{ type: "nobody-can", deadline },
		{ type: "hang", deadline },
		{ type: "failing", deadline, retry: { initial: 500, jitter: "none" } },
		{ type: "hang", deadline, delay: 5_000 },
	]);
	for (const id of ids) assert.equal((await orchestrator.wait(id, { timeout: "5s" })).error?.code, "E_DEADLINE");
});

test("a task that no agent can do says so, and starts when one is added", async (t) => {
	const orchestrator = await start(t);
	const id = await orchestrator.submit({ type: "paint", input: 1 });
	assert.equal(orchestrator.task(id).waiting?.reason, "no-capable-agent");
	await orchestrator.addAgent(new WorkerAgent({ name: "painter", skills: [does("paint", () => "painted")] }));
	assert.equal((await orchestrator.wait(id, { timeout: "5s" })).output, "painted");
});

test("an agent that shows no life loses its task to another, and its late result is refused", async (t) => {
	const late = gate<string>();
	class Dead extends WorkerAgent {
		override alive(): Promise<boolean> {
			return new Promise(() => undefined);
		}
	}
	const agent = (name: string, Kind: typeof WorkerAgent, run: () => unknown): WorkerAgent =>
		new Kind({ name, skills: [does("carry", run)] });
	const orchestrator = await start(t, { heartbeatMs: 10, leaseMs: 30, workers: 0 });
	await orchestrator.addAgent(agent("dead", Dead, () => late.promise));
	const id = await orchestrator.submit({ type: "carry" });
	while (orchestrator.task(id).state !== "running") await new Promise((resolve) => setImmediate(resolve));
	await orchestrator.addAgent(agent("live", WorkerAgent, () => "by the live one"));
	const task = await orchestrator.wait(id, { timeout: "5s" });
	late.resolve("by the dead one");
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal(orchestrator.task(id).output, "by the live one");
	assert.equal(task.attempts, 2);
	assert.equal(orchestrator.agents().find(({ name }) => name === "dead")?.state, "unhealthy");
	assert.equal(orchestrator.status().taskQueue.refusedResults, 1);
});

test("a delegation of nothing ends the task instead of parking it for ever", async (t) => {
	class Empty extends WorkerAgent {
		override async perform(): Promise<unknown> {
			return new Delegation([]);
		}
	}
	const orchestrator = await start(t);
	await orchestrator.addAgent(new Empty({ name: "empty", skills: [does("split", () => null)] }));
	const id = await orchestrator.submit({ type: "split", retry: false });
	assert.equal((await orchestrator.wait(id, { timeout: "2s" })).state, "failed");
});

for (const on of ["its parent", "what depends on its parent"]) {
	test(`a child that depends on ${on} is refused: both would wait for ever`, async (t) => {
		const asked = gate<string>();
		class Knot extends WorkerAgent {
			override async perform(): Promise<unknown> {
				return new Delegation([{ type: "echo", dependsOn: [await asked.promise] }]);
			}
		}
		const orchestrator = await start(t, { skills: [echo] });
		await orchestrator.addAgent(new Knot({ name: "knot", skills: [does("split", () => null)] }));
		const id = await orchestrator.submit({ type: "split", retry: false });
		const after = await orchestrator.submit({ type: "echo", dependsOn: [id] });
		asked.resolve(on === "its parent" ? id : after);
		const task = await orchestrator.wait(id, { timeout: "2s" });
		assert.equal(task.error?.code, "E_DEPENDENCY_CYCLE");
	});
}

test("a key stands for its task while that is over but still needed", async (t) => {
	const orchestrator = await start(t, { skills: [echo, hang] });
	const spec = { type: "echo", input: 1, idempotencyKey: "k" };
	const id = await orchestrator.submit(spec);
	await orchestrator.submit({ type: "hang", dependsOn: [id] });
	await orchestrator.wait(id);
	assert.equal(await orchestrator.submit(spec), id);
});

test("in a batch of thousands nothing runs whose dependency failed at once, and the folder opens again", async (t) => {
	const ran: unknown[] = [];
	const bad = does("bad", () => {
		throw new Error("at once");
	});
	const note = does("note", (input) => {
		ran.push(input);
		return null;
	});
	const first = await start(t, { skills: [bad, note, echo] });
	const { dataDir } = first.status();
	const filler = Array.from({ length: 6_000 }, () => ({ type: "echo", input: 0, priority: "background" as const }));
	const ids = await first.submitMany([
		{ type: "bad", priority: "critical", retry: false },
		...filler,
		{ type: "note", input: "must not run", priority: "critical", dependsOn: ["#0"] },
	]);
	const last = await first.wait(ids.at(-1) as string, { timeout: "10s" });
	assert.equal(last.state, "skipped");
	assert.deepEqual(ran, []);
	await first.shutdown({ grace: "10s" });
	const second = await start(t, { dataDir, skills: [bad, note, echo] });
	assert.equal(second.task(ids.at(-1) as string).state, "skipped");
});

test("waiting after shutdown is refused at once", async (t) => {
	const orchestrator = await start(t, { skills: [deaf] });
	const id = await orchestrator.submit({ type: "nobody-can" });
	await orchestrator.shutdown();
	await assert.rejects(orchestrator.wait(id, { timeout: "1s" }), { code: "E_STOPPED" });
});
