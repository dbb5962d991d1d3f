/**
 * The projector thread: follows the journal, folds it, writes what is over to views.db and the state to snapshots.
 * It only reads the journal; it may lag, and says how far it is.
 */
import { rmSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorData, hasCode, MusterError, toErrorData } from "../errors.ts";
import type { Event, StoredEvent } from "../events.ts";
import { createState, type State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { count, Tally } from "./activity.ts";
import type { EventPage } from "./journal.ts";
import { followTrail, readEvents } from "./journal-reading.ts";
import { findBase, foldBatch, type JournalPaths } from "./recovery.ts";
import type { Deleted, RetentionOptions } from "./retention.ts";
import { writeSnapshot } from "./snapshot.ts";
import { type Anchor, guarded, isDamage, lastSeq, openForReading, readAnchor, readChain } from "./sqlite-file.ts";
import { subjectOf, type Trail, Trails } from "./trails.ts";
import { ViewsWriter } from "./views-writer.ts";

export interface ProjectorOptions {
	paths: JournalPaths;
	/** Bytes of journal between two snapshots. */
	snapshotBytes: number;
	retention: RetentionOptions;
}

export type ProjectorRequest =
	| { kind: "advance" }
	| { kind: "read"; id: number; after: number; limit: number }
	| { kind: "read-of"; id: number; subject: string; after: number; limit: number }
	| { kind: "close" };

export type ProjectorReply =
	/** Everything up to this batch is in the views. */
	| { kind: "projected"; seq: number; lastEvent: number }
	| { kind: "snapshot"; seq: number }
	| { kind: "events"; id: number; events: StoredEvent[] }
	| { kind: "events-of"; id: number; page: EventPage }
	| { kind: "unread"; id: number; error: ErrorData }
	| { kind: "notice"; message: string }
	| { kind: "failed"; error: ErrorData };

/** Batches and bytes of one views transaction: few enough that a read request waits only milliseconds. */
const SLICE = 32;
const SLICE_BYTES = 1024 * 1024;
const FULL_RETRY_MS = 1_000;

const { paths, snapshotBytes, retention } = workerData as ProjectorOptions;
const port = parentPort as NonNullable<typeof parentPort>;
const send = (reply: ProjectorReply): void => port.postMessage(reply);

const db = openForReading(paths.journal);
const views = openViews();
const trails = new Trails();
/** Batches up to here are in the counts over time already, also when they are folded once more. */
const counted = views.position()?.seq ?? 0;
let { state, anchor } = base();
/** The newest time that an event told of. */
let journalMs = 0;
let bytesSinceSnapshot = 0;
let working = false;
let closing = false;

/** What the last fold led to; it is kept until it is in the views, since nothing can be folded twice. */
/** False from the moment that a fold has begun until its end is the anchor: the state is then ahead of it. */
let whole = true;
let folded: ReturnType<typeof fold> | undefined;
/** Questions about one task or run, answered when the views have reached the end that the journal had. */
let questions: { upTo: number; request: ReadOf }[] = [];
type ReadOf = Extract<ProjectorRequest, { kind: "read-of" }>;

port.on("message", (request: ProjectorRequest) => {
	if (request.kind === "read") return read(request);
	if (request.kind === "read-of") questions.push({ upTo: lastSeq(db), request });
	if (request.kind === "close") closing = true;
	work();
});
const known = views.position();
send({ kind: "projected", seq: known?.seq ?? 0, lastEvent: known?.lastEvent ?? 0 });
work();

function openViews(): ViewsWriter {
	try {
		const opened = new ViewsWriter(paths.views, retention);
		opened.position();
		return opened;
	} catch (error) {
		// Only damage is a reason to rebuild: the views may know more than the journal still holds.
		if (!isDamage(error)) throw error;
		send({ kind: "notice", message: `${paths.views} was damaged (${(error as Error).message}) and is rebuilt` });
		removeViews();
		return new ViewsWriter(paths.views, retention);
	}
}

function removeViews(): void {
	for (const suffix of ["", "-wal", "-shm"]) rmSync(paths.views + suffix, { force: true });
}

/** The newest place from which nothing is missing in the views; without one, the newest at all, and says so. */
function base(): { state: State; anchor: Anchor } {
	const position = views.position();
	const ignore = (): void => undefined; // recovery on the main thread reports a damaged snapshot
	const seamless = findBase(paths, db, ignore, { upTo: position?.seq ?? 0, trails });
	if (seamless !== undefined) return seamless;
	const newest = findBase(paths, db, ignore, { trails });
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
	let deleted: Deleted = { tasks: 0, runs: 0 };
	const { batches, tasks, runs, redriven, tally } = folded;
	const end = folded.anchor;
	if (batches > 0) {
		writeViews(() => {
			for (const { task, trail } of tasks) views.putTask(task, trail);
			for (const { id, as, seq } of redriven) views.putRedriven(id, as, seq);
			for (const { run, trail } of runs) views.putRun(run, trail);
			views.putActivity(tally);
			deleted = views.forget(journalMs, tasks.length + runs.length, (run) => state.runs.has(run));
			return end;
		});
	}
	anchor = end;
	folded = undefined;
	whole = true;
	// Also when there was nothing: it answers the question.
	send({ kind: "projected", seq: anchor.seq, lastEvent: anchor.lastEvent });
	tellDeleted(deleted);
	answer();
	if (bytesSinceSnapshot >= snapshotBytes) snapshot();
	return batches > 0;
}

function fold() {
	const result = {
		anchor,
		tasks: [] as { task: Task; trail: Trail }[],
		runs: [] as { run: Run; trail: Trail }[],
		redriven: [] as { id: string; as: string; seq: number }[],
		tally: new Tally(),
		batches: 0,
	};
	let bytes = 0;
	let at = anchor.seq;
	const sink = {
		task: (task: Task) => void result.tasks.push({ task, trail: trails.take(task.id) }),
		run: (run: Run) => void result.runs.push({ run, trail: trails.take(run.id) }),
		redriven: (id: string, as = "") => void result.redriven.push({ id, as, seq: at }),
	};
	const look = (event: Event): void => {
		journalMs = Math.max(journalMs, event.at);
		const subject = subjectOf(event);
		if (subject === undefined) return;
		const { id, isBirth } = subject;
		if (isBirth || state.tasks.has(id) || state.runs.has(id)) trails.touch(id, at, isBirth);
		if (at > counted) count(result.tally, state, event);
	};
	for (const batch of readChain(db, anchor, paths.journal)) {
		at = batch.seq;
		foldBatch(state, batch, sink, paths.journal, look);
		bytes += batch.body.byteLength;
		result.anchor = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash: batch.hash };
		if (++result.batches === SLICE || bytes >= SLICE_BYTES) break;
	}
	bytesSinceSnapshot += bytes;
	return result;
}

/** Deletions since they were last told of. */
const untold: Deleted = { tasks: 0, runs: 0 };

const TOLD_TOGETHER = 100_000;

/** One notice for all that a sweep deletes, at its end; where it has none, for many together. */
function tellDeleted({ tasks, runs }: Deleted): void {
	untold.tasks += tasks;
	untold.runs += runs;
	const all = untold.tasks + untold.runs;
	if (all === 0 || (tasks + runs > 0 && all < TOLD_TOGETHER)) return;
	const message = `${untold.tasks} tasks and ${untold.runs} runs that were over were deleted from ${paths.views}, as keepFinished and keepFinishedBytes say`;
	send({ kind: "notice", message });
	Object.assign(untold, { tasks: 0, runs: 0 });
}

function answer(): void {
	const ready = questions.filter(({ upTo }) => upTo <= anchor.seq);
	if (ready.length === 0) return;
	questions = questions.filter(({ upTo }) => upTo > anchor.seq);
	for (const { request } of ready) readOf(request);
}

function readOf({ id, subject, after, limit }: ReadOf): void {
	try {
		const trail = trails.of(subject) ?? views.trail(subject) ?? [];
		send({ kind: "events-of", id, page: followTrail(db, paths.journal, { subject, trail, after, limit }) });
	} catch (error) {
		send({ kind: "unread", id, error: toErrorData(error, "E_JOURNAL_CORRUPT") });
	}
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
		writeSnapshot(paths.snapshots, { state, anchor }, trails);
		bytesSinceSnapshot = 0;
		send({ kind: "snapshot", seq: anchor.seq });
	} catch (error) {
		bytesSinceSnapshot = Math.floor(snapshotBytes / 2);
		send({ kind: "notice", message: `no snapshot could be written (${(error as Error).message}); it is tried again` });
	}
}

function read({ id, after, limit }: Extract<ProjectorRequest, { kind: "read" }>): void {
	try {
		send({ kind: "events", id, events: readEvents(db, paths.journal, after, limit) });
	} catch (error) {
		send({ kind: "unread", id, error: toErrorData(error, "E_JOURNAL_CORRUPT") });
	}
}

function close(): void {
	if (whole && bytesSinceSnapshot > 0) snapshot();
	views.close();
	db.close();
	port.close();
}
