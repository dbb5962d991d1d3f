/**
 * A task: its states, the one table of legal transitions, and its record. Pure; imports nothing that acts.
 *
 * Invariants
 * T1  A state changes only along `transitions`; anything else throws (live and on replay).
 * T2  A terminal state never changes.
 * T3  `token` is set exactly while the task is `running`; a write that does not carry it is refused.
 * T4  `attempts` counts every start, also those that a crash ended.
 */
import { type ErrorData, MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { ReadyTask } from "./ready-heap.ts";

export const priorities = ["critical", "high", "normal", "low", "background"] as const;
export type Priority = (typeof priorities)[number];

export const taskStates = [
	"blocked",
	"scheduled",
	"ready",
	"running",
	"waiting",
	"completed",
	"failed",
	"cancelled",
	"skipped",
] as const;
export type TaskState = (typeof taskStates)[number];

export type Trigger =
	/** The last dependency completed. */
	| "release"
	/** `runAt` has come. */
	| "due"
	/** The last dependency completed, but `runAt` has not come. */
	| "delay"
	/** An agent took it. */
	| "start"
	/** The attempt handed work to children, or asked a person, and gave its slot back. */
	| "suspend"
	/** The children are done, or the question is answered. */
	| "wake"
	| "complete"
	/** The attempt failed and another one is due later. */
	| "retry"
	/** The attempt ended without an outcome (lost agent, dead process) and is offered again. */
	| "reoffer"
	| "fail"
	| "cancel"
	/** A dependency did not complete, so this task never runs. */
	| "skip";

export const transitions: Readonly<Record<TaskState, Readonly<Partial<Record<Trigger, TaskState>>>>> = {
	blocked: { release: "ready", delay: "scheduled", fail: "failed", cancel: "cancelled", skip: "skipped" },
	scheduled: { due: "ready", fail: "failed", cancel: "cancelled" },
	ready: { start: "running", fail: "failed", cancel: "cancelled" },
	running: {
		complete: "completed",
		retry: "scheduled",
		reoffer: "ready",
		suspend: "waiting",
		fail: "failed",
		cancel: "cancelled",
	},
	waiting: { wake: "ready", fail: "failed", cancel: "cancelled" },
	completed: {},
	failed: {},
	cancelled: {},
	skipped: {},
};

/** @throws E_INTERNAL when the table has no such transition */
export function transition(state: TaskState, trigger: Trigger): TaskState {
	const next = transitions[state][trigger];
	if (next === undefined) throw new MusterError("E_INTERNAL", `a ${state} task cannot ${trigger}`);
	return next;
}

export const isTerminal = (state: TaskState): boolean =>
	state === "completed" || state === "failed" || state === "cancelled" || state === "skipped";

export interface RetryPolicy {
	/** Attempts in all, the first one included. */
	maxAttempts: number;
	/** Upper bound of the wait before the second attempt, milliseconds. */
	initialMs: number;
	/** Growth of that bound from attempt to attempt. */
	factor: number;
	/** Largest bound, milliseconds. */
	capMs: number;
	/** `full`: uniformly random below the bound; `none`: exactly the bound. */
	jitter: "full" | "none";
}

/** One start of a task and what became of it. */
export interface Attempt {
	token: number;
	agent: string;
	startedAt: number;
	endedAt?: number;
	error?: ErrorData;
}

/** One entry of the effect ledger; see `Effect` in `skill/skill.ts`. */
export interface EffectRecord {
	state: "intended" | "done" | "failed" | "ambiguous";
	describe: string;
	at: number;
	result?: Json;
	error?: ErrorData;
}

/** At most `limit` tasks of the key run at the same time. */
export interface ConcurrencyLimit {
	readonly key: string;
	readonly limit: number;
	/** `queue`: the next ones wait. `cancel-previous`: a submit cancels the oldest beyond the limit. `reject`: it is refused. */
	readonly policy: "queue" | "cancel-previous" | "reject";
}

/** At most `limit` starts of the key in `perMs`: a token bucket that begins empty with the process. */
export interface RateLimit {
	readonly key: string;
	readonly limit: number;
	readonly perMs: number;
	/** How many may start at once after a pause. Default 1: evenly paced. */
	readonly burst?: number | undefined;
}

/** What a running task asks a person, under a key of its own. */
export interface Ask {
	title: string;
	content: Json;
	/** SHA-256 of the canonical JSON of title and content: what an answer is bound to. */
	hash: string;
	labels?: { [name: string]: string };
	askedAt: number;
	/** Wall clock: when it expires. */
	until?: number;
	/** What an expiry means. */
	onTimeout: "deny" | "fail";
	answer?: Answer;
}
export type NewAsk = Omit<Ask, "askedAt" | "answer">;

export interface Answer {
	approved: boolean;
	/** Who answered; absent when it expired. */
	by?: string;
	comment?: string;
	at: number;
	/** Nobody answered in time. */
	expired?: true;
}

/** Attempts kept with a task; older ones are dropped from its record (T4 still counts them). */
export const MAX_ATTEMPTS_KEPT = 20;

/** A task as the journal and the state hold it. All times are wall-clock milliseconds, all durations milliseconds. */
export interface Task {
	readonly id: string;
	readonly type: string;
	readonly input: Json;
	readonly priority: Priority;
	readonly submittedAt: number;
	readonly capabilities?: readonly string[] | undefined;
	readonly dependsOn?: readonly string[] | undefined;
	/** Absent: the default policy (`retry.ts`), so that the usual case costs nothing in the journal. null: one attempt. */
	readonly retry?: RetryPolicy | null | undefined;
	readonly timeoutMs?: number | undefined;
	readonly idleTimeoutMs?: number | undefined;
	readonly deadline?: number | undefined;
	readonly idempotencyKey?: string | undefined;
	/** Hash of what was submitted under the idempotency key. */
	readonly fingerprint?: string | undefined;
	/** Its place in a workflow run. */
	readonly run?: { readonly id: string; readonly step: string; readonly index: number } | undefined;
	/** The task that delegated it. */
	readonly parent?: string | undefined;
	/** Free text for people, for example the name of a bare workflow. */
	readonly group?: string | undefined;
	readonly concurrency?: ConcurrencyLimit | undefined;
	readonly rate?: RateLimit | undefined;
	/** While a task with this key has not begun, a submit with it gives that task's id. */
	readonly coalesceKey?: string | undefined;
	/** An attempt whose progress does not change for this long is warned of at half the time, then ended; see `settle.ts`. */
	readonly stallTimeoutMs?: number | undefined;
	/** The dead letter that it does again. */
	readonly retryOf?: string | undefined;
	/** The task under whose id the outside world knows its effects, where that is another: it goes on with those. */
	readonly effectsOf?: string | undefined;

	state: TaskState;
	/** Live only, never stored: its place among the ready tasks, while it has one. */
	ready: ReadyTask | undefined;
	/** Not before this time: `runAt` of the submit, later the end of a back-off. */
	runAt: number | undefined;
	/** How many dependencies have not completed yet. */
	openDependencies: number;
	attempts: number;
	token: number | undefined;
	history: Attempt[] | undefined;
	/** How many attempts failed: what `maxAttempts` counts. Cut off, lost and delegating ones do not. */
	failures: number | undefined;
	/** How many attempts ended because the process died, and because the agent showed no life. */
	crashes: number | undefined;
	losses: number | undefined;
	/** How many attempts ended because their progress stood still. */
	stalls: number | undefined;
	/** What it asked people, by key. */
	asks: { [key: string]: Ask } | undefined;
	/** Children it delegated to, in order, and how many of them are not terminal yet. */
	children: string[] | undefined;
	openChildren: number | undefined;
	/** Its effects on the outside world, by key. */
	effects: { [key: string]: EffectRecord } | undefined;
	output: Json | undefined;
	/** Why it failed, was cancelled or skipped; between attempts the last attempt's error. */
	error: ErrorData | undefined;
	endedAt: number | undefined;
	/** A dead letter that was done again as this task, or ("") put away while it was still in the state. */
	redriven: string | undefined;
}

/** What a submit stores of a task; the rest of {@link Task} follows from later events. */
export interface NewTask extends Omit<Task, Mutable> {
	readonly runAt?: number;
	/** What a task that it does again has done or begun already. */
	readonly effects?: Task["effects"];
}

type Mutable =
	| "state"
	| "ready"
	| "runAt"
	| "openDependencies"
	| "attempts"
	| "token"
	| "history"
	| "failures"
	| "crashes"
	| "losses"
	| "stalls"
	| "asks"
	| "children"
	| "openChildren"
	| "effects"
	| "output"
	| "error"
	| "endedAt"
	| "redriven";

/** A task as it begins. Every member is there from the start, so that all tasks share one shape in memory. */
export function createTask(fresh: NewTask, state: TaskState, openDependencies: number): Task {
	return {
		id: fresh.id,
		type: fresh.type,
		input: fresh.input,
		priority: fresh.priority,
		submittedAt: fresh.submittedAt,
		capabilities: fresh.capabilities,
		dependsOn: fresh.dependsOn,
		retry: fresh.retry,
		timeoutMs: fresh.timeoutMs,
		idleTimeoutMs: fresh.idleTimeoutMs,
		deadline: fresh.deadline,
		idempotencyKey: fresh.idempotencyKey,
		fingerprint: fresh.fingerprint,
		run: fresh.run,
		parent: fresh.parent,
		group: fresh.group,
		concurrency: fresh.concurrency,
		rate: fresh.rate,
		coalesceKey: fresh.coalesceKey,
		stallTimeoutMs: fresh.stallTimeoutMs,
		retryOf: fresh.retryOf,
		effectsOf: fresh.effectsOf,
		state,
		ready: undefined,
		runAt: fresh.runAt,
		openDependencies,
		attempts: 0,
		token: undefined,
		history: undefined,
		failures: undefined,
		crashes: undefined,
		losses: undefined,
		stalls: undefined,
		asks: undefined,
		children: undefined,
		openChildren: undefined,
		effects: fresh.effects && { ...fresh.effects },
		output: undefined,
		error: undefined,
		endedAt: undefined,
		redriven: undefined,
	};
}

/** Moves the task along the table. The only place that writes `state`. */
export function move(task: Task, trigger: Trigger): void {
	task.state = transition(task.state, trigger);
}
