/** What callers may get wrong: one clear, coded error for them, and nothing happens to anybody else. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorCode, hasCode, type StartOptions, startOrchestrator } from "../../src/index.ts";
import { dataFolder, does, echo, start } from "./start.ts";

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);

test("an input above 1 MiB is refused, one below is done", async (t) => {
	const muster = await start(t, { skills: [echo] });
	await assert.rejects(muster.submit({ type: "echo", input: "x".repeat(1024 * 1024) }), code("E_INPUT_TOO_LARGE"));
	await assert.rejects(muster.submit({ type: "echo", input: "€".repeat(400_000) }), code("E_INPUT_TOO_LARGE"));
	const done = await muster.wait(await muster.submit({ type: "echo", input: "x".repeat(1024 * 1024 - 10) }));
	assert.equal(done.state, "completed");
});

test("a batch above 100,000 tasks is refused before anything of it is looked at", async (t) => {
	const muster = await start(t, { skills: [echo] });
	await assert.rejects(muster.submitMany(new Array(100_001)), code("E_INPUT_TOO_LARGE"));
});

test("what does not fit a skill's schema is refused at submit with the place that is wrong", async (t) => {
	const muster = await start(t);
	const input = { source: 7, units: { a: "m" } };
	await assert.rejects(muster.submit({ type: "collect", input }), (error) => {
		return hasCode(error, "E_INPUT_INVALID") && /collect.*source/.test(error.message);
	});
});

test("reading a file that is not there fails the task with the path", async (t) => {
	const muster = await start(t);
	const id = await muster.submit({ type: "collect", input: { source: "/nowhere/at/all.csv" }, retry: false });
	const task = await muster.wait(id, { timeout: "10s" });
	assert.equal(task.error?.code, "E_FILE_UNREADABLE");
	assert.match(task.error?.message ?? "", /\/nowhere\/at\/all\.csv/);
});

test("an unknown task, run, workflow and agent are each named in their own error", async (t) => {
	const muster = await start(t);
	assert.throws(() => muster.task("tsk_none"), code("E_TASK_UNKNOWN"));
	assert.throws(() => muster.run("run_none"), code("E_RUN_UNKNOWN"));
	await assert.rejects(muster.cancel("tsk_none"), code("E_TASK_UNKNOWN"));
	await assert.rejects(muster.wait("tsk_none"), code("E_TASK_UNKNOWN"));
	await assert.rejects(muster.startRun("content-craetion"), code("E_WORKFLOW_UNKNOWN"));
	await assert.rejects(muster.removeAgent("nobody"), code("E_AGENT_UNKNOWN"));
});

test("a wait that ends too early says so, and the task goes on", async (t) => {
	const muster = await start(t, { skills: [echo] });
	const id = await muster.submit({ type: "echo", input: 1, delay: 150 });
	await assert.rejects(muster.wait(id, { timeout: 20 }), code("E_WAIT_TIMEOUT"));
	assert.equal((await muster.wait(id, { timeout: "5s" })).state, "completed");
});

test("a wait ends with its signal", async (t) => {
	const muster = await start(t, { skills: [echo] });
	const id = await muster.submit({ type: "nobody-can" });
	const reason = new Error("enough");
	await assert.rejects(muster.wait(id, { signal: AbortSignal.abort(reason) }), reason);
	const controller = new AbortController();
	const waiting = muster.wait(id, { signal: controller.signal });
	controller.abort(reason);
	await assert.rejects(waiting, reason);
});

for (const { what, options } of [
	{ what: "an unknown setting", options: { wrokers: 3 } },
	{ what: "more than 620 agents", options: { agents: 621 } },
	{ what: "a negative number of workers", options: { workers: -1 } },
	{ what: "an unknown durability", options: { durability: "most" } },
	{ what: "a lease shorter than its heartbeat", options: { heartbeatMs: 100, leaseMs: 50 } },
	{ what: "two skills of one name", options: { skills: [echo, does("echo", () => 1)] } },
]) {
	test(`${what} is refused before the data folder is touched`, async (t) => {
		const dataDir = join(dataFolder(t), "data");
		await assert.rejects(startOrchestrator({ dataDir, ...options } as StartOptions), code("E_CONFIG_INVALID"));
		assert.throws(() => chmodSync(dataDir, 0o700), { code: "ENOENT" });
	});
}

test("a data folder that is a file is refused with its path", async (t) => {
	const path = join(dataFolder(t), "file");
	writeFileSync(path, "not a folder");
	await assert.rejects(startOrchestrator({ dataDir: path }), code("E_DATA_FOLDER"));
});

test("a journal that is no database is refused, and left as it is", async (t) => {
	const folder = dataFolder(t);
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, "journal.db"), "this is no database, but somebody's file ".repeat(100));
	await assert.rejects(startOrchestrator({ dataDir: folder }), code("E_JOURNAL_CORRUPT"));
});
