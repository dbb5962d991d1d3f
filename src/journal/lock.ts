/**
 * One owner for a data folder. The lock is an exclusive SQLite transaction on `owner.lock`, held for the life of the
 * process: the operating system lets it go with the process, so a kill -9 leaves nothing stale behind.
 * `owner.json` beside it only tells people (and the command line) who the owner is.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MusterError } from "../errors.ts";

export interface Owner {
	pid: number;
	startedAt: string;
	/** Where its HTTP API listens, when it does. */
	url?: string;
}

export interface OwnerLock {
	/** Tells others where this process listens. */
	announce(url: string): void;
	release(): void;
}

/** For its owner alone: inputs and outputs may be private. @throws E_DATA_FOLDER */
export function makeFolder(folder: string): void {
	try {
		mkdirSync(folder, { recursive: true, mode: 0o700 });
	} catch (cause) {
		throw new MusterError("E_DATA_FOLDER", `the data folder ${folder} cannot be made: ${(cause as Error).message}`, {
			hint: "Give a folder that this user may write, with --data.",
			cause,
		});
	}
}

/** Long enough for a look by isOwned() to pass, short enough to refuse a second owner at once. */
const PROBE_MS = 250;
const BUSY = 5;

/**
 * Whether a process owns the folder now. It asks the lock and not the pid, which may be used again, or be that of a
 * process that was killed and not yet collected.
 */
export function isOwned(folder: string): boolean {
	let db: DatabaseSync | undefined;
	try {
		db = new DatabaseSync(join(folder, "owner.lock"), { readOnly: true, timeout: 0 });
		db.prepare("SELECT 1 FROM sqlite_schema").all();
		return false;
	} catch (error) {
		return (error as { errcode?: number }).errcode === BUSY;
	} finally {
		db?.close();
	}
}

/** @throws E_DATA_FOLDER_LOCKED with the owner's pid and address */
export function lockFolder(folder: string, owner: Owner): OwnerLock {
	const path = join(folder, "owner.lock");
	const description = join(folder, "owner.json");
	let db: DatabaseSync;
	try {
		db = new DatabaseSync(path, { timeout: PROBE_MS });
	} catch (error) {
		throw unusable(folder, error);
	}
	try {
		db.exec("BEGIN EXCLUSIVE");
	} catch (error) {
		db.close();
		if ((error as { errcode?: number }).errcode !== BUSY) throw unusable(folder, error);
		throw locked(folder, readOwner(folder));
	}
	const write = (content: Owner): void => writeFileSync(description, `${JSON.stringify(content)}\n`, { mode: 0o600 });
	try {
		write(owner);
	} catch (error) {
		db.close();
		throw unusable(folder, error);
	}
	return {
		announce: (url) => write({ ...owner, url }),
		release() {
			rmSync(description, { force: true });
			db.close();
		},
	};
}

/** Who said last that it owns the folder; it may be gone. */
export function readOwner(folder: string): Owner | undefined {
	try {
		return JSON.parse(readFileSync(join(folder, "owner.json"), "utf8")) as Owner;
	} catch {
		return undefined; // not there, or half written by a process that just died: nobody to name
	}
}

function locked(folder: string, owner: Owner | undefined): MusterError {
	const who = owner === undefined ? "another process" : `process ${owner.pid}${owner.url ? ` (${owner.url})` : ""}`;
	return new MusterError("E_DATA_FOLDER_LOCKED", `${folder} is in use by ${who}`, {
		hint: "Use that process, stop it first, or give another folder with --data.",
		details: owner === undefined ? {} : { ...owner },
	});
}

function unusable(folder: string, cause: unknown): MusterError {
	const problem = (cause as Error).message;
	return new MusterError("E_DATA_FOLDER", `the data folder ${folder} cannot be used: ${problem}`, {
		hint: "Give a folder that this user may write, with --data.",
		cause,
	});
}
