/**
 * journal.db: its schema, its hash chain, and how it is read and checked. Used by the writer thread, by recovery and by
 * the projector thread; each opens a connection of its own.
 */
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { hasCode, MusterError } from "../errors.ts";
import type { Batch } from "./journal.ts";

export const FORMAT = 1;
/** SQLite 3.7.0-3.51.2 can corrupt a database in WAL mode when two connections write and checkpoint at once. */
const OLDEST_SQLITE = [3, 51, 3] as const;

export interface StoredBatch extends Batch {
	/** Hash of this batch and, through the one before, of all before it. */
	hash: Buffer;
}

/** A place in the chain from which it can be checked on. */
export interface Anchor {
	seq: number;
	lastEvent: number;
	hash: Buffer;
}

export const genesis: Anchor = {
	seq: 0,
	lastEvent: 0,
	hash: createHash("sha256").update("muster journal 1").digest(),
};

/** SHA-256 over the hash before, the numbers and the body. */
export function chainHash(previous: Buffer, batch: Batch): Buffer {
	const numbers = Buffer.alloc(24);
	numbers.writeDoubleBE(batch.seq, 0);
	numbers.writeDoubleBE(batch.first, 8);
	numbers.writeDoubleBE(batch.count, 16);
	return createHash("sha256").update(previous).update(numbers).update(batch.body).digest();
}

/** @throws E_SQLITE_VERSION */
export function checkSqliteVersion(version: string | undefined): void {
	const found = (version ?? "0").split(".").map(Number);
	for (const [i, least] of OLDEST_SQLITE.entries()) {
		const part = found[i] ?? 0;
		if (part > least) return;
		if (part < least) {
			throw new MusterError("E_SQLITE_VERSION", `SQLite ${version} can damage the journal`, {
				hint: `Use Node 24.15 or newer (SQLite ${OLDEST_SQLITE.join(".")}): npx -p node@24 -p muster-agents muster ...`,
			});
		}
	}
}

/** Opens for writing; makes the file when it is not there. */
export function openForWriting(path: string, durability: "full" | "normal"): DatabaseSync {
	return guarded(path, () => {
		const db = new DatabaseSync(path, { timeout: 5_000 });
		db.exec("PRAGMA journal_mode=WAL");
		db.exec(`PRAGMA synchronous=${durability === "full" ? "FULL" : "NORMAL"}`);
		// The writer checkpoints between batches: inline it would stall a commit for tens of milliseconds.
		db.exec("PRAGMA wal_autocheckpoint=0");
		checkFormat(db, path);
		db.exec(`CREATE TABLE IF NOT EXISTS batches (
			seq INTEGER PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL);
			CREATE TABLE IF NOT EXISTS anchor (
			one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, last_event INTEGER NOT NULL, hash BLOB NOT NULL);
			PRAGMA user_version=${FORMAT}`);
		return db;
	});
}

export function openForReading(path: string): DatabaseSync {
	return guarded(path, () => {
		const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
		checkFormat(db, path);
		return db;
	});
}

function checkFormat(db: DatabaseSync, path: string): void {
	const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
	if (version > FORMAT) {
		throw new MusterError("E_DATA_FOLDER_NEWER", `${path} has format ${version}, this version reads ${FORMAT}`, {
			hint: "Start it with the newer Muster that wrote it. It was not touched.",
		});
	}
}

const primaryCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;

/** SQLITE_CORRUPT or SQLITE_NOTADB. */
export const isDamage = (error: unknown): boolean => primaryCode(error) === 11 || primaryCode(error) === 26;

/** SQLite's own words for damage become ours; the file is named. */
export function guarded<T>(path: string, run: () => T): T {
	try {
		return run();
	} catch (error) {
		if (hasCode(error)) throw error;
		const primary = primaryCode(error);
		if (isDamage(error)) {
			throw new MusterError("E_JOURNAL_CORRUPT", `${path} is damaged: ${(error as Error).message}`, {
				hint: "Restore the data folder from a backup. It was not changed.",
				cause: error,
			});
		}
		if (primary === 13) throw new MusterError("E_STORAGE_FULL", `no space for ${path}`, { cause: error });
		throw new MusterError("E_DATA_FOLDER", `${path} cannot be used: ${(error as Error).message}`, { cause: error });
	}
}

/** Where the chain begins: the genesis, or where retention has cut it. */
export function readAnchor(db: DatabaseSync): Anchor {
	const row = db.prepare("SELECT seq, last_event AS lastEvent, hash FROM anchor").get() as
		| { seq: number; lastEvent: number; hash: Uint8Array }
		| undefined;
	return row ? { ...row, hash: Buffer.from(row.hash) } : genesis;
}

/** Number of the last batch; the anchor's when there is none. */
export function lastSeq(db: DatabaseSync): number {
	const row = db.prepare("SELECT max(seq) AS seq FROM batches").get() as { seq: number | null };
	return row.seq ?? readAnchor(db).seq;
}

/**
 * The batches after `from`, each checked: no gap in the numbers, every hash right.
 * Reads a page at a time, so that no read transaction stays open while the caller works.
 * @throws E_JOURNAL_CORRUPT naming the batch
 */
export function* readChain(db: DatabaseSync, from: Anchor, path: string): Generator<StoredBatch, Anchor> {
	const select = db.prepare("SELECT seq, first, count, hash, body FROM batches WHERE seq > ? ORDER BY seq LIMIT 4");
	let at = from;
	for (;;) {
		const rows = guarded(path, () => select.all(at.seq)) as {
			[K in keyof StoredBatch]: K extends "hash" | "body" ? Uint8Array : StoredBatch[K];
		}[];
		if (rows.length === 0) return at;
		for (const row of rows) {
			const batch = { seq: row.seq, first: row.first, count: row.count, body: row.body };
			const hash = Buffer.from(row.hash);
			if (batch.seq !== at.seq + 1) throw damaged(path, at.seq + 1, "is missing");
			if (batch.first !== at.lastEvent + 1)
				throw damaged(path, batch.seq, "does not continue the numbers of the events");
			if (!chainHash(at.hash, batch).equals(hash)) throw damaged(path, batch.seq, "does not match its hash");
			at = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash };
			yield { ...batch, hash };
		}
	}
}

/** @throws E_JOURNAL_CORRUPT when the hash is another, E_JOURNAL_TRUNCATED when the batch is not there */
export function checkWitness(
	db: DatabaseSync,
	witness: { seq: number; hash: Uint8Array },
	path: string,
	who: string,
): void {
	if (witness.seq <= readAnchor(db).seq) return;
	const row = db.prepare("SELECT hash FROM batches WHERE seq = ?").get(witness.seq) as { hash: Uint8Array } | undefined;
	if (row === undefined) throw truncated(path, `batch ${lastSeq(db)}`, `batch ${witness.seq} (${who})`);
	if (!Buffer.from(row.hash).equals(Buffer.from(witness.hash))) {
		throw damaged(path, witness.seq, `has another hash than ${who} saw`);
	}
}

export function truncated(path: string, end: string, stored: string): MusterError {
	return new MusterError("E_JOURNAL_TRUNCATED", `${path} ends at ${end}, but ${stored} had been stored`, {
		hint: "Restore the data folder from a backup. To accept the loss, move views.db and the folder snapshots away.",
	});
}

export function damaged(path: string, seq: number, problem: string): MusterError {
	return new MusterError("E_JOURNAL_CORRUPT", `${path}: batch ${seq} ${problem}`, {
		hint: "Restore the data folder from a backup. It was not changed.",
		details: { batch: seq },
	});
}
