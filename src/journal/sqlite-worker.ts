/** The writer thread: one INSERT a batch. It owns the only connection that writes journal.db. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorData, toErrorData } from "../errors.ts";
import type { Batch } from "./journal.ts";
import { chainHash, guarded, openForWriting, readAnchor } from "./sqlite-file.ts";

export interface WriterOptions {
	path: string;
	durability: "full" | "normal";
	/** The chain's end, as recovery found it. */
	hash: Uint8Array;
}

export type WriterRequest =
	| { kind: "write"; batch: Batch }
	/** Batches up to `seq` are in a snapshot that is on disk; they may go. */
	| { kind: "prune"; seq: number; keepBytes: number }
	| { kind: "close" };

export type WriterReply =
	| { kind: "written"; seq: number }
	| { kind: "refused"; error: ErrorData }
	| { kind: "pruned"; error?: ErrorData };

/** Written since the last checkpoint; the WAL stays about this small while readers do not hold it. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const PRUNE_ROWS = 200;

const options = workerData as WriterOptions;
const port = parentPort as NonNullable<typeof parentPort>;
let hash: Buffer = Buffer.from(options.hash);
let sinceCheckpoint = 0;
let opened: Opened | undefined;
// The disk may have filled up since recovery: then the first batches are refused, until there is space.
attempt(() => writable());

interface Opened {
	db: DatabaseSync;
	insert: StatementSync;
}

/** @throws E_STORAGE_FULL, and what else keeps the journal from being opened */
function writable(): Opened {
	if (opened === undefined) {
		const db = openForWriting(options.path, options.durability);
		const insert = db.prepare("INSERT INTO batches (seq, first, count, hash, body) VALUES (?, ?, ?, ?, ?)");
		opened = { db, insert };
	}
	return opened;
}

port.on("message", (request: WriterRequest) => {
	switch (request.kind) {
		case "write":
			return reply(attempt(() => write(request.batch)) ?? { kind: "written", seq: request.batch.seq });
		case "prune":
			return prune(request.seq, request.keepBytes);
		case "close":
			return close();
	}
});

function reply(message: WriterReply): void {
	port.postMessage(message);
	if (sinceCheckpoint >= CHECKPOINT_BYTES) checkpoint();
}

function attempt(run: () => void): { kind: "refused"; error: ErrorData } | undefined {
	try {
		run();
		return undefined;
	} catch (error) {
		return { kind: "refused", error: toErrorData(error, "E_JOURNAL_FAILED") };
	}
}

function write(batch: Batch): void {
	const next = chainHash(hash, batch);
	const { insert } = writable();
	guarded(options.path, () => insert.run(batch.seq, batch.first, batch.count, next, batch.body));
	hash = next;
	sinceCheckpoint += batch.body.byteLength;
	// This thread makes so little garbage that it collects hardly ever: the bytes are let go here.
	(batch.body.buffer as ArrayBuffer).transfer(0);
}

/** After the acknowledgement. A checkpoint that does not come through is tried again after the next batches. */
function checkpoint(): void {
	sinceCheckpoint = 0;
	try {
		opened?.db.exec("PRAGMA wal_checkpoint(PASSIVE)");
	} catch {
		sinceCheckpoint = CHECKPOINT_BYTES / 2; // no space, or a reader: the WAL keeps what it has
	}
}

/**
 * Deletes the oldest batches that a snapshot covers, but keeps the newest `keepBytes`; the anchor moves with them.
 * One step a turn: a commit that waits behind it waits only for that step.
 */
function prune(upTo: number, keepBytes: number): void {
	let end = 0;
	const step = (): void => {
		if (opened?.db.isOpen === false) return;
		let at = 0;
		const failed = attempt(() => {
			const { db } = writable();
			end ||= pruneEnd(db, upTo, keepBytes);
			at = readAnchor(db).seq;
			if (at < end) pruneStep(db, Math.min(end, at + PRUNE_ROWS));
		});
		if (failed !== undefined || at >= end) reply({ ...failed, kind: "pruned" });
		else setImmediate(step);
	};
	step();
}

function pruneStep(db: DatabaseSync, to: number): void {
	const row = db.prepare("SELECT hash, first + count - 1 AS lastEvent FROM batches WHERE seq = ?").get(to) as {
		hash: Uint8Array;
		lastEvent: number;
	};
	db.exec("BEGIN IMMEDIATE");
	try {
		db.prepare("INSERT OR REPLACE INTO anchor (one, seq, last_event, hash) VALUES (1, ?, ?, ?)").run(
			to,
			row.lastEvent,
			row.hash,
		);
		db.prepare("DELETE FROM batches WHERE seq <= ?").run(to);
		db.exec("COMMIT");
	} catch (error) {
		db.exec("ROLLBACK");
		throw error;
	}
}

/** The newest batch that may go. */
function pruneEnd(db: DatabaseSync, upTo: number, keepBytes: number): number {
	const rows = db.prepare("SELECT seq, length(body) AS bytes FROM batches ORDER BY seq DESC").iterate();
	let kept = 0;
	for (const row of rows as Iterable<{ seq: number; bytes: number }>) {
		kept += row.bytes;
		if (kept > keepBytes && row.seq <= upTo) return row.seq;
	}
	return 0;
}

function close(): void {
	attempt(() => opened?.db.exec("PRAGMA wal_checkpoint(TRUNCATE)")); // without space the WAL stays, and is read at the next start
	opened?.db.close();
	port.close();
}
