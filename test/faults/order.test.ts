/** Orders that only chance brings: made on purpose, on a journal in memory whose writes the test lets through one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerAgent } from "../../src/agent/worker-agent.ts";
import { EmbeddedBus } from "../../src/bus/embedded.ts";
import { createIds, HandClock } from "../../src/clock.ts";
import { readSettings } from "../../src/config.ts";
import { MusterError } from "../../src/errors.ts";
import { type Event, encodeBody, encodeEvent } from "../../src/events.ts";
import { MemoryStore } from "../../src/journal/memory.ts";
import { silentLog } from "../../src/log.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import type { AnySkill } from "../../src/skill/skill.ts";
import { Catalog } from "../../src/workflow/catalog.ts";
import { memoryArtifacts } from "../skill-harness.ts";
import { does, gate } from "./start.ts";

const turns = async (count = 20): Promise<void> => {
	for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

async function orchestratorOn(store: MemoryStore, clock: HandClock, skills: AnySkill[]): Promise<Orchestrator> {
	const nothing = { task: () => undefined, run: () => undefined };
	const orchestrator = new Orchestrator({
		settings: readSettings({ dataDir: "/nowhere" }),
		clock,
		log: silentLog,
		newId: createIds(clock),
		open: store.open({ clock, sink: nothing, onFailure: (error) => assert.fail(String(error)) }),
		recovered: { tasks: [], runs: [] },
		artifacts: memoryArtifacts(),
		threads: { size: 0, run: () => Promise.reject(new Error("none")), close: async () => undefined },
		catalog: new Catalog([]),
		skills,
		createBus: (ledger) => new EmbeddedBus({ clock, log: silentLog, ledger }),
	});
	await orchestrator.begin([new WorkerAgent({ name: "w", skills, concurrency: 8 })]);
	return orchestrator;
}

test("a task that became due while the disk was full starts once there is space", async () => {
	const store = new MemoryStore();
	const clock = new HandClock();
	const orchestrator = await orchestratorOn(store, clock, [does("echo", () => "done")]);
	const id = await orchestrator.submit({ type: "echo", delay: 100 });
	store.write = () => Promise.reject(new MusterError("E_STORAGE_FULL", "full"));
	await assert.rejects(orchestrator.submit({ type: "echo" }), { code: "E_STORAGE_FULL" });
	clock.advance(150);
	await turns();
	assert.equal(orchestrator.task(id).state, "ready");
	store.write = () => Promise.resolve();
	clock.advance(5_000);
	await turns();
	assert.equal(orchestrator.task(id).state, "completed");
});

test("a task does not start before the result of its dependency is durable, also when its submit overtook it", async () => {
	const store = new MemoryStore();
	const clock = new HandClock();
	const release = gate<string>();
	let began = false;
	const first = does("first", () => release.promise);
	const second = does("second", () => {
		began = true;
		return null;
	});
	const orchestrator = await orchestratorOn(store, clock, [first, second]);
	const on = await orchestrator.submit({ type: "first" });
	await turns();
	clock.advance(50);
	await turns();
	const writes: PromiseWithResolvers<void>[] = [];
	store.write = () => {
		const write = gate();
		writes.push(write);
		return write.promise;
	};
	const submitting = orchestrator.submit({ type: "second", dependsOn: [on] });
	await turns();
	release.resolve("result");
	await turns();
	writes[0]?.resolve();
	await submitting;
	await turns();
	assert.equal(writes.length, 2, "the result is being written");
	assert.equal(began, false, "I7: it began on a result that a crash could still take away");
	writes[1]?.resolve();
	store.write = () => Promise.resolve();
	await turns();
	assert.equal(began, true);
});

test("a parent that a child's end at a start wakes is not offered before that end is durable, and only once", async () => {
	const store = new MemoryStore();
	const at = 1_700_000_000_000;
	const task = (id: string, type: string, more: object = {}) =>
		({ id, type, input: null, priority: "normal", submittedAt: at, ...more }) as const;
	const error = { code: "E_AGENT_LOST", message: "died", retryable: true } as const;
	const died = (token: number): Event[] => [
		{ type: "task.started", at, id: "p.0", token, agent: "w" },
		{ type: "task.reoffered", at, id: "p.0", token, error, crash: true },
	];
	const events: Event[] = [
		{ type: "task.submitted", at, task: task("p", "parent") },
		{ type: "task.started", at, id: "p", token: 1, agent: "w" },
		{ type: "task.submitted", at, task: task("p.0", "child", { parent: "p" }) },
		{ type: "task.waiting", at, id: "p", token: 1, children: ["p.0"] },
		...died(2),
		...died(3),
		{ type: "task.started", at, id: "p.0", token: 4, agent: "w" },
	];
	store.batches.push({ seq: 1, first: 1, count: events.length, body: encodeBody(events.map(encodeEvent)) });
	const write = gate();
	store.write = () => write.promise;
	let performed = 0;
	const skills = [does("parent", () => ++performed), does("child", () => null)];
	const orchestrator = await orchestratorOn(store, new HandClock(at, 1), skills);
	await turns();
	assert.equal(orchestrator.task("p.0").error?.code, "E_CRASH_LOOP");
	assert.equal(performed, 0, "D3: the child's end is not durable yet");
	write.resolve();
	await turns();
	assert.equal(performed, 1);
	assert.equal(orchestrator.status().taskQueue.ready, 0);
});
