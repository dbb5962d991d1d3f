/**
 * The journal port: the one place where facts become durable.
 *
 * Promises of every adapter
 * J1  A group is indivisible: after any crash either all of its lines are there or none.
 * J2  Groups are stored in the order of append(); `durable` of a later commit never resolves before an earlier one.
 * J3  `durable` resolves only when the adapter's durability mode says the lines survive.
 * J4  Without space a `request` is refused (E_STORAGE_FULL) and leaves no trace; a `fact` is kept and written later.
 * J5  After any other failure to write nothing is acknowledged any more (E_JOURNAL_FAILED).
 */
import type { StoredEvent } from "../events.ts";
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import type { ActivityRow } from "./activity.ts";
import type { Place, Rows, RunFilter, TaskFilter } from "./listing.ts";
import type { Deleted } from "./retention.ts";

/**
 * - `request`: a caller waits for it and can be refused (a submit).
 * - `fact`: it has happened and must be kept (an outcome).
 * - `note`: as a fact, but it may ride with the next batch instead of asking for one of its own (a start).
 */
export type GroupKind = "request" | "fact" | "note";

export interface Commit {
	/** Resolves with the batch's number once it is durable. @throws E_STORAGE_FULL (requests), E_JOURNAL_FAILED */
	readonly durable: Promise<number>;
}

export interface Journal {
	/** Adds one group of encoded events. @throws E_STORAGE_FULL, E_JOURNAL_FAILED at once when it is known that it cannot be kept */
	append(lines: readonly string[], kind: GroupKind): Commit;
	/** Up to `limit` events with a number above `after`, oldest first; what retention has deleted is left out. */
	read(after: number, limit: number): Promise<StoredEvent[]>;
	/** Up to `limit` events of one task or run with a number above `after`, as far as the history holds them. */
	readOf(id: string, after: number, limit: number): Promise<EventPage>;
	/** Number of the last durable event; 0 for none. */
	readonly lastEvent: number;
	/** True while there is no space and facts wait. */
	readonly full: boolean;
	/** Waits until every fact is durable, then lets the folder go. */
	close(): Promise<void>;
}

/** What is over and has left the state; see `views.ts`. Lists are bounded and in the order of `listing.ts`. */
export interface History {
	task(id: string): Task | undefined;
	taskByKey(key: string): Task | undefined;
	/** Failed tasks that were neither submitted again nor put away, the last ones to end first. */
	deadLetters(filter: DeadLetterFilter): Task[];
	/** What fits and comes after the place, at most `limit`. */
	tasks(filter: TaskFilter, after: Place | undefined, limit: number): Rows<Task>;
	/** Counts of each type in each bucket in which there are some, oldest first. */
	activity(filter: ActivityFilter): ActivityRow[];
	/** What retention has deleted from it so far. */
	deleted(): Deleted;
	run(id: string): Run | undefined;
	runs(filter: RunFilter, after: Place | undefined, limit: number): Rows<Run>;
}

export interface ActivityFilter {
	/** From the bucket of this time on. */
	since: number;
	bucketMs: number;
	/** Task type. */
	type?: string | undefined;
}

/** The events of one task or run. */
export interface EventPage {
	/** In the order of the journal. */
	events: StoredEvent[];
	/** There may be more after this number. */
	next?: number;
	/** Whether all that was ever told of it can be read: retention deletes the oldest part of the journal. */
	complete: boolean;
}

/** How far the history is behind the journal. */
export interface Lag {
	/** Number of the last batch, and of the last event, that the history holds. */
	seq: number;
	lastEvent: number;
	/** Since when something has been waiting to come into it, by the monotonic clock. */
	behindSince: number | undefined;
}

export interface DeadLetterFilter {
	limit: number;
	/** Task type. */
	type?: string | undefined;
	/** Error code. */
	code?: string | undefined;
	/** Only those that come after this one. */
	after?: Pick<Task, "id" | "endedAt"> | undefined;
}

type Ended = { id: string; endedAt?: number | undefined };

/** The order of dead letters: what ended last comes first, and of what ended together the largest id. */
export function lastEndedFirst(a: Ended, b: Ended): number {
	if (a.endedAt !== b.endedAt) return (b.endedAt ?? 0) - (a.endedAt ?? 0);
	return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}

/** A journal with what was recovered from it. */
export interface OpenJournal {
	journal: Journal;
	history: History;
	/** The fold of all events so far. */
	state: State;
	/** Number of the last batch in it. */
	seq: number;
	/** Called with a batch's number once the history holds all that ended up to it. */
	onProjected(listener: (seq: number) => void): void;
	/** How far the history is. */
	lag(): Lag;
	/** Tells other processes where this one listens. */
	announce(url: string): void;
}

/** One row of the journal: the groups of one commit. */
export interface Batch {
	/** 1, 2, 3 ... without a gap. */
	seq: number;
	/** Number of its first event. */
	first: number;
	count: number;
	/** Its events: one JSON array, UTF-8. */
	body: Uint8Array;
}
