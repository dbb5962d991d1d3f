/** The checks of `muster doctor`. They change nothing, and a server may be running meanwhile. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { readToken } from "../access/owner-token.ts";
import { toErrorData } from "../errors.ts";
import { isOwned, readOwner } from "../journal/lock.ts";
import { type JournalPaths, journalPaths } from "../journal/recovery.ts";
import { listSnapshots, readSnapshot } from "../journal/snapshot.ts";
import { checkSqliteVersion, checkWitness, openForReading, readAnchor, readChain } from "../journal/sqlite-file.ts";
import { viewsPosition } from "../journal/views.ts";
import type { EnabledView } from "../orchestrator/triggers.ts";
import { isAlive } from "./http-connection.ts";

export interface Check {
	name: string;
	ok: boolean;
	/** What was found. */
	detail: string;
	/** What to do when it is not ok. */
	fix?: string;
}

const OLDEST_NODE = [24, 15] as const;
/** With less space than this a busy queue fills the disk before anybody looks. */
const LEAST_FREE_BYTES = 256 * 2 ** 20;

/** Runs one check: what it throws is its finding. */
async function check(name: string, look: () => string | Promise<string>, fix?: string): Promise<Check> {
	try {
		return { name, ok: true, detail: await look() };
	} catch (error) {
		const { message, hint = fix } = toErrorData(error, "E_INTERNAL");
		return { name, ok: false, detail: message, ...(hint !== undefined && { fix: hint }) };
	}
}

export async function* machineChecks(): AsyncGenerator<Check> {
	yield check(
		"node",
		() => {
			const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
			const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
			if (!enough) throw new Error(`Node ${process.versions.node} is too old`);
			return process.versions.node;
		},
		"Use Node 24.15 or newer: npx -p node@24 -p muster-agents muster ...",
	);
	yield check("sqlite", () => {
		checkSqliteVersion(process.versions.sqlite);
		return process.versions.sqlite ?? "unknown";
	});
	yield check("threads", async () => {
		await new Promise<void>((resolve, reject) => {
			const thread = new Worker("", { eval: true });
			thread.once("error", reject);
			thread.once("exit", () => resolve());
		});
		return `start; ${availableParallelism()} processor(s) can be used`;
	});
}

export async function* folderChecks(folder: string): AsyncGenerator<Check> {
	const paths = journalPaths(folder);
	yield check("data folder", () => usable(folder), "Give a folder that this user may read and write, with --data.");
	yield check("free space", () => freeSpace(folder), "Make room on this disk, or move the data folder.");
	if (!existsSync(folder)) return;
	yield check("owner", () => owner(folder));
	yield check("token", () => token(folder), `Make it private with: chmod 600 ${join(folder, "token")}`);
	if (!existsSync(paths.journal)) {
		yield { name: "journal", ok: true, detail: "none yet" };
		return;
	}
	yield* journalChecks(paths);
}

/** Each opens what it needs, so that one damaged file does not hide the others. */
async function* journalChecks(paths: JournalPaths): AsyncGenerator<Check> {
	const withJournal = (look: (db: DatabaseSync) => string): string => {
		const db = openForReading(paths.journal);
		try {
			return look(db);
		} finally {
			db.close();
		}
	};
	yield check("journal", () => withJournal((db) => wholeChain(db, paths.journal)));
	yield check("snapshots", () =>
		withJournal((db) => {
			const snapshots = listSnapshots(paths.snapshots);
			for (const { path } of snapshots) checkWitness(db, readSnapshot(path).anchor, paths.journal, path);
			return snapshots.length === 0 ? "none yet" : `${snapshots.length} whole`;
		}),
	);
	yield check("views", () =>
		withJournal((db) => {
			const position = viewsPosition(paths.views);
			if (position === undefined) return "missing or not readable; the next start makes them again";
			checkWitness(db, position, paths.journal, paths.views);
			return `fit the journal up to batch ${position.seq}`;
		}),
	);
}

/** Each webhook of an enabled workflow, as the server sees it that runs, or as one would that started here. */
export async function* webhookChecks(enabled: readonly EnabledView[]): AsyncGenerator<Check> {
	for (const { workflow, triggers } of enabled) {
		for (const trigger of triggers) {
			if (!("webhook" in trigger)) continue;
			yield check(`webhook ${trigger.webhook}`, () => {
				if (trigger.problem !== undefined) throw new Error(trigger.problem);
				return `of ${workflow}; its secret is there`;
			});
		}
	}
}

function usable(folder: string): string {
	if (!existsSync(folder)) {
		const parent = existingParent(folder);
		accessSync(parent, constants.W_OK | constants.X_OK);
		return `${folder} is not there yet; it can be made`;
	}
	if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
	accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
	return `${folder} can be read and written`;
}

async function freeSpace(folder: string): Promise<string> {
	const { bavail, bsize } = await statfs(existingParent(folder));
	const bytes = bavail * bsize;
	const text = `${(bytes / 2 ** 30).toFixed(1)} GiB`;
	if (bytes < LEAST_FREE_BYTES) throw new Error(`only ${Math.round(bytes / 2 ** 20)} MiB are free`);
	return text;
}

function existingParent(path: string): string {
	return existsSync(path) ? path : existingParent(dirname(path));
}

async function owner(folder: string): Promise<string> {
	const found = readOwner(folder);
	if (found === undefined) return "nobody works on it";
	if (!isOwned(folder)) return `nobody works on it; process ${found.pid} ended without saying so, which is safe`;
	if (found.url === undefined) return `process ${found.pid} works on it, without a server`;
	if (await isAlive(found.url, found.pid)) return `process ${found.pid} serves it at ${found.url}`;
	throw new Error(`process ${found.pid} owns it but does not answer at ${found.url}`);
}

function token(folder: string): string {
	if (readToken(folder) === undefined) return "none yet; the first server makes it";
	const mode = statSync(join(folder, "token")).mode & 0o777;
	if (process.platform !== "win32" && (mode & 0o077) !== 0) {
		throw new Error(`others may read it (mode ${mode.toString(8)})`);
	}
	return "there, and private";
}

/** Every batch from where retention has cut the chain to its end. */
function wholeChain(db: DatabaseSync, path: string): string {
	const anchor = readAnchor(db);
	let batches = 0;
	let events = 0;
	try {
		for (const batch of readChain(db, anchor, path)) {
			batches++;
			events += batch.count;
		}
	} catch (error) {
		// A running server may have shortened the journal meanwhile; then it is read from its new beginning.
		if (readAnchor(db).seq !== anchor.seq) return wholeChain(db, path);
		throw error;
	}
	return `${batches} batches with ${events} events, each one as it was written`;
}
