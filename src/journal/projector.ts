/**
 * The projector thread: follows the journal, folds it, writes what is over to views.db and the state to snapshots.
 * It only reads the journal; it may lag, and says how far it is.
 */
import { rmSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorData, hasCode, toErrorData } from "../errors.ts";
import { decodeBody, type StoredEvent } from "../events.ts";
import { createState, type State } from "../state.ts";
import { findBase, foldBatch, type JournalPaths } from "./recovery.ts";
import { writeSnapshot } from "./snapshot.ts";
import { type Anchor, guarded, openForReading, readAnchor, readChain } from "./sqlite-file.ts";
import { ViewsWriter } from "./views.ts";

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
	| { kind: "failed"; error: ErrorData }
	/** The views are open and can be read by others. */
	| { kind: "ready" };

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

const sink = {
	task: (task: Parameters<ViewsWriter["putTask"]>[0]) => views.putTask(task),
	run: (run: Parameters<ViewsWriter["putRun"]>[0]) => views.putRun(run),
};

port.on("message", (request: ProjectorRequest) => {
	if (request.kind === "read") return read(request);
	if (request.kind === "close") closing = true;
	work();
});
send({ kind: "ready" });
send({ kind: "projected", seq: views.position()?.seq ?? 0 });
work();

function openViews(): ViewsWriter {
	try {
		return new ViewsWriter(paths.views);
	} catch (error) {
		send({ kind: "notice", message: `${paths.views} was not usable (${(error as Error).message}) and is rebuilt` });
		for (const suffix of ["", "-wal", "-shm"]) rmSync(paths.views + suffix, { force: true });
		return new ViewsWriter(paths.views);
	}
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
			if (hasCode(error, "E_STORAGE_FULL")) setTimeout(work, FULL_RETRY_MS);
			else send({ kind: "failed", error: toErrorData(error, "E_JOURNAL_FAILED") });
		}
	});
}

/** Returns whether there may be more. */
function slice(): boolean {
	let batches = 0;
	const end = guarded(paths.views, () =>
		views.transaction(() => {
			let at = anchor;
			for (const batch of readChain(db, anchor, paths.journal)) {
				foldBatch(state, batch, sink, paths.journal);
				bytesSinceSnapshot += batch.body.byteLength;
				at = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash: batch.hash };
				if (++batches === SLICE) break;
			}
			return at;
		}),
	);
	anchor = end;
	send({ kind: "projected", seq: anchor.seq }); // also when there was nothing: it answers the question
	if (batches === 0) return false;
	if (bytesSinceSnapshot >= snapshotBytes) snapshot();
	return batches === SLICE;
}

function snapshot(): void {
	writeSnapshot(paths.snapshots, { state, anchor });
	bytesSinceSnapshot = 0;
	send({ kind: "snapshot", seq: anchor.seq });
}

function read({ id, after, limit }: Extract<ProjectorRequest, { kind: "read" }>): void {
	try {
		send({ kind: "events", id, events: readEvents(after, limit) });
	} catch (error) {
		send({ kind: "unread", id, error: toErrorData(error, "E_JOURNAL_CORRUPT") });
	}
}

function readEvents(after: number, limit: number): StoredEvent[] {
	const rows = db
		.prepare(
			"SELECT first, body FROM batches WHERE seq >= (SELECT ifnull(max(seq), 0) FROM batches WHERE first <= ?) ORDER BY seq",
		)
		.iterate(after + 1) as Iterable<{ first: number; body: Uint8Array }>;
	const events: StoredEvent[] = [];
	for (const row of rows) {
		for (const [i, event] of decodeBody(row.body).entries()) {
			const seq = row.first + i;
			if (seq <= after) continue;
			events.push({ ...event, seq });
			if (events.length === limit) return events;
		}
	}
	return events;
}

function close(): void {
	if (bytesSinceSnapshot > 0) snapshot();
	views.close();
	db.close();
	port.close();
}
