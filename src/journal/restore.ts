/**
 * A data folder made of a backup, with an epoch of its own.
 *
 * Why its tokens are safe: a token is epoch * 2^32 + a counter, and each start takes the next epoch. The original may go on
 * after the backup, one epoch a start; the restored folder begins {@link EPOCHS_APART} epochs later or more, so the original
 * would have to start that often before it handed out a token as large. A second folder restored from the same backup begins
 * at another place, chosen at random. The epoch is an event of the restored journal, durable before the folder has its name;
 * what ran at the cut holds an older token, so its late results are refused and it is offered again, as after any crash.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MusterError } from "../errors.ts";
import { encodeBody, encodeEvent } from "../events.ts";
import { checkFree, copyArtifacts, copySynced, MANIFEST, type Manifest, putInPlace } from "./backup.ts";
import { journalPaths, recover } from "./recovery.ts";
import { listSnapshots } from "./snapshot.ts";
import { type Anchor, chainHash, openForReading, openForWriting } from "./sqlite-file.ts";
import { type Verified, verifyJournal } from "./verify.ts";

export const EPOCHS_APART = 2 ** 14;
/** Beyond, a token is no exact number any more. */
const LAST_EPOCH = 2 ** 21 - 1;

/** @throws E_DATA_FOLDER when the target is not empty or the source is no backup, E_JOURNAL_CORRUPT */
export async function restoreBackup(
	backup: string,
	folder: string,
	clock: { now(): number; random(): number },
): Promise<Manifest & { epoch: number; verified: Verified }> {
	const manifest = readManifest(backup);
	checkFree(folder);
	const from = journalPaths(backup);
	const verified = await verifyJournal(from);
	const partial = `${folder}.partial`;
	rmSync(partial, { recursive: true, force: true });
	const to = journalPaths(partial);
	mkdirSync(to.snapshots, { recursive: true, mode: 0o700 });
	try {
		copySynced(from.journal, to.journal);
		if (existsSync(from.views)) copySynced(from.views, to.views);
		for (const { path } of listSnapshots(from.snapshots))
			copySynced(path, join(to.snapshots, path.slice(from.snapshots.length + 1)));
		copyArtifacts(join(backup, "artifacts"), join(partial, "artifacts"));
		const token = join(backup, "token");
		if (existsSync(token)) writeFileSync(join(partial, "token"), readFileSync(token), { mode: 0o600, flush: true });
		const reader = openForReading(to.journal);
		const nothing = (): void => undefined;
		const { state, end } = await recover(to, reader, { task: nothing, run: nothing }, nothing).finally(() =>
			reader.close(),
		);
		if (end.seq !== manifest.seq || end.hash.toString("hex") !== manifest.hash) {
			throw new MusterError("E_JOURNAL_CORRUPT", `the journal of ${backup} does not end where it says`);
		}
		const epoch = state.epoch + EPOCHS_APART + Math.floor(clock.random() * EPOCHS_APART);
		if (epoch > LAST_EPOCH)
			throw new MusterError("E_CONFLICT", `${backup} comes from too many restores, one of another`);
		beginEpoch(to.journal, end, { epoch, at: clock.now() });
		putInPlace(partial, folder);
		return { ...manifest, epoch, verified };
	} catch (error) {
		rmSync(partial, { recursive: true, force: true });
		throw error;
	}
}

/** @throws E_DATA_FOLDER */
function readManifest(backup: string): Manifest {
	let manifest: Manifest;
	try {
		manifest = JSON.parse(readFileSync(join(backup, MANIFEST), "utf8")) as Manifest;
	} catch (cause) {
		throw new MusterError("E_DATA_FOLDER", `${backup} is no backup: it has no whole ${MANIFEST}`, {
			hint: "Give a folder that `muster backup` made, as a whole.",
			cause,
		});
	}
	if (manifest.format === 1) return manifest;
	throw new MusterError("E_DATA_FOLDER_NEWER", `${backup} has format ${manifest.format}, this version reads 1`);
}

/** One more batch at the end of the journal. */
function beginEpoch(path: string, end: Anchor, { epoch, at }: { epoch: number; at: number }): void {
	const body = encodeBody([encodeEvent({ type: "epoch.started", at, epoch })]);
	const batch = { seq: end.seq + 1, first: end.lastEvent + 1, count: 1, body };
	const db = openForWriting(path, "full");
	try {
		db.prepare("INSERT INTO batches (seq, first, count, hash, body) VALUES (?, ?, ?, ?, ?)").run(
			batch.seq,
			batch.first,
			batch.count,
			chainHash(end.hash, batch),
			body,
		);
		db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
	} finally {
		db.close();
	}
}
