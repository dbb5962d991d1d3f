/**
 * The state: a fold of the journal's events, the same one in the live process, in recovery and in the projector thread.
 *
 * It holds what is not over: live tasks, live runs, pauses, schedules, enabled workflows, and finished tasks for as long as
 * something live still needs them (a dependent, a waiting parent). What is over leaves through the sink.
 *
 * Invariants
 * S1  apply() of `fold/fold.ts` is the only writer, but for `due`, which time alone decides: a scheduled task may be moved to ready by
 *     whoever holds the clock, and is moved implicitly when it starts.
 * S2  An event that does not fit (unknown id, stale token, illegal transition) throws; a caller checks before it decides.
 * S3  A task leaves when it is terminal, no live task depends on it and no live parent waits for it.
 * S4  counts.submitted = live non-terminal tasks + completed + failed + cancelled + skipped.
 */
import type { RateBucket } from "./task/rate.ts";
import type { Schedule } from "./task/schedule.ts";
import type { Task } from "./task/task.ts";
import type { WorkflowDefinition } from "./workflow/definition.ts";
import type { Run } from "./workflow/run.ts";
import type { Trigger } from "./workflow/trigger.ts";

export interface Counts {
	submitted: number;
	completed: number;
	failed: number;
	cancelled: number;
	skipped: number;
	/** Attempts that failed and were followed by another. */
	retried: number;
	/** Attempts ended by a lost agent or a dead process. */
	reoffered: number;
}

export interface State {
	epoch: number;
	tasks: Map<string, Task>;
	/** Live tasks that depend on a task, by its id. */
	dependents: Map<string, Set<string>>;
	/** Tasks in here by idempotency key, also those that are over. */
	keys: Map<string, string>;
	runs: Map<string, Run>;
	/** Definitions by hash: those of live runs, and some recent ones. */
	definitions: Map<string, WorkflowDefinition>;
	/** Live runs and enabled workflows that use each definition. */
	uses: Map<string, number>;
	/** What may not start, by scope: `all`, `type:T`, `workflow:W`, `run:R`. */
	paused: Map<string, Pause>;
	schedules: Map<string, Schedule>;
	/** Enabled workflows, by name. */
	triggers: Map<string, Trigger>;
	/** What the last starts of each rate key left, the least recently started first; bounded. */
	rates: Map<string, RateBucket>;
	/** Live tasks of each concurrency key, oldest first. */
	keyed: Map<string, Set<Task>>;
	/** The task that has not begun of each coalescing key ({@link coalesceOf}). */
	coalesced: Map<string, string>;
	/** Live runs of each concurrency group, oldest first. */
	groups: Map<string, Set<Run>>;
	counts: Counts;
}

export interface Pause {
	at: number;
	reason?: string;
}

/** Tasks of one type coalesce by their key. */
export const coalesceOf = (type: string, key: string): string => `${type} ${key}`;

/** Told of what follows from an event. */
export interface Sink {
	/** It is over and has left the state. */
	task(task: Task): void;
	run(run: Run): void;
	/** It is new, or became ready or scheduled: once this is durable, it may be offered. */
	placed?(task: Task): void;
	/** It became terminal; it may stay in the state for a while (S3). */
	ended?(task: Task): void;
	/** A dead letter that has left the state was submitted again as another task, or put away. */
	redriven?(id: string, as: string | undefined): void;
}

export function createState(): State {
	return {
		epoch: 0,
		tasks: new Map(),
		dependents: new Map(),
		keys: new Map(),
		runs: new Map(),
		definitions: new Map(),
		uses: new Map(),
		paused: new Map(),
		schedules: new Map(),
		triggers: new Map(),
		rates: new Map(),
		keyed: new Map(),
		coalesced: new Map(),
		groups: new Map(),
		counts: { submitted: 0, completed: 0, failed: 0, cancelled: 0, skipped: 0, retried: 0, reoffered: 0 },
	};
}
