/**
 * views.db: what is over, to be looked up. Rebuildable from the journal for as long as the journal holds it.
 *
 * Written by the projector thread alone (`views-writer.ts`); others read (`views-reader.ts`). Its `position` is also a
 * witness of the journal's end: a journal that is shorter than its views has lost something.
 */
import { DatabaseSync } from "node:sqlite";
import { MusterError } from "../errors.ts";
import { ACTIVITY_SCHEMA } from "./activity.ts";
import type { Deleted } from "./retention.ts";
import type { Anchor } from "./sqlite-file.ts";

/** 2: ordered by the time of submission, with what lists filter by as columns. 1 is brought to it. */
const FORMAT = 2;
/** Pages of the WAL between two checkpoints, 16 MB: the pages at the right edge are written once for many rows. */
const CHECKPOINT_PAGES = 2_000;

/** Ordered as lists are (`listing.ts`). `record` comes last: a row that does not fit is passed over without reading it. */
const SCHEMA = `
	CREATE TABLE IF NOT EXISTS tasks (
		at INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL, agent TEXT, run TEXT, grp TEXT,
		ended_at INTEGER NOT NULL, key TEXT, redriven TEXT, trail TEXT, record TEXT NOT NULL, PRIMARY KEY (at, id)) WITHOUT ROWID;
	CREATE UNIQUE INDEX IF NOT EXISTS tasks_id ON tasks (id);
	CREATE INDEX IF NOT EXISTS tasks_key ON tasks (key) WHERE key IS NOT NULL;
	CREATE INDEX IF NOT EXISTS tasks_type ON tasks (type, at, id);
	CREATE INDEX IF NOT EXISTS tasks_agent ON tasks (agent, at, id);
	CREATE INDEX IF NOT EXISTS tasks_run ON tasks (run, at, id) WHERE run IS NOT NULL;
	CREATE INDEX IF NOT EXISTS tasks_group ON tasks (grp, at, id) WHERE grp IS NOT NULL;
	CREATE INDEX IF NOT EXISTS tasks_broken ON tasks (at, id) WHERE state <> 'completed';
	CREATE INDEX IF NOT EXISTS tasks_open_dead ON tasks (ended_at, id) WHERE state = 'failed' AND redriven IS NULL;
	CREATE TABLE IF NOT EXISTS runs (
		at INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, workflow TEXT NOT NULL, ended_at INTEGER NOT NULL,
		trail TEXT, record TEXT NOT NULL, PRIMARY KEY (at, id)) WITHOUT ROWID;
	CREATE UNIQUE INDEX IF NOT EXISTS runs_id ON runs (id);
	CREATE INDEX IF NOT EXISTS runs_workflow ON runs (workflow, at, id);
	CREATE INDEX IF NOT EXISTS runs_broken ON runs (at, id) WHERE state <> 'completed';
	${ACTIVITY_SCHEMA};
	CREATE TABLE IF NOT EXISTS deleted (
		one INTEGER PRIMARY KEY CHECK (one = 1), tasks INTEGER NOT NULL, runs INTEGER NOT NULL);
	CREATE TABLE IF NOT EXISTS position (
		one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, last_event INTEGER NOT NULL, hash BLOB NOT NULL);
	PRAGMA user_version=${FORMAT}`;

/** Opens for writing; makes the file when it is not there, and keeps what one of an earlier format holds. */
export function openViews(path: string): DatabaseSync {
	const db = new DatabaseSync(path, { timeout: 5_000 });
	try {
		// NORMAL: a power cut may cost the last rows, never the file; they are projected again.
		db.exec(`PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
			PRAGMA wal_autocheckpoint=${CHECKPOINT_PAGES}`);
		const version = checkFormat(db, path);
		db.exec("BEGIN IMMEDIATE");
		if (version === 1) fromFirstFormat(db);
		else db.exec(SCHEMA);
		db.exec("COMMIT");
		return db;
	} catch (error) {
		db.close();
		throw error;
	}
}

/** @throws when the file is missing, or of an earlier format: the next start makes it anew */
export function openViewsForReading(path: string): DatabaseSync {
	const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
	try {
		if (checkFormat(db, path) === FORMAT) return db;
		throw new MusterError("E_DATA_FOLDER", `${path} is of an earlier format`);
	} catch (error) {
		db.close();
		throw error;
	}
}

function checkFormat(db: DatabaseSync, path: string): number {
	const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
	if (version <= FORMAT) return version;
	throw new MusterError("E_DATA_FOLDER_NEWER", `${path} has format ${version}, this version reads ${FORMAT}`, {
		hint: "Start it with the newer Muster that wrote it. It was not touched.",
	});
}

/** Its rows may not be in the journal any more. */
function fromFirstFormat(db: DatabaseSync): void {
	const columns = db.prepare("PRAGMA table_info(tasks)").all() as { name: string }[];
	const redriven = columns.some(({ name }) => name === "redriven") ? "redriven" : "NULL";
	db.exec(`DROP INDEX IF EXISTS tasks_key; DROP INDEX IF EXISTS tasks_dead; DROP INDEX IF EXISTS tasks_open_dead;
		ALTER TABLE tasks RENAME TO tasks_1; ALTER TABLE runs RENAME TO runs_1; ${SCHEMA};
		INSERT INTO tasks (at, id, state, type, agent, run, grp, ended_at, key, redriven, record)
			SELECT record ->> 'submittedAt', id, state, record ->> 'type', record ->> '$.history[#-1].agent',
				record ->> '$.run.id', record ->> 'group', ended_at, key, ${redriven}, record FROM tasks_1;
		INSERT INTO runs (at, id, state, workflow, ended_at, record)
			SELECT record ->> 'createdAt', id, state, record ->> 'workflow', ended_at, record FROM runs_1;
		DROP TABLE tasks_1; DROP TABLE runs_1`);
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

export function readPosition(db: DatabaseSync): Anchor | undefined {
	const row = db.prepare("SELECT seq, last_event AS lastEvent, hash FROM position").get() as
		| { seq: number; lastEvent: number; hash: Uint8Array }
		| undefined;
	return row && { seq: row.seq, lastEvent: row.lastEvent, hash: Buffer.from(row.hash) };
}

/** How many finished items retention has deleted since the file was made. */
export function readDeleted(db: DatabaseSync): Deleted {
	const row = db.prepare("SELECT tasks, runs FROM deleted").get() as Deleted | undefined;
	return { tasks: row?.tasks ?? 0, runs: row?.runs ?? 0 };
}
