import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { temporaryFolder } from "../../test/fixture.ts";
import { createTask, type Task } from "../task/task.ts";
import { ViewsReader } from "./views-reader.ts";
import { ViewsWriter } from "./views-writer.ts";

const dead = (id: string, endedAt: number): Task => ({
	...createTask({ id, type: "t", input: null, priority: "normal", submittedAt: 1 }, "failed", 0),
	endedAt,
	error: { code: "E_SKILL_FAILED", message: "no", retryable: false },
});

/** A file as version 0.1.0 made it, with one dead letter. */
function earlierFile(path: string): void {
	const db = new DatabaseSync(path);
	db.exec(`CREATE TABLE tasks (id TEXT PRIMARY KEY, state TEXT NOT NULL, ended_at INTEGER NOT NULL, key TEXT,
			record TEXT NOT NULL) WITHOUT ROWID;
		CREATE INDEX tasks_dead ON tasks (ended_at) WHERE state = 'failed';
		CREATE TABLE runs (id TEXT PRIMARY KEY, state TEXT NOT NULL, ended_at INTEGER NOT NULL, record TEXT NOT NULL);
		CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, last_event INTEGER NOT NULL,
			hash BLOB NOT NULL);
		PRAGMA user_version=1`);
	const insert = db.prepare("INSERT INTO tasks (id, state, ended_at, record) VALUES (?, 'failed', 5, ?)");
	insert.run("old", JSON.stringify(dead("old", 5)));
	db.close();
}

const ids = (tasks: Task[]): string[] => tasks.map(({ id }) => id);

describe("views of an earlier version", () => {
	it("are not read before they were opened to be written", (t) => {
		const path = join(temporaryFolder(t), "views.db");
		earlierFile(path);
		assert.throws(() => new ViewsReader(path), /earlier format/);
	});

	it("keep what they hold when they are opened to be written", (t) => {
		const path = join(temporaryFolder(t), "views.db");
		earlierFile(path);
		const writer = new ViewsWriter(path);
		const anchor = { seq: 1, lastEvent: 1, hash: Buffer.alloc(32) };
		writer.transaction(() => {
			writer.putTask(dead("new", 6), [1]);
			writer.putRedriven("old", "old.r", 2);
			return anchor;
		});
		writer.close();
		const reader = new ViewsReader(path);
		assert.deepEqual(ids(reader.deadLetters({ limit: 9 })), ["new"]);
		assert.equal(reader.task("old")?.state, "failed");
		assert.deepEqual(ids([...reader.tasks({ type: "t" }, undefined, 9).items]), ["old", "new"]);
		reader.close();
	});
});

describe("a list of dead letters", () => {
	it("goes on after one that ended in the same millisecond as others", (t) => {
		const path = join(temporaryFolder(t), "views.db");
		const writer = new ViewsWriter(path);
		writer.transaction(() => {
			for (const id of ["a", "b", "c", "d"]) writer.putTask(dead(id, 5), [1]);
			return { seq: 1, lastEvent: 1, hash: Buffer.alloc(32) };
		});
		writer.close();
		const reader = new ViewsReader(path);
		assert.deepEqual(ids(reader.deadLetters({ limit: 2 })), ["d", "c"]);
		assert.deepEqual(ids(reader.deadLetters({ limit: 9, after: { id: "c", endedAt: 5 } })), ["b", "a"]);
		reader.close();
	});

	it("finds what is open through an index that holds nothing else", (t) => {
		const path = join(temporaryFolder(t), "views.db");
		new ViewsWriter(path).close();
		const db = new DatabaseSync(path);
		const plan = db
			.prepare(
				`EXPLAIN QUERY PLAN SELECT record FROM tasks WHERE state = 'failed' AND redriven IS NULL AND (ended_at, id) < (9, '')
				ORDER BY ended_at DESC, id DESC LIMIT 9`,
			)
			.all() as { detail: string }[];
		db.close();
		assert.match(plan.map(({ detail }) => detail).join("; "), /USING INDEX tasks_open_dead/);
	});
});
