import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { MemoryHost } from "../../test/memory-host.ts";
import { decodeBody } from "../events.ts";
import { defineSkill } from "../index.ts";

const endless = defineSkill({
	name: "endless",
	description: "Runs until it is aborted.",
	run: (_, { signal }) =>
		new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
});
const concurrency = { key: "k", limit: 1, policy: "cancel-previous" as const };
const spec = { type: "endless", concurrency };

test("of a batch of one key only the newest is left, and no other ever starts", async (t) => {
	const host = await MemoryHost.open(t, { skills: [endless] });
	const ids = await host.orchestrator.submitMany(Array.from({ length: 2_000 }, () => spec));
	await host.pass(100);
	const states = ids.map((id) => host.orchestrator.task(id).state);
	assert.deepEqual([states.at(-1), new Set(states.slice(0, -1))], ["running", new Set(["cancelled"])]);
	assert.equal(host.history().filter(({ type }) => type === "task.started").length, 1);
	assert.match(host.orchestrator.task(ids[0] as string).error?.message ?? "", /^superseded by tsk_/);
});

test("a crash between the submit and the cancel that follows from it is made good at the next start", async (t) => {
	const host = await MemoryHost.open(t, { skills: [endless] });
	const first = await host.orchestrator.submit(spec);
	const second = await host.orchestrator.submit(spec);
	await host.pass(100);
	assert.equal(host.orchestrator.task(first).state, "cancelled");
	await host.restart((batches) => {
		const cut = batches.findIndex(({ body }) => decodeBody(body).some(({ type }) => type === "task.cancelled"));
		return batches.slice(0, cut);
	});
	await host.pass(100);
	const states = [first, second].map((id) => host.orchestrator.task(id).state);
	assert.deepEqual(states, ["cancelled", "running"]);
});

test("a task that waits for its turn takes no newer one's place when it comes again", async (t) => {
	const host = await MemoryHost.open(t, { skills: [endless] });
	const old = await host.orchestrator.submit({ ...spec, delay: "1s" });
	const queued = { type: "endless", concurrency: { key: "k", limit: 1 } };
	const others = await host.orchestrator.submitMany([queued, queued]);
	await host.restart();
	await host.pass(50);
	for (const id of [old, ...others]) assert.notEqual(host.orchestrator.task(id).state, "cancelled");
});

test("a child cannot take the place of a task above it, and may wait for a turn of the same key", async (t) => {
	const muster = await startTest(t, {
		skills: [defineSkill({ name: "quick", description: "Is done.", run: () => null })],
	});
	const delegate = async (policy: "cancel-previous" | "queue") => {
		const key = { key: "k", policy };
		const inner = { type: "quick", concurrency: key };
		const middle = { type: "coordinate", input: { tasks: [inner] } };
		const id = await muster.submit({ type: "coordinate", input: { tasks: [middle] }, concurrency: key });
		return muster.wait(id);
	};
	const refused = await delegate("cancel-previous");
	assert.equal(refused.state, "failed");
	assert.match(refused.error?.message ?? "", /would cancel tsk_\w+, which waits for it/);
	assert.equal((await delegate("queue")).state, "completed");
});
