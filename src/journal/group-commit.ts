/**
 * Group commit: while one batch is being written the next one gathers, so the cost of an fsync is shared by all who wait.
 *
 * Owns the order of groups, the numbering of events, and what happens without space (J2, J4, J5 of the port).
 * It knows nothing of how a batch is stored.
 */
import type { Clock } from "../clock.ts";
import { hasCode, MusterError } from "../errors.ts";
import { encodeBody } from "../events.ts";
import type { Batch, Commit, GroupKind } from "./journal.ts";

/** How long a note may wait for company. */
const NOTE_DELAY_MS = 20;
/** Characters of one batch, unless a single group is larger: a batch is one string and one row. */
const MAX_BATCH_LENGTH = 64 * 1024 * 1024;
/** How often facts are tried again without space. */
const FULL_RETRY_MS = 500;

interface Promised {
	promise: Promise<number>;
	resolve(seq: number): void;
	reject(error: unknown): void;
}

interface Gathering {
	groups: { lines: readonly string[]; request: boolean }[];
	/** Characters of its lines. */
	length: number;
	requests: Promised | undefined;
	facts: Promised | undefined;
}

export interface Position {
	seq: number;
	lastEvent: number;
}

export class GroupCommit {
	readonly #write: (batch: Batch) => Promise<void>;
	readonly #clock: Clock;
	readonly #onFailure: (error: unknown) => void;
	#position: Position;
	#gathering: Gathering = emptyGathering();
	/** Gatherings that are as large as a batch may be, oldest first; they go before the one that still gathers. */
	readonly #closed: Gathering[] = [];
	#writing: Promise<void> | undefined;
	#scheduled = false;
	#forgetNoteTimer: (() => void) | undefined;
	#forgetProbe: (() => void) | undefined;
	#failure: MusterError | undefined;
	readonly #failed = Promise.withResolvers<void>();
	#full = false;

	constructor(
		start: Position,
		write: (batch: Batch) => Promise<void>,
		clock: Clock,
		/** Told once when nothing can be acknowledged any more. */
		onFailure: (error: unknown) => void = () => undefined,
	) {
		this.#position = { ...start };
		this.#write = write;
		this.#clock = clock;
		this.#onFailure = onFailure;
	}

	get lastEvent(): number {
		return this.#position.lastEvent;
	}

	get full(): boolean {
		return this.#full;
	}

	append(lines: readonly string[], kind: GroupKind): Commit {
		if (this.#failure) throw this.#failure;
		const request = kind === "request";
		if (request && this.#full) throw storageFull();
		const length = lines.reduce((sum, line) => sum + line.length, 0);
		if (!request && length > MAX_BATCH_LENGTH && lines.length > 1) {
			// Facts have happened already, so what is too large for one row goes into several: a start mends what lies between.
			const half = lines.length >> 1;
			this.append(lines.slice(0, half), kind);
			return this.append(lines.slice(half), kind);
		}
		if (this.#gathering.length > 0 && this.#gathering.length + length > MAX_BATCH_LENGTH) {
			this.#closed.push(this.#gathering);
			this.#gathering = emptyGathering();
		}
		const gathering = this.#gathering;
		gathering.groups.push({ lines, request });
		gathering.length += length;
		const side = request ? "requests" : "facts";
		gathering[side] ??= promised();
		if (kind === "note") this.#flushLater();
		else this.#flushSoon();
		return { durable: gathering[side].promise };
	}

	/** Resolves when all that was appended is durable (or has failed). */
	async flush(): Promise<void> {
		while (this.#failure === undefined && (this.#waiting || this.#writing !== undefined)) {
			if (this.#writing === undefined) this.#start();
			await Promise.race([this.#writing, this.#failed.promise]);
		}
	}

	get #waiting(): boolean {
		return this.#closed.length > 0 || this.#gathering.groups.length > 0;
	}

	/** At the end of the running turn, so that all it appends goes into one batch. */
	#flushSoon(): void {
		if (this.#scheduled || this.#writing !== undefined) return;
		this.#scheduled = true;
		queueMicrotask(() => {
			this.#scheduled = false;
			this.#start();
		});
	}

	#flushLater(): void {
		this.#forgetNoteTimer ??= this.#clock.after(NOTE_DELAY_MS, () => {
			this.#forgetNoteTimer = undefined;
			this.#flushSoon();
		});
	}

	#start(): void {
		if (this.#writing !== undefined || !this.#waiting || this.#failure !== undefined) return;
		this.#forgetNoteTimer?.();
		this.#forgetNoteTimer = undefined;
		this.#forgetProbe?.();
		this.#forgetProbe = undefined;
		let batch = this.#closed.shift();
		if (batch === undefined) {
			batch = this.#gathering;
			this.#gathering = emptyGathering();
		}
		this.#writing = this.#commit(batch).then(() => {
			this.#writing = undefined;
			// The next one begins a turn later: what this one lets go on (starts, outcomes) still gets into it.
			if (!this.#waiting) return;
			this.#scheduled = true;
			setImmediate(() => {
				this.#scheduled = false;
				this.#start();
			});
		});
	}

	/** Never rejects: every end of a batch reaches those who wait for it through their promises. */
	async #commit(batch: Gathering): Promise<void> {
		let groups = batch.groups;
		while (groups.length > 0) {
			if (this.#failure !== undefined) return this.#fail(batch, this.#failure);
			const count = groups.reduce((sum, group) => sum + group.lines.length, 0);
			const { seq, lastEvent } = this.#position;
			try {
				const body = encodeBody(groups.flatMap((group) => group.lines));
				await this.#write({ seq: seq + 1, first: lastEvent + 1, count, body });
			} catch (error) {
				if (!hasCode(error, "E_STORAGE_FULL")) return this.#fail(batch, error);
				this.#full = true;
				batch.requests?.reject(storageFull());
				this.#refuseGatheredRequests();
				batch.requests = undefined;
				groups = groups.filter((group) => !group.request);
				if (groups.length > 0) await new Promise<void>((resolve) => this.#clock.after(FULL_RETRY_MS, resolve));
				else this.#probeSpace();
				continue;
			}
			this.#position = { seq: seq + 1, lastEvent: lastEvent + count };
			this.#full = false;
			batch.requests?.resolve(seq + 1);
			batch.facts?.resolve(seq + 1);
			return;
		}
	}

	/** Nothing waits that could be written, so requests are let through again after a while to find out. */
	#probeSpace(): void {
		this.#forgetProbe = this.#clock.after(FULL_RETRY_MS, () => {
			this.#forgetProbe = undefined;
			this.#full = false;
		});
	}

	#refuseGatheredRequests(): void {
		for (const gathering of [...this.#closed, this.#gathering]) {
			gathering.requests?.reject(storageFull());
			gathering.requests = undefined;
			gathering.groups = gathering.groups.filter((group) => !group.request);
		}
	}

	/** Nothing is acknowledged any more, for a reason outside: a thread ended. */
	fail(cause: unknown): void {
		if (this.#failure === undefined) this.#fail(emptyGathering(), cause);
	}

	#fail(batch: Gathering, cause: unknown): void {
		const first = this.#failure === undefined;
		this.#failure ??= new MusterError(
			"E_JOURNAL_FAILED",
			"the journal could not be written; nothing more is acknowledged",
			{
				hint: "Look at the disk and the data folder, then start again: everything acknowledged so far is kept.",
				cause,
			},
		);
		for (const gathering of [batch, ...this.#closed, this.#gathering]) {
			gathering.requests?.reject(this.#failure);
			gathering.facts?.reject(this.#failure);
		}
		this.#closed.length = 0;
		this.#gathering = emptyGathering();
		this.#failed.resolve();
		if (first) this.#onFailure(this.#failure);
	}
}

function emptyGathering(): Gathering {
	return { groups: [], length: 0, requests: undefined, facts: undefined };
}

function promised(): Promised {
	const { promise, resolve, reject } = Promise.withResolvers<number>();
	promise.catch(() => undefined); // whoever waits hears of it; nobody has to wait
	return { promise, resolve, reject };
}

export function storageFull(): MusterError {
	return new MusterError("E_STORAGE_FULL", "there is no space left for the journal; nothing new is taken", {
		hint: "Free some space in the data folder's disk: work goes on by itself.",
	});
}
