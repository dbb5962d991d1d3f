/**
 * views.db: what is over, to be looked up. Rebuildable from the journal for as long as the journal holds it.
 *
 * Written by the projector thread alone; the main thread reads single rows. Its `position` is also a witness of the
 * journal's end: a journal that is shorter than its views has lost something.
 */
import { DatabaseSync } from "node:sqlite";
import { MusterError } from "../errors.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import type { DeadLetterFilter } from "./journal.ts";
import type { Anchor } from "./sqlite-file.ts";

const FORMAT = 1;

export class ViewsWriter {
	readonly #db: DatabaseSync;
	readonly #putTask;
	readonly #putRedriven;
	readonly #putRun;
	readonly #putPosition;

	/** A file of another format is emptied: it is rebuilt. */
	constructor(path: string) {
		const db = new DatabaseSync(path, { timeout: 5_000 });
		this.#db = db;
		// NORMAL: a power cut may cost the last rows, never the file; they are projected again.
		db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
		const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
		if (version > FORMAT) {
			db.close();
			throw new MusterError("E_DATA_FOLDER_NEWER", `${path} has format ${version}, this version reads ${FORMAT}`, {
				hint: "Start it with the newer Muster that wrote it. It was not touched.",
			});
		}
		if (version !== FORMAT) {
			db.exec("DROP TABLE IF EXISTS tasks; DROP TABLE IF EXISTS runs; DROP TABLE IF EXISTS position");
		}
		db.exec(`CREATE TABLE IF NOT EXISTS tasks (
			id TEXT PRIMARY KEY, state TEXT NOT NULL, ended_at INTEGER NOT NULL, key TEXT, record TEXT NOT NULL) WITHOUT ROWID;
			CREATE INDEX IF NOT EXISTS tasks_key ON tasks (key) WHERE key IS NOT NULL;
			CREATE INDEX IF NOT EXISTS tasks_ended ON tasks (ended_at, id);
			CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, state TEXT NOT NULL, ended_at INTEGER NOT NULL, record TEXT NOT NULL);
			CREATE INDEX IF NOT EXISTS runs_ended ON runs (ended_at, id);
			CREATE TABLE IF NOT EXISTS position (
			one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, last_event INTEGER NOT NULL, hash BLOB NOT NULL);
			PRAGMA user_version=${FORMAT}`);
		// A file of an earlier version has no such column; its rows stay: they may not be in the journal any more.
		const columns = db.prepare("PRAGMA table_info(tasks)").all() as { name: string }[];
		if (!columns.some(({ name }) => name === "redriven")) db.exec("ALTER TABLE tasks ADD COLUMN redriven TEXT");
		// What was redriven is in no index: a list stays as quick as it was, however much has been.
		db.exec(`DROP INDEX IF EXISTS tasks_dead;
			CREATE INDEX IF NOT EXISTS tasks_open_dead ON tasks (ended_at, id) WHERE state = 'failed' AND redriven IS NULL`);
		this.#putTask = db.prepare(
			"INSERT OR REPLACE INTO tasks (id, state, ended_at, key, record, redriven) VALUES (?, ?, ?, ?, ?, ?)",
		);
		this.#putRedriven = db.prepare("UPDATE tasks SET redriven = ? WHERE id = ?");
		this.#putRun = db.prepare("INSERT OR REPLACE INTO runs (id, state, ended_at, record) VALUES (?, ?, ?, ?)");
		this.#putPosition = db.prepare("INSERT OR REPLACE INTO position (one, seq, last_event, hash) VALUES (1, ?, ?, ?)");
	}

	position(): Anchor | undefined {
		return readPosition(this.#db);
	}

	/** Everything `run` puts becomes visible at once, with the position it belongs to. */
	transaction(run: () => Anchor): Anchor {
		this.#db.exec("BEGIN");
		try {
			const anchor = run();
			this.#putPosition.run(anchor.seq, anchor.lastEvent, anchor.hash);
			this.#db.exec("COMMIT");
			return anchor;
		} catch (error) {
			this.#db.exec("ROLLBACK");
			throw error;
		}
	}

	putTask(task: Task): void {
		const key = task.idempotencyKey ?? null;
		this.#putTask.run(task.id, task.state, task.endedAt ?? 0, key, JSON.stringify(task), task.redriven ?? null);
	}

	/** @param as the task it was submitted again as; "" when it was put away */
	putRedriven(id: string, as: string): void {
		this.#putRedriven.run(as, id);
	}

	putRun(run: Run): void {
		this.#putRun.run(run.id, run.state, run.endedAt ?? 0, JSON.stringify(run));
	}

	close(): void {
		this.#db.close();
	}
}

/** Point look-ups on the main thread; tens of microseconds each. */
export class ViewsReader {
	readonly #db: DatabaseSync;
	readonly #byId;
	readonly #byKey;
	readonly #dead;
	readonly #latest;
	readonly #runById;
	readonly #latestRuns;

	constructor(path: string) {
		const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
		this.#db = db;
		this.#byId = db.prepare("SELECT record FROM tasks WHERE id = ?");
		this.#byKey = db.prepare("SELECT record FROM tasks WHERE key = ? ORDER BY id DESC LIMIT 1");
		// A file that no newer Muster has opened yet is read as it is: it holds nothing that was redriven.
		const columns = db.prepare("PRAGMA table_info(tasks)").all() as { name: string }[];
		const open = columns.some(({ name }) => name === "redriven") ? "AND redriven IS NULL" : "";
		this.#dead = db.prepare(`SELECT record FROM tasks WHERE state = 'failed' ${open} AND (ended_at, id) < (?1, ?2)
			AND (?3 IS NULL OR json_extract(record, '$.type') = ?3) AND (?4 IS NULL OR json_extract(record, '$.error.code') = ?4)
			ORDER BY ended_at DESC, id DESC LIMIT ?5`);
		this.#latest = db.prepare("SELECT record FROM tasks ORDER BY ended_at DESC, id DESC LIMIT ?");
		this.#runById = db.prepare("SELECT record FROM runs WHERE id = ?");
		this.#latestRuns = db.prepare("SELECT record FROM runs ORDER BY ended_at DESC, id DESC LIMIT ?");
	}

	task(id: string): Task | undefined {
		return one<Task>(this.#byId.get(id));
	}

	taskByKey(key: string): Task | undefined {
		return one<Task>(this.#byKey.get(key));
	}

	/** The last ones to end first. */
	deadLetters({ limit, type, code, after }: DeadLetterFilter): Task[] {
		const { endedAt = 0, id } = after ?? { endedAt: Number.MAX_SAFE_INTEGER, id: "" };
		return all<Task>(this.#dead.all(endedAt, id, type ?? null, code ?? null, limit));
	}

	/** Newest first. */
	latestTasks(limit: number): Task[] {
		return all<Task>(this.#latest.all(limit));
	}

	run(id: string): Run | undefined {
		return one<Run>(this.#runById.get(id));
	}

	/** Newest first. */
	latestRuns(limit: number): Run[] {
		return all<Run>(this.#latestRuns.all(limit));
	}

	close(): void {
		this.#db.close();
	}
}

/** Where the views stand, or undefined when they are missing or cannot be read (they are rebuilt then). */
export function viewsPosition(path: string): Anchor | undefined {
	try {
		const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
		try {
			return readPosition(db);
		} finally {
			db.close();
		}
	} catch {
		return undefined;
	}
}

function readPosition(db: DatabaseSync): Anchor | undefined {
	const row = db.prepare("SELECT seq, last_event AS lastEvent, hash FROM position").get() as
		| { seq: number; lastEvent: number; hash: Uint8Array }
		| undefined;
	return row && { seq: row.seq, lastEvent: row.lastEvent, hash: Buffer.from(row.hash) };
}

const one = <T>(row: unknown): T | undefined =>
	row === undefined ? undefined : (JSON.parse((row as { record: string }).record) as T);

const all = <T>(rows: unknown[]): T[] => rows.map((row) => JSON.parse((row as { record: string }).record) as T);
