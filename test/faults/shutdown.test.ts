/** Stopping is a feature: what runs may end, what does not is offered again, and nothing is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../../src/index.ts";
import { dataFolder, deaf, does, echo, gate, hang, start } from "./start.ts";

test("a shutdown lets what runs end within the grace, and stores it", async (t) => {
	const dataDir = dataFolder(t);
	const begun = gate();
	const release = gate<string>();
	const slow = does("slow", () => {
		begun.resolve();
		return release.promise;
	});
	const first = await start(t, { dataDir, skills: [slow] });
	const id = await first.submit({ type: "slow" });
	await begun.promise;
	const stopping = first.shutdown({ grace: "10s" });
	await assert.rejects(first.submit({ type: "slow" }), (error) => hasCode(error, "E_STOPPED"));
	release.resolve("in time");
	assert.equal(await stopping, 0);
	const second = await start(t, { dataDir, skills: [slow] });
	assert.equal(second.task(id).output, "in time");
	assert.equal(second.task(id).attempts, 1);
});

for (const skill of [hang, deaf]) {
	test(`what is ${skill.name} at the end of the grace is offered again at the next start`, async (t) => {
		const dataDir = dataFolder(t);
		const first = await start(t, { dataDir, skills: [skill] });
		const id = await first.submit({ type: skill.name });
		while (first.task(id).state !== "running") await new Promise((resolve) => setImmediate(resolve));
		assert.equal(await first.shutdown({ grace: 1 }), 1);
		const second = await start(t, { dataDir, skills: [does(skill.name, (_, { task }) => task.attempt)] });
		assert.equal((await second.wait(id, { timeout: "5s" })).output, 2);
	});
}

test("a second shutdown hurries the first", async (t) => {
	const muster = await start(t, { skills: [hang] });
	const id = await muster.submit({ type: "hang" });
	while (muster.task(id).state !== "running") await new Promise((resolve) => setImmediate(resolve));
	const first = muster.shutdown({ grace: "1h" });
	const second = muster.shutdown();
	assert.deepEqual(await Promise.all([first, second]), [1, 1]);
});

test("tasks in every state are as they were after a stop and a start", async (t) => {
	const dataDir = dataFolder(t);
	const first = await start(t, { dataDir, skills: [echo] });
	const [done, ready, scheduled, blocked] = await first.submitMany([
		{ type: "echo", input: 1 },
		{ type: "nobody-can" },
		{ type: "echo", delay: "1h" },
		{ type: "echo", dependsOn: ["#1"] },
	]);
	const cancelled = await first.submit({ type: "nobody-can" });
	const parent = await first.submit({ type: "coordinate", input: { tasks: [{ type: "nobody-can" }] } });
	await first.cancel(cancelled);
	await first.wait(done as string);
	while (first.task(parent).state !== "waiting") await new Promise((resolve) => setImmediate(resolve));
	const ids = [done, ready, scheduled, blocked, cancelled, parent, `${parent}.0`] as string[];
	const before = ids.map((id) => first.task(id));
	await first.shutdown();
	const second = await start(t, { dataDir, skills: [echo] });
	assert.deepEqual(
		ids.map((id) => second.task(id)),
		before,
	);
	assert.deepEqual(
		before.map(({ state }) => state),
		["completed", "ready", "scheduled", "blocked", "cancelled", "waiting", "ready"],
	);
});
