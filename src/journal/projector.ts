/**
 * The projector thread: follows the journal, folds it, writes what is over to views.db and the state to snapshots.
 * It only reads the journal; it may lag, and says how far it is.
 */
import { rmSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorData, hasCode, MusterError, toErrorData } from "../errors.ts";
import { decodeBody, type StoredEvent } from "../events.ts";
import { createState, type State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { findBase, foldBatch, type JournalPaths } from "./recovery.ts";
import { writeSnapshot } from "./snapshot.ts";
import {
	type Anchor,
	damaged,
	guarded,
	isDamage,
	lastSeq,
	openForReading,
	readAnchor,
	readChain,
} from "./sqlite-file.ts";
import { ViewsWriter } from "./views-writer.ts";

export interface ProjectorOptions {
	paths: JournalPaths;
	/** Bytes of journal between two snapshots. */
	snapshotBytes: number;
}

export type ProjectorRequest =
	| { kind: "advance" }
	| { kind: "read"; id: number; after: number; limit: number }
	| { kind: "close" };

export type ProjectorReply =
	/** Everything up to this batch is in the views. */
	| { kind: "projected"; seq: number }
	| { kind: "snapshot"; seq: number }
	| { kind: "events"; id: number; events: StoredEvent[] }
	| { kind: "unread"; id: number; error: ErrorData }
	| { kind: "notice"; message: string }
	| { kind: "failed"; error: ErrorData };

/** Batches of one views transaction: few enough that a read request waits only milliseconds. */
const SLICE = 32;
const FULL_RETRY_MS = 1_000;

const { paths, snapshotBytes } = workerData as ProjectorOptions;
const port = parentPort as NonNullable<typeof parentPort>;
const send = (reply: ProjectorReply): void => port.postMessage(reply);

const db = openForReading(paths.journal);
const views = openViews();
let { state, anchor } = base();
let bytesSinceSnapshot = 0;
let working = false;
let closing = false;

/** What the last fold led to; it is kept until it is in the views, since nothing can be folded twice. */
/** False from the moment that a fold has begun until its end is the anchor: the state is then ahead of it. */
let whole = true;
let folded: { anchor: Anchor; tasks: Task[]; runs: Run[]; redriven: Map<string, string>; batches: number } | undefined;

port.on("message", (request: ProjectorRequest) => {
	if (request.kind === "read") return read(request);
	if (request.kind === "close") closing = true;
	work();
});
send({ kind: "projected", seq: views.position()?.seq ?? 0 });
work();

function openViews(): ViewsWriter {
	try {
		const opened = new ViewsWriter(paths.views);
		opened.position();
		return opened;
	} catch (error) {
		// Only damage is a reason to rebuild: the views may know more than the journal still holds.
		if (!isDamage(error)) throw error;
		send({ kind: "notice", message: `${paths.views} was damaged (${(error as Error).message}) and is rebuilt` });
		removeViews();
		return new ViewsWriter(paths.views);
	}
}

function removeViews(): void {
	for (const suffix of ["", "-wal", "-shm"]) rmSync(paths.views + suffix, { force: true });
}

/** The newest place from which nothing is missing in the views; without one, the newest at all, and says so. */
function base(): { state: State; anchor: Anchor } {
	const position = views.position();
	const ignore = (): void => undefined; // recovery on the main thread reports a damaged snapshot
	const seamless = findBase(paths, db, ignore, position?.seq ?? 0);
	if (seamless !== undefined) return seamless;
	const newest = findBase(paths, db, ignore);
	if (newest !== undefined) {
		send({
			kind: "notice",
			message: "the journal no longer holds all that the views lack; older finished tasks are not found",
		});
		return newest;
	}
	return { state: createState(), anchor: readAnchor(db) };
}

/** One slice a turn, so that requests get in between. */
function work(): void {
	if (working) return;
	working = true;
	setImmediate(() => {
		working = false;
		try {
			if (slice()) work();
			else if (closing) close();
		} catch (error) {
			// At the end nothing is waited for: what the views lack is in the journal.
			if (closing) close();
			else if (hasCode(error, "E_STORAGE_FULL")) setTimeout(work, FULL_RETRY_MS);
			else send({ kind: "failed", error: toErrorData(error, "E_JOURNAL_FAILED") });
		}
	});
}

/** Returns whether there may be more. */
function slice(): boolean {
	whole = false;
	folded ??= fold();
	const { batches, tasks, runs, redriven } = folded;
	const end = folded.anchor;
	if (batches > 0) {
		writeViews(() => {
			for (const task of tasks) views.putTask(task);
			for (const [id, as] of redriven) views.putRedriven(id, as);
			for (const run of runs) views.putRun(run);
			return end;
		});
	}
	anchor = end;
	folded = undefined;
	whole = true;
	send({ kind: "projected", seq: anchor.seq }); // also when there was nothing: it answers the question
	if (bytesSinceSnapshot >= snapshotBytes) snapshot();
	return batches === SLICE;
}

function fold(): NonNullable<typeof folded> {
	const result = { anchor, tasks: [] as Task[], runs: [] as Run[], redriven: new Map<string, string>(), batches: 0 };
	const sink = {
		task: (task: Task) => void result.tasks.push(task),
		run: (run: Run) => void result.runs.push(run),
		redriven: (id: string, as = "") => void result.redriven.set(id, as),
	};
	for (const batch of readChain(db, anchor, paths.journal)) {
		foldBatch(state, batch, sink, paths.journal);
		bytesSinceSnapshot += batch.body.byteLength;
		result.anchor = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash: batch.hash };
		if (++result.batches === SLICE) break;
	}
	return result;
}

function writeViews(put: () => Anchor): void {
	try {
		guarded(paths.views, () => views.transaction(put));
	} catch (error) {
		if (!hasCode(error, "E_JOURNAL_CORRUPT")) throw error;
		removeViews();
		throw new MusterError("E_JOURNAL_FAILED", `${paths.views} is damaged; it is rebuilt at the next start`, {
			cause: error,
		});
	}
}

/** It saves time and space, never truth: without room for it the journal stays as long as it is. */
function snapshot(): void {
	try {
		writeSnapshot(paths.snapshots, { state, anchor });
		bytesSinceSnapshot = 0;
		send({ kind: "snapshot", seq: anchor.seq });
	} catch (error) {
		bytesSinceSnapshot = Math.floor(snapshotBytes / 2);
		send({ kind: "notice", message: `no snapshot could be written (${(error as Error).message}); it is tried again` });
	}
}

function read({ id, after, limit }: Extract<ProjectorRequest, { kind: "read" }>): void {
	try {
		send({ kind: "events", id, events: readEvents(after, limit) });
	} catch (error) {
		send({ kind: "unread", id, error: toErrorData(error, "E_JOURNAL_CORRUPT") });
	}
}

/** The place after the last batch that holds nothing after this event. */
function placeBefore(after: number): Anchor {
	const select = db.prepare("SELECT seq, first + count - 1 AS lastEvent, hash FROM batches WHERE seq = ?");
	let place = readAnchor(db);
	for (let low = place.seq + 1, high = lastSeq(db); low <= high; ) {
		const seq = Math.floor((low + high) / 2);
		const row = select.get(seq) as { seq: number; lastEvent: number; hash: Uint8Array } | undefined;
		if (row === undefined) throw damaged(paths.journal, seq, "is missing");
		if (row.lastEvent <= after) {
			place = { ...row, hash: Buffer.from(row.hash) };
			low = seq + 1;
		} else high = seq - 1;
	}
	return place;
}

/** What is read is checked against the chain, as at a start; in one transaction, since retention may delete meanwhile. */
function readEvents(after: number, limit: number): StoredEvent[] {
	db.exec("BEGIN");
	try {
		return collectEvents(after, limit);
	} finally {
		db.exec("COMMIT");
	}
}

function collectEvents(after: number, limit: number): StoredEvent[] {
	const events: StoredEvent[] = [];
	for (const batch of readChain(db, placeBefore(after), paths.journal)) {
		for (const [i, event] of decodeBody(batch.body).entries()) {
			const seq = batch.first + i;
			if (seq <= after) continue;
			events.push({ ...event, seq });
			if (events.length === limit) return events;
		}
	}
	return events;
}

function close(): void {
	if (whole && bytesSinceSnapshot > 0) snapshot();
	views.close();
	db.close();
	port.close();
}
