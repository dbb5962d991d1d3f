import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { type AnySkill, defineSkill, type Orchestrator, RetryableError, type StoredEvent } from "../index.ts";
import { silentLog } from "../log.ts";

const flaky = defineSkill({
	name: "flaky",
	description: "Fails as often as it is told.",
	run: (input: { failures?: number } | null, { task }) => {
		if (task.attempt <= (input?.failures ?? 0)) throw new RetryableError("not yet");
		return null;
	},
}) as AnySkill;
const retry = { maxAttempts: 5, initial: "1ms", cap: "1ms" };

const types = (events: readonly StoredEvent[]): string[] => events.map(({ type }) => type);

async function everyEvent(muster: Orchestrator, id: string, limit: number): Promise<StoredEvent[]> {
	const all: StoredEvent[] = [];
	for (let after: number | undefined = 0; after !== undefined; ) {
		const page: Awaited<ReturnType<Orchestrator["taskEvents"]>> = await muster.taskEvents(id, { after, limit });
		assert.ok(page.items.length <= limit);
		all.push(...page.items);
		after = page.next;
	}
	return all;
}

/** Resolves when the views hold everything. */
async function caughtUp(muster: Orchestrator): Promise<void> {
	const { lastEvent } = muster.status().components.journal;
	while (muster.status().components.views.position < lastEvent) await new Promise((resolve) => setImmediate(resolve));
}

/** All that the views hold, but for where they stand. */
function viewsOf(folder: string): unknown {
	const db = new DatabaseSync(join(folder, "views.db"), { readOnly: true });
	try {
		return ["tasks ORDER BY at, id", "runs ORDER BY at, id", "activity ORDER BY at, type"].map((table) =>
			db.prepare(`SELECT * FROM ${table}`).all(),
		);
	} finally {
		db.close();
	}
}

describe("the full history", () => {
	it("of a task holds each event of it in order, in pages of any size, live and over", async (t) => {
		const muster = await startTest(t, { skills: [flaky] });
		const id = await muster.submit({ type: "flaky", input: { failures: 2 }, retry });
		const later = await muster.submit({ type: "flaky", delay: "1h" });
		await muster.wait(id);
		const attempt = ["task.started", "task.retrying"];
		const expected = ["task.submitted", ...attempt, ...attempt, "task.started", "task.completed"];
		const whole = await muster.taskEvents(id);
		assert.deepEqual(types(whole.items), expected);
		assert.equal(whole.complete, true);
		for (const limit of [1, 2, 3, 99]) assert.deepEqual(await everyEvent(muster, id, limit), whole.items);
		assert.deepEqual(types((await muster.taskEvents(later)).items), ["task.submitted"]);
		await assert.rejects(muster.taskEvents("tsk_none"), { code: "E_TASK_UNKNOWN" });
		await assert.rejects(muster.taskEvents(id, { limit: 0 }), { code: "E_INPUT_INVALID" });
	});

	it("of what lives is whole after a restart from a snapshot", async (t) => {
		const dataDir = temporaryFolder(t);
		const options = { dataDir, skills: [flaky], snapshotBytes: 1_024 };
		const first = await startTest(t, options);
		const id = await first.submit({ type: "flaky", delay: "1h" });
		await first.submitMany(Array.from({ length: 50 }, () => ({ type: "flaky" })));
		await first.shutdown();
		const second = await startTest(t, options);
		await second.cancel(id);
		const { items, complete } = await second.taskEvents(id);
		assert.deepEqual([types(items), complete], [["task.submitted", "task.cancelled"], true]);
	});

	it("says that its beginning is gone when retention has deleted that part of the journal", async (t) => {
		const dataDir = temporaryFolder(t);
		const options = { dataDir, skills: [flaky], snapshotBytes: 1_024, keepJournalBytes: 0 };
		const first = await startTest(t, options);
		const id = await first.submit({ type: "flaky" });
		await first.wait(id);
		for (let i = 0; i < 20; i++) await first.wait(await first.submit({ type: "flaky" }));
		await first.shutdown();
		const second = await startTest(t, options);
		for (let cut = false; !cut; ) {
			await second.wait(await second.submit({ type: "flaky" }));
			cut = !(await second.taskEvents(id)).complete;
		}
		assert.equal(second.task(id).state, "completed");
	});

	it("of a run holds the events of its steps", async (t) => {
		const muster = await startTest(t, { skills: [flaky] });
		const steps = [{ id: "a", skill: "flaky" }];
		const definition = { name: "w", inputs: {}, outputs: {}, steps: steps.map((step) => ({ ...step, needs: [] })) };
		const run = await muster.startRun(definition as unknown as Parameters<Orchestrator["startRun"]>[0]);
		await muster.waitRun(run);
		const { items, complete } = await muster.runEvents(run);
		assert.deepEqual([types(items), complete], [["run.created", "step.started", "run.completed"], true]);
	});
});

describe("the views", () => {
	it("are the same after they were deleted and made again", async (t) => {
		const dataDir = temporaryFolder(t);
		const options = { dataDir, skills: [flaky] };
		const first = await startTest(t, options);
		const ids = await first.submitMany(
			Array.from({ length: 300 }, (_, i) => ({ type: "flaky", input: { failures: i % 4 }, retry, group: `g${i % 5}` })),
		);
		await first.submit({ type: "flaky", delay: "1h" });
		await Promise.all(ids.map((id) => first.wait(id)));
		await first.shutdown();
		const before = viewsOf(dataDir);
		for (const suffix of ["", "-wal", "-shm"]) rmSync(join(dataDir, `views.db${suffix}`), { force: true });
		rmSync(join(dataDir, "snapshots"), { recursive: true });
		await (await startTest(t, options)).shutdown();
		assert.deepEqual(viewsOf(dataDir), before);
	});

	it("count what happens in each minute, once, also after a restart", async (t) => {
		const dataDir = temporaryFolder(t);
		const first = await startTest(t, { dataDir, skills: [flaky] });
		const ids = await first.submitMany([{ type: "flaky" }, { type: "flaky", input: { failures: 2 }, retry }]);
		ids.push(...(await first.submitMany([{ type: "flaky", input: { failures: 9 }, retry: { maxAttempts: 1 } }])));
		await Promise.all(ids.map((id) => first.wait(id)));
		await first.shutdown();
		rmSync(join(dataDir, "snapshots"), { recursive: true });
		const second = await startTest(t, { dataDir, skills: [flaky] });
		const { buckets } = second.activity({ since: new Date(Date.now() - 600_000).toISOString(), bucket: "5m" });
		const sums = buckets.map(({ types: { flaky: of } }) => of).filter((of) => of !== undefined);
		const sum = (what: keyof (typeof sums)[0]): number => sums.reduce((all, of) => all + of[what], 0);
		assert.deepEqual([sum("submitted"), sum("started"), sum("completed")], [3, 5, 2]);
		assert.deepEqual([sum("failed"), sum("retried")], [1, 2]);
		assert.throws(() => second.activity({ bucket: "90s" }), { code: "E_INPUT_INVALID" });
	});

	it("say how far they are behind", async (t) => {
		const muster = await startTest(t, { skills: [flaky] });
		await muster.wait(await muster.submit({ type: "flaky" }));
		await caughtUp(muster);
		const { lastEvent } = muster.status().components.journal;
		const { state, lagEvents, position } = muster.status().components.views;
		assert.deepEqual([state, lagEvents, position], ["ready", 0, lastEvent]);
	});

	it("forget the oldest of what is over when they are too large, and say how much", async (t) => {
		const notices: string[] = [];
		const log = { ...silentLog, warn: (message: string) => void notices.push(message) };
		const muster = await startTest(t, { skills: [flaky], keepFinishedBytes: 1024 * 1024, log });
		const first = await muster.submit({ type: "flaky" });
		const kept = await muster.submit({ type: "flaky", delay: "1h" });
		for (let i = 0; i < 30; i++) {
			const ids = await muster.submitMany(
				Array.from({ length: 100 }, () => ({ type: "flaky", input: { text: "x".repeat(1_000) } })),
			);
			await Promise.all(ids.map((id) => muster.wait(id)));
		}
		await caughtUp(muster);
		const { tasks } = muster.status().components.views.deleted;
		assert.ok(tasks > 1_000 && tasks < 3_000, `${tasks}`);
		assert.throws(() => muster.task(first), { code: "E_TASK_UNKNOWN" });
		assert.equal(muster.task(kept).state, "scheduled");
		assert.equal(muster.status().taskQueue.completed, 3_001);
		assert.match(notices[0] ?? "", /tasks and 0 runs that were over were deleted .* keepFinishedBytes/);
	});
});
