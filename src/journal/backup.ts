/**
 * A copy of a data folder as it is at one batch, made from outside: beside a process that works on it, or without one.
 *
 * It reads the journal a few batches at a time, each checked against the chain, so nothing of it is ever held: neither the
 * writer nor its checkpoints wait. The order makes the cut whole: snapshots, then the views, then the journal up to where it
 * is then (so it reaches at least as far as both), then the artifacts (which are there before any event names them).
 * It is written under another name and takes its own when it was verified: what a kill leaves behind is no backup.
 */
import { createHash } from "node:crypto";
import {
	closeSync,
	copyFileSync,
	existsSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { hasCode, MusterError } from "../errors.ts";
import { type JournalPaths, journalPaths } from "./recovery.ts";
import { listSnapshots, syncFolder } from "./snapshot.ts";
import {
	type Anchor,
	checkSqliteVersion,
	lastSeq,
	openForReading,
	openForWriting,
	readAnchor,
	readChain,
} from "./sqlite-file.ts";
import { type Verified, verifyJournal } from "./verify.ts";
import { openViewsForReading } from "./views.ts";

const FORMAT = 1;
export const MANIFEST = "backup.json";

/** The last file that is written. */
export interface Manifest {
	format: number;
	madeAt: string;
	/** The cut: number of its last batch and event, and the hash of the chain there. */
	seq: number;
	lastEvent: number;
	hash: string;
}

export interface BackupOptions {
	madeAt: string;
	/** With the token, whoever has the backup may do everything that its owner may. */
	withToken: boolean;
}

/** How often retention may overtake the copy. */
const ATTEMPTS = 5;
const COPY_BATCHES = 64;

/** @throws E_DATA_FOLDER when the target is there already, E_JOURNAL_CORRUPT, E_STORAGE_FULL */
export async function makeBackup(
	folder: string,
	target: string,
	options: BackupOptions,
): Promise<Manifest & { verified: Verified }> {
	checkSqliteVersion(process.versions.sqlite);
	checkFree(target);
	const partial = `${target}.partial`;
	rmSync(partial, { recursive: true, force: true }); // what a killed one had begun
	mkdirSync(partial, { recursive: true, mode: 0o700 });
	try {
		const end = await copyData(journalPaths(folder), journalPaths(partial));
		copyArtifacts(join(folder, "artifacts"), join(partial, "artifacts"));
		if (options.withToken) copySynced(join(folder, "token"), join(partial, "token"));
		const verified = await verifyJournal(journalPaths(partial));
		const { seq, lastEvent, hash } = end;
		const manifest = { format: FORMAT, madeAt: options.madeAt, seq, lastEvent, hash: hash.toString("hex") };
		writeFileSync(join(partial, MANIFEST), `${JSON.stringify(manifest)}\n`, { flush: true, mode: 0o600 });
		putInPlace(partial, target);
		return { ...manifest, verified };
	} catch (error) {
		rmSync(partial, { recursive: true, force: true });
		if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
			throw new MusterError("E_STORAGE_FULL", `no space for ${target}`, { cause: error });
		}
		throw error;
	}
}

/** @throws E_DATA_FOLDER when something is there */
export function checkFree(target: string): void {
	if (!existsSync(target) || readdirSync(target).length === 0) return;
	throw new MusterError("E_DATA_FOLDER", `${target} is not empty; nothing was changed`, {
		hint: "Give a folder that is not there yet.",
	});
}

/** On disk when it returns. */
export function copySynced(from: string, to: string): void {
	copyFileSync(from, to);
	const file = openSync(to, "r+");
	try {
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

/** It is there as a whole, or not at all. */
export function putInPlace(partial: string, target: string): void {
	syncFolder(partial);
	rmSync(target, { recursive: true, force: true }); // empty, see checkFree()
	renameSync(partial, target);
	syncFolder(dirname(target));
}

async function copyData(from: JournalPaths, to: JournalPaths): Promise<Anchor> {
	for (let attempt = 1; ; attempt++) {
		for (const path of [to.snapshots, to.views, to.journal, `${to.journal}-wal`, `${to.journal}-shm`]) {
			rmSync(path, { recursive: true, force: true });
		}
		copySnapshots(from, to);
		copyViews(from, to);
		const source = openForReading(from.journal);
		try {
			const { begin, end } = await copyJournal(source, from, to);
			const reaches =
				begin.seq === 0 || listSnapshots(to.snapshots).some(({ seq }) => seq >= begin.seq && seq <= end.seq);
			if (reaches) return end;
		} catch (error) {
			// Missing batches are retention's, as long as the journal is a whole one on the next look.
			if (!hasCode(error, "E_JOURNAL_CORRUPT") || attempt === ATTEMPTS) throw error;
		} finally {
			source.close();
		}
		if (attempt === ATTEMPTS)
			throw new MusterError("E_CONFLICT", "the journal was shortened faster than it could be copied");
	}
}

function copySnapshots(from: JournalPaths, to: JournalPaths): void {
	mkdirSync(to.snapshots, { recursive: true, mode: 0o700 });
	for (const { path } of listSnapshots(from.snapshots)) {
		try {
			copySynced(path, join(to.snapshots, path.slice(from.snapshots.length + 1)));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // a newer one took its place
		}
	}
}

/** In one read transaction of their own; without views there is nothing to copy, and the next start makes them. */
function copyViews(from: JournalPaths, to: JournalPaths): void {
	if (!existsSync(from.views)) return;
	const db = openViewsForReading(from.views);
	try {
		db.prepare("VACUUM INTO ?").run(to.views);
	} finally {
		db.close();
	}
}

async function copyJournal(
	source: DatabaseSync,
	from: JournalPaths,
	to: JournalPaths,
): Promise<{ begin: Anchor; end: Anchor }> {
	const begin = readAnchor(source);
	const last = lastSeq(source);
	const copy = openForWriting(to.journal, "full");
	try {
		copy
			.prepare("INSERT INTO anchor (one, seq, last_event, hash) SELECT 1, ?1, ?2, ?3 WHERE ?1 > 0")
			.run(begin.seq, begin.lastEvent, begin.hash);
		const insert = copy.prepare("INSERT INTO batches (seq, first, count, hash, body) VALUES (?, ?, ?, ?, ?)");
		let end = begin;
		let open = 0;
		for (const { seq, first, count, hash, body } of readChain(source, begin, from.journal)) {
			if (open === 0) copy.exec("BEGIN");
			insert.run(seq, first, count, hash, body);
			end = { seq, lastEvent: first + count - 1, hash };
			const isLast = seq >= last;
			open = isLast ? 0 : (open + 1) % COPY_BATCHES;
			if (open === 0) {
				copy.exec("COMMIT; PRAGMA wal_checkpoint(PASSIVE)");
				await new Promise((resolve) => setImmediate(resolve));
			}
			if (isLast) break;
		}
		if (open > 0) copy.exec("COMMIT");
		copy.exec("PRAGMA wal_checkpoint(TRUNCATE)");
		return { begin, end };
	} finally {
		copy.close();
	}
}

/** Each is named by the hash of its content, and checked against it. */
export function copyArtifacts(from: string, to: string): void {
	if (!existsSync(from)) return;
	for (const part of readdirSync(from)) {
		if (!/^[0-9a-f]{2}$/.test(part)) continue;
		mkdirSync(join(to, part), { recursive: true, mode: 0o700 });
		for (const name of readdirSync(join(from, part))) {
			if (!/^[0-9a-f]{64}$/.test(name)) continue; // still being written
			const bytes = readFileSync(join(from, part, name));
			if (createHash("sha256").update(bytes).digest("hex") !== name) continue; // a damaged one is no artifact any more
			writeFileSync(join(to, part, name), bytes, { mode: 0o600, flush: true });
		}
	}
}
