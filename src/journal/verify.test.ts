import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { type AnySkill, defineSkill } from "../index.ts";
import { journalPaths } from "./recovery.ts";
import { verifyJournal } from "./verify.ts";

const work = defineSkill({
	name: "work",
	description: "Fails once when it is told to, or for ever.",
	run: (input: { once?: boolean; ever?: boolean } | null, { task }) => {
		if (input?.ever || (input?.once && task.attempt === 1)) throw new Error("asked to");
		return { attempt: task.attempt };
	},
}) as AnySkill;

async function filled(t: TestContext, more: object = {}): Promise<string> {
	const dataDir = temporaryFolder(t);
	for (let start = 0; start < 3; start++) {
		const muster = await startTest(t, { dataDir, skills: [work], snapshotBytes: 2_048, ...more });
		const retry = { maxAttempts: 2, initial: "1ms", cap: "1ms" };
		for (let i = 0; i < 10; i++) {
			const ids = await muster.submitMany([
				{ type: "work", input: { once: i % 3 === 0 }, retry },
				{ type: "work", input: { ever: i === 5 }, retry },
			]);
			await Promise.all(ids.map((id) => muster.wait(id)));
		}
		await muster.submit({ type: "work", delay: "1h" });
		await muster.retryDead({ limit: 1 }).catch(() => undefined);
		await muster.shutdown();
	}
	return dataDir;
}

function change(path: string, sql: string): void {
	const db = new DatabaseSync(path);
	db.exec(sql);
	db.close();
}

describe("verify", () => {
	it("finds the totals that a status prints, from the beginning, on a stopped folder and beside a server", async (t) => {
		const dataDir = await filled(t);
		const stopped = await verifyJournal(journalPaths(dataDir));
		const muster = await startTest(t, { dataDir, skills: [work], workers: 0, coordinators: 0 });
		const { taskQueue } = muster.status();
		const running = await verifyJournal(journalPaths(dataDir));
		for (const { from, totals } of [stopped, running]) {
			assert.equal(from, 0);
			assert.deepEqual(
				[totals.submitted, totals.tasks.completed, totals.tasks.failed, totals.retried, totals.reoffered],
				[taskQueue.submitted, taskQueue.completed, taskQueue.failed, taskQueue.retried, taskQueue.reoffered],
			);
			assert.equal(totals.deadLetters, muster.deadLetters().length);
		}
		assert.ok(stopped.snapshots > 0);
		assert.notEqual(stopped.views, "missing");
	});

	it("begins at a snapshot when the journal was shortened, and says so", async (t) => {
		const dataDir = await filled(t, { keepJournalBytes: 0 });
		const { from, totals } = await verifyJournal(journalPaths(dataDir));
		assert.ok(from > 0);
		assert.ok(totals.submitted >= 63);
	});

	it("names the first task of the views that is another, or missing", async (t) => {
		const dataDir = await filled(t);
		const paths = journalPaths(dataDir);
		change(
			paths.views,
			"UPDATE tasks SET record = json_set(record, '$.attempts', 7) WHERE id = (SELECT max(id) FROM tasks)",
		);
		await assert.rejects(verifyJournal(paths), {
			code: "E_JOURNAL_CORRUPT",
			message: /tsk_\w+ is not what the journal/,
		});
		change(paths.views, "DELETE FROM tasks WHERE id = (SELECT max(id) FROM tasks)");
		await assert.rejects(verifyJournal(paths), { message: /tsk_\w+ is missing/ });
	});

	it("names a snapshot whose numbers are others, although its own hash fits", async (t) => {
		const dataDir = await filled(t);
		const paths = journalPaths(dataDir);
		const path = join(paths.snapshots, readdirSync(paths.snapshots).sort()[0] as string);
		const { createHash } = await import("node:crypto");
		const lines = readFileSync(path, "utf8").trimEnd().split("\n").slice(0, -1);
		lines[0] = (lines[0] as string).replace(/"completed":\d+/, '"completed":1');
		const body = `${lines.join("\n")}\n`;
		const sha256 = createHash("sha256").update(body).digest("hex");
		writeFileSync(path, `${body}${JSON.stringify({ sha256 })}\n`);
		await assert.rejects(verifyJournal(paths), { message: /the snapshot of batch \d+ .*counts differ/ });
	});

	it("names the batch of the journal that was changed", async (t) => {
		const dataDir = await filled(t);
		const paths = journalPaths(dataDir);
		change(paths.journal, "UPDATE batches SET body = replace(body, 'work', 'Work') WHERE seq = 3");
		await assert.rejects(verifyJournal(paths), { message: /batch 3 does not match its hash/ });
	});
});
