/** The SQLite journal: journal.db written by one thread, followed by the projector thread; see ARCHITECTURE.md. */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock } from "../clock.ts";
import { fromErrorData, hasCode, MusterError, toErrorData } from "../errors.ts";
import type { StoredEvent } from "../events.ts";
import type { Sink } from "../state.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Batch, Commit, EventPage, GroupKind, Journal, Lag, OpenJournal } from "./journal.ts";
import { lockFolder, makeFolder, type OwnerLock } from "./lock.ts";
import type { ProjectorOptions, ProjectorReply, ProjectorRequest } from "./projector.ts";
import { checkNotMissing, type JournalPaths, journalPaths, recover } from "./recovery.ts";
import { KEEP_ALL, type RetentionOptions } from "./retention.ts";
import { type Anchor, checkSqliteVersion, openForReading, openForWriting } from "./sqlite-file.ts";
import type { WriterOptions, WriterReply, WriterRequest } from "./sqlite-worker.ts";
import { ViewsReader } from "./views-reader.ts";

export interface SqliteJournalOptions {
	folder: string;
	/** `full`: durable means after fsync. `normal`: survives the process, not a power cut. */
	durability: "full" | "normal";
	/** Newest part of the journal kept although a snapshot covers it, bytes. */
	keepBytes: number;
	snapshotBytes: number;
	/** How long what is over stays in the views. Default: for ever. */
	retention?: RetentionOptions;
	clock: Clock;
	/** Told of what ended after the last snapshot while the journal is read. */
	sink: Sink;
	/** Told once when nothing can be acknowledged any more. */
	onFailure: (error: unknown) => void;
	/** Told of what a person should know but nobody has to act on. */
	onNotice: (message: string) => void;
}

/** @throws E_DATA_FOLDER, E_DATA_FOLDER_LOCKED, E_DATA_FOLDER_NEWER, E_JOURNAL_CORRUPT, E_JOURNAL_TRUNCATED, E_SQLITE_VERSION */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<OpenJournal> {
	const { folder, clock } = options;
	checkSqliteVersion(process.versions.sqlite);
	makeFolder(folder);
	const startedAt = new Date(clock.now()).toISOString();
	const lock = lockFolder(folder, { pid: process.pid, startedAt });
	try {
		const paths = journalPaths(folder);
		checkNotMissing(paths);
		openForWriting(paths.journal, options.durability).close();
		const reader = openForReading(paths.journal);
		const onDamage = (error: unknown): void => options.onNotice((error as Error).message);
		const { state, base, end } = await recover(paths, reader, options.sink, onDamage).finally(() => reader.close());
		const journal = new SqliteJournal(options, paths, { base, end }, lock);
		try {
			await journal.ready;
		} catch (error) {
			await journal.abandon();
			throw error;
		}
		return {
			journal,
			history: journal.openHistory(),
			state,
			seq: end.seq,
			onProjected: (listener) => journal.onProjected(listener),
			lag: () => journal.lag(),
			announce: (url) => lock.announce(url),
		};
	} catch (error) {
		lock.release();
		throw error;
	}
}

/** Source runs as .ts, the published package as .js: a thread's file has the ending of this one. */
const threadFile = (name: string): URL => new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url);

/** Young objects of a thread. By default three times as many stay resident, in each of them, for no gain in speed. */
const YOUNG = { maxYoungGenerationSizeMb: 8 };
/** How exactly it is known since when the views are behind. */
const LAG_STEP_MS = 50;
/** How long a close waits for space. */
const FULL_CLOSE_MS = 10_000;

class SqliteJournal implements Journal {
	readonly #ready = Promise.withResolvers<void>();
	readonly #commits: GroupCommit;
	readonly #writer: Worker;
	readonly #projector: Worker;
	readonly #paths: JournalPaths;
	readonly #options: SqliteJournalOptions;
	readonly #lock: OwnerLock;
	/** The views must hold at least this before anyone looks into them. */
	readonly #base: number;
	readonly #reads = new Map<
		number,
		{ resolve(found: StoredEvent[] | EventPage): void; reject(error: unknown): void }
	>();
	/** Batches that are not in the views yet, with the time when they were written; one for each {@link LAG_STEP_MS}. */
	#behind: { seq: number; since: number }[] = [];
	#projected: { seq: number; lastEvent: number };
	#views: ViewsReader | undefined;
	#listener: (seq: number) => void = () => undefined;
	#write: { resolve(): void; reject(error: unknown): void } | undefined;
	#nextRead = 1;
	#written = 0;
	#advancing = false;
	#closed: Promise<void> | undefined;
	/** Everything is stored; nothing is taken or read any more. */
	#ended = false;

	constructor(
		options: SqliteJournalOptions,
		paths: JournalPaths,
		place: { base: Anchor; end: Anchor },
		lock: OwnerLock,
	) {
		const { base, end } = place;
		this.#base = base.seq;
		this.#projected = { seq: base.seq, lastEvent: base.lastEvent };
		this.#options = options;
		this.#paths = paths;
		this.#lock = lock;
		const writerData: WriterOptions = { path: paths.journal, durability: options.durability, hash: end.hash };
		const { snapshotBytes, retention = KEEP_ALL } = options;
		const projectorData: ProjectorOptions = { paths, snapshotBytes, retention };
		this.#writer = new Worker(threadFile("sqlite-worker"), { workerData: writerData, resourceLimits: YOUNG });
		this.#projector = new Worker(threadFile("projector"), { workerData: projectorData, resourceLimits: YOUNG });
		this.#commits = new GroupCommit(end, (batch) => this.#store(batch), options.clock, options.onFailure);
		this.#writer.on("message", (reply: WriterReply) => this.#onWriter(reply));
		this.#projector.on("message", (reply: ProjectorReply) => this.#onProjector(reply));
		for (const thread of [this.#writer, this.#projector]) thread.on("error", (error) => this.#onThreadError(error));
	}

	/** Resolves when the history can be read, and holds what nobody else does: views that were lost are rebuilt by then. */
	get ready(): Promise<void> {
		return this.#ready.promise;
	}

	get lastEvent(): number {
		return this.#commits.lastEvent;
	}

	get full(): boolean {
		return this.#commits.full;
	}

	append(lines: readonly string[], kind: GroupKind): Commit {
		if (this.#ended) throw stopped();
		return this.#commits.append(lines, kind);
	}

	read(after: number, limit: number): Promise<StoredEvent[]> {
		return this.#question<StoredEvent[]>((id) => ({ kind: "read", id, after, limit }));
	}

	readOf(subject: string, after: number, limit: number): Promise<EventPage> {
		return this.#question<EventPage>((id) => ({ kind: "read-of", id, subject, after, limit }));
	}

	#question<T extends StoredEvent[] | EventPage>(request: (id: number) => ProjectorRequest): Promise<T> {
		if (this.#ended) return Promise.reject(stopped());
		const id = this.#nextRead++;
		const { promise, resolve, reject } = Promise.withResolvers<StoredEvent[] | EventPage>();
		this.#reads.set(id, { resolve, reject });
		this.#ask(request(id));
		return promise as Promise<T>;
	}

	lag(): Lag {
		return { ...this.#projected, behindSince: this.#behind[0]?.since };
	}

	openHistory(): ViewsReader {
		this.#views = new ViewsReader(this.#paths.views);
		return this.#views;
	}

	onProjected(listener: (seq: number) => void): void {
		this.#listener = listener;
	}

	close(): Promise<void> {
		this.#closed ??= this.#close();
		return this.#closed;
	}

	async #close(): Promise<void> {
		await this.#flush();
		this.#ended = true;
		this.#views?.close();
		await this.#end(this.#projector);
		this.#rejectReads(stopped());
		await this.#end(this.#writer);
		this.#lock.release();
	}

	/** Without space a stop does not wait for ever: what is not stored was told to nobody and is done again. */
	async #flush(): Promise<void> {
		const forget = this.#options.clock.after(FULL_CLOSE_MS, () => {
			if (this.#commits.full) this.#commits.fail(new MusterError("E_STORAGE_FULL", "the disk was full until the stop"));
		});
		await this.#commits.flush();
		forget();
	}

	/** It could not be opened: its threads end at once. */
	async abandon(): Promise<void> {
		this.#ended = true;
		await Promise.all([this.#projector.terminate(), this.#writer.terminate()]);
	}

	/** Asks a thread to close and waits until it is gone; a thread that died already is gone. */
	async #end(thread: Worker): Promise<void> {
		const { promise, resolve } = Promise.withResolvers<void>();
		thread.once("exit", () => resolve());
		if (thread.threadId === -1) return;
		thread.postMessage({ kind: "close" });
		await promise;
	}

	#store(batch: Batch): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		this.#write = { resolve, reject };
		this.#writer.postMessage({ kind: "write", batch } satisfies WriterRequest, [batch.body.buffer as ArrayBuffer]);
		return promise;
	}

	#onWriter(reply: WriterReply): void {
		if (reply.kind === "written") {
			this.#written = reply.seq;
			this.#write?.resolve();
			const since = this.#options.clock.monotonic();
			const last = this.#behind.at(-1);
			if (last === undefined || since - last.since >= LAG_STEP_MS) this.#behind.push({ seq: reply.seq, since });
			else last.seq = reply.seq;
			this.#advance();
		} else if (reply.kind === "refused") this.#write?.reject(fromErrorData(reply.error));
		else if (reply.error !== undefined) this.#options.onNotice(`the journal was not shortened: ${reply.error.message}`);
	}

	#onProjector(reply: ProjectorReply): void {
		switch (reply.kind) {
			case "projected":
				if (reply.seq >= this.#base) this.#ready.resolve();
				this.#projected = { seq: reply.seq, lastEvent: reply.lastEvent };
				while ((this.#behind[0]?.seq ?? Number.POSITIVE_INFINITY) <= reply.seq) this.#behind.shift();
				this.#listener(reply.seq);
				this.#advancing = false;
				if (reply.seq < this.#written) this.#advance();
				break;
			case "snapshot": {
				const { keepBytes } = this.#options;
				this.#writer.postMessage({ kind: "prune", seq: reply.seq, keepBytes } satisfies WriterRequest);
				break;
			}
			case "events":
				this.#reads.get(reply.id)?.resolve(reply.events);
				this.#reads.delete(reply.id);
				break;
			case "events-of":
				this.#reads.get(reply.id)?.resolve(reply.page);
				this.#reads.delete(reply.id);
				break;
			case "unread":
				this.#reads.get(reply.id)?.reject(fromErrorData(reply.error));
				this.#reads.delete(reply.id);
				break;
			case "notice":
				this.#options.onNotice(reply.message);
				break;
			case "failed":
				this.#onThreadError(fromErrorData(reply.error));
				break;
		}
	}

	/** One question at a time: the projector takes all that is there, and says so at its end. */
	#advance(): void {
		if (this.#advancing) return;
		this.#advancing = true;
		this.#ask({ kind: "advance" });
	}

	#ask(request: ProjectorRequest): void {
		this.#projector.postMessage(request);
	}

	#onThreadError(error: unknown): void {
		const failure = new MusterError(
			"E_JOURNAL_FAILED",
			`a thread of the journal ended: ${toErrorData(error).message}`,
			{
				cause: error,
			},
		);
		this.#ready.reject(hasCode(error) ? error : failure);
		this.#write?.reject(failure);
		this.#rejectReads(failure);
		this.#commits.fail(failure);
	}

	#rejectReads(error: unknown): void {
		for (const read of this.#reads.values()) read.reject(error);
		this.#reads.clear();
	}
}

const stopped = (): MusterError => new MusterError("E_STOPPED", "the journal is closed");
