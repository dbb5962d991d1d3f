import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { hasCode, MusterError } from "../errors.ts";
import { decodeBody, type Event } from "../events.ts";
import { defineSkill } from "../skill/skill.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";

type Policy = NonNullable<WorkflowDefinition["concurrency"]>["policy"];

const grouped = (policy: Policy): WorkflowDefinition => ({
	...{ name: "flow", inputs: {}, outputs: {}, concurrency: { group: "g", limit: 1, policy } },
	steps: [{ id: "work", needs: [], skill: "held", with: {} }],
});

/** A skill whose tasks go on until they are aborted or the gate opens. */
async function open(t: TestContext) {
	const gate = Promise.withResolvers<null>();
	const held = defineSkill({
		name: "held",
		description: "Waits for the gate.",
		run: (_, { signal }) => {
			const aborted = new Promise<never>((_, reject) => {
				signal.addEventListener("abort", () => reject(signal.reason), { once: true });
			});
			return Promise.race([gate.promise, aborted]);
		},
	});
	const host = await MemoryHost.open(t, { skills: [held] });
	return { host, release: () => gate.resolve(null) };
}

/** What a process leaves that died right after an event like this one. */
const upTo =
	(isLast: (event: Event) => boolean) =>
	(batches: MemoryHost["store"]["batches"]): MemoryHost["store"]["batches"] => {
		const last = batches.findIndex((batch) => decodeBody(batch.body).some(isLast));
		return batches.slice(0, last + 1);
	};

describe("a concurrency group of runs", () => {
	it("refuses the second of two runs that begin at once, where its policy is reject", async (t) => {
		const { host } = await open(t);
		const begun = [1, 2].map(() => host.orchestrator.startRun(grouped("reject")));
		const ends = await Promise.allSettled(begun);
		assert.deepEqual(
			ends.map((end) => (end.status === "fulfilled" ? "begun" : hasCode(end.reason, "E_CONFLICT"))),
			["begun", true],
		);
	});

	it("takes a run's place also when the process died before it had cancelled that one", async (t) => {
		const { host } = await open(t);
		const old = await host.orchestrator.startRun(grouped("cancel-previous"));
		const fresh = await host.orchestrator.startRun(grouped("cancel-previous"));
		await host.restart(upTo((event) => event.type === "run.created" && event.id === fresh));
		await host.pass(500);
		const { orchestrator } = host;
		assert.deepEqual([orchestrator.run(old).state, orchestrator.run(fresh).state], ["cancelled", "running"]);
	});
});

describe("a start from what a process left", () => {
	it("takes no attempt of its own for one that died", async (t) => {
		const { host, release } = await open(t);
		const id = await host.orchestrator.startRun(grouped("queue"));
		await host.restart(upTo((event) => event.type === "run.created"));
		await turns(20);
		release();
		await host.pass(200);
		assert.equal(host.orchestrator.run(id).state, "completed");
		const happened = host.history().filter(({ type }) => type === "task.started" || type === "task.reoffered");
		assert.deepEqual(
			happened.map(({ type }) => type),
			["task.started"],
		);
	});
});

describe("without space for the journal", () => {
	it("what can be refused is, and does not gather in memory", async (t) => {
		const { host } = await open(t);
		const { orchestrator } = host;
		const waiting = await orchestrator.startRun({
			...grouped("queue"),
			steps: [{ id: "wait", needs: [], wait: { signal: "go" } }],
		});
		const { write } = host.store;
		host.store.write = () => Promise.reject(new MusterError("E_STORAGE_FULL", "no space"));
		const full = { code: "E_STORAGE_FULL" };
		await assert.rejects(orchestrator.submit({ type: "held" }), full);
		await assert.rejects(orchestrator.sendEvent({ type: "e" }), full);
		await assert.rejects(orchestrator.signal(waiting, "go"), full);
		await assert.rejects(orchestrator.schedule({ cron: "0 0 1 1 *", task: { type: "held" } }), full);
		host.store.write = write;
		await host.pass(5_000);
		await orchestrator.signal(waiting, "go");
		await host.pass(100);
		assert.equal(orchestrator.run(waiting).state, "completed");
	});
});
