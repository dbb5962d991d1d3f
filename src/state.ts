/**
 * The state: a fold of the journal's events, the same one in the live process, in recovery and in the projector thread.
 *
 * It holds what is not over: live tasks, live runs, and finished tasks for as long as something live still needs them
 * (a dependent, a waiting parent). What is over leaves through the sink.
 *
 * Invariants
 * S1  apply() is the only writer, but for `due`, which time alone decides: a scheduled task may be moved to ready by
 *     whoever holds the clock, and is moved implicitly when it starts.
 * S2  An event that does not fit (unknown id, stale token, illegal transition) throws; a caller checks before it decides.
 * S3  A task leaves when it is terminal, no live task depends on it and no live parent waits for it.
 * S4  counts.submitted = live non-terminal tasks + completed + failed + cancelled + skipped.
 */
import { type ErrorData, MusterError } from "./errors.ts";
import type { Event, EventType } from "./events.ts";
import type { Schedule } from "./task/schedule.ts";
import {
	createTask,
	type EffectRecord,
	isTerminal,
	MAX_ATTEMPTS_KEPT,
	move,
	type NewTask,
	type Task,
} from "./task/task.ts";
import type { WorkflowDefinition } from "./workflow/definition.ts";
import type { Run } from "./workflow/run.ts";
import {
	beginItem,
	beginStep,
	completeRun,
	copyStep,
	createRun,
	endItem,
	endRun,
	endStep,
	keepSignal,
	useSignal,
} from "./workflow/run-fold.ts";
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
	/** A dead letter that is over and gone was submitted again as another task, or put away. */
	redriven?(id: string, as: string | undefined): void;
}

export const UNUSED_DEFINITIONS_KEPT = 100;

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
		keyed: new Map(),
		coalesced: new Map(),
		groups: new Map(),
		counts: { submitted: 0, completed: 0, failed: 0, cancelled: 0, skipped: 0, retried: 0, reoffered: 0 },
	};
}

type Fold<T extends EventType> = (state: State, event: Extract<Event, { type: T }>, sink: Sink) => void;

/** What each event does to the state; exhaustive by its type. */
const folds: { readonly [T in EventType]: Fold<T> } = {
	"epoch.started"(state, event) {
		state.epoch = event.epoch;
	},
	"task.submitted"(state, event, sink) {
		const task = submitted(state, event.task, event.at);
		sink.placed?.(task);
	},
	"task.started"(state, event) {
		const task = need(state, event.id);
		if (task.state === "scheduled") move(task, "due");
		move(task, "start");
		if (task.coalesceKey !== undefined) begunIsNotPending(state, task, task.coalesceKey);
		task.token = event.token;
		task.attempts++;
		task.history ??= [];
		task.history.push({ token: event.token, agent: event.agent, startedAt: event.at });
		if (task.history.length > MAX_ATTEMPTS_KEPT) task.history.shift();
	},
	"task.completed"(state, event, sink) {
		const task = endAttempt(state, event);
		move(task, "complete");
		task.output = event.output;
		task.error = undefined;
		ended(state, task, event.at, sink);
	},
	"task.retrying"(state, event, sink) {
		const task = endAttempt(state, event);
		move(task, "retry");
		task.runAt = event.runAt;
		task.error = event.error;
		task.failures = (task.failures ?? 0) + 1;
		state.counts.retried++;
		sink.placed?.(task);
	},
	"task.reoffered"(state, event, sink) {
		const task = endAttempt(state, event);
		move(task, "reoffer");
		if (event.crash) task.crashes = (task.crashes ?? 0) + 1;
		else if (event.error.code === "E_AGENT_LOST") task.losses = (task.losses ?? 0) + 1;
		else if (event.error.code === "E_STALLED") task.stalls = (task.stalls ?? 0) + 1;
		task.error = event.error;
		state.counts.reoffered++;
		sink.placed?.(task);
	},
	"task.waiting"(state, event) {
		const task = endAttempt(state, event);
		move(task, "suspend");
		task.children = [...(task.children ?? []), ...event.children];
		task.openChildren = event.children.length;
	},
	"task.failed"(state, event, sink) {
		const { token } = event;
		const task = token === undefined ? need(state, event.id) : endAttempt(state, { ...event, token });
		move(task, "fail");
		endedWithError(state, task, event, sink);
	},
	"task.cancelled"(state, event, sink) {
		const task = need(state, event.id);
		if (task.token !== undefined) endAttempt(state, { ...event, token: task.token });
		move(task, "cancel");
		endedWithError(state, task, event, sink);
	},
	"task.skipped"(state, event, sink) {
		const task = need(state, event.id);
		move(task, "skip");
		endedWithError(state, task, event, sink);
	},
	"task.asked"(state, event) {
		const task = endAttempt(state, event);
		move(task, "suspend");
		task.asks ??= {};
		task.asks[event.key] = { ...event.ask, askedAt: event.at };
	},
	"task.answered"(state, event, sink) {
		const task = need(state, event.id);
		const ask = task.asks?.[event.key];
		if (ask === undefined || ask.answer !== undefined) {
			throw new MusterError("E_INTERNAL", `the task ${task.id} does not ask ${event.key}`);
		}
		ask.answer = event.answer;
		move(task, "wake");
		sink.placed?.(task);
	},
	"task.redriven"(_, event, sink) {
		sink.redriven?.(event.id, event.as);
	},
	"effect.intended"(state, event) {
		effect(state, event, { state: "intended", describe: event.describe, at: event.at });
	},
	"effect.done"(state, event) {
		effect(state, event, { state: "done", at: event.at, result: event.result });
	},
	"effect.failed"(state, event) {
		effect(state, event, { state: "failed", at: event.at, error: event.error });
	},
	"effect.ambiguous"(state, event) {
		effect(state, event, { state: "ambiguous", at: event.at });
	},
	"workflow.defined"(state, event) {
		state.definitions.set(event.hash, event.definition);
	},
	"run.created"(state, event) {
		const run = createRun(event, event.at);
		state.runs.set(run.id, run);
		const parent = run.parent && state.runs.get(run.parent.id);
		if (run.parent !== undefined && parent !== undefined) beginItem(parent, run.parent.step);
		linkRun(state, run);
	},
	"run.started"(state, event) {
		const run = needRun(state, event.id);
		run.state = "running";
		run.startedAt = event.at;
	},
	"step.started"(state, event) {
		beginStep(needRun(state, event.run), event, event.at);
	},
	"step.skipped"(state, event) {
		endStep(needRun(state, event.run), event.step, "skipped", event.at);
	},
	"item.started"(state, event) {
		beginItem(needRun(state, event.run), event.step);
	},
	"item.ended"(state, event) {
		const run = needRun(state, event.run);
		if (event.signal !== undefined) useSignal(run, event.signal);
		endItem(run, event.step, event.index, event, event.at);
	},
	"step.ended"(state, event) {
		endStep(needRun(state, event.run), event.step, event.state, event.at, event.error);
	},
	"step.copied"(state, event) {
		copyStep(needRun(state, event.run), event.step, event.record);
	},
	"run.signalled"(state, event) {
		keepSignal(needRun(state, event.id), event.name, event.data);
	},
	"run.parked"(state, event) {
		const run = needRun(state, event.id);
		run.state = "parked";
		run.parked = event.error;
	},
	"run.unparked"(state, event) {
		const run = needRun(state, event.id);
		run.state = "running";
		delete run.parked;
	},
	"run.completed"(state, event, sink) {
		const run = needRun(state, event.id);
		run.outputs = event.outputs;
		runEnded(state, run, "completed", event.at, sink);
	},
	"run.failed"(state, event, sink) {
		const run = needRun(state, event.id);
		run.error = event.error;
		runEnded(state, run, "failed", event.at, sink);
	},
	"run.cancelled"(state, event, sink) {
		const run = needRun(state, event.id);
		run.error = event.error;
		runEnded(state, run, "cancelled", event.at, sink);
	},
	"queue.paused"(state, { at, scope, reason }) {
		state.paused.set(scope, { at, ...(reason !== undefined && { reason }) });
	},
	"queue.resumed"(state, event) {
		state.paused.delete(event.scope);
	},
	"schedule.created"(state, { at, schedule }) {
		state.schedules.set(schedule.id, { ...schedule, createdAt: at, fired: 0, skipped: 0 });
	},
	"schedule.fired"(state, { id, dueAt, as, nextAt }) {
		const schedule = state.schedules.get(id);
		if (schedule === undefined) return; // deleted while it fired
		schedule.last = { dueAt, as };
		schedule.fired++;
		schedule.nextAt = nextAt;
	},
	"schedule.skipped"(state, { at, id, count, reason, nextAt, detail }) {
		const schedule = state.schedules.get(id);
		if (schedule === undefined) return;
		schedule.skipped += count;
		schedule.lastSkip = { at, reason, ...(detail !== undefined && { detail }) };
		schedule.nextAt = nextAt;
	},
	"schedule.deleted"(state, event) {
		state.schedules.delete(event.id);
	},
	"trigger.enabled"(state, { at, trigger }) {
		const before = state.triggers.get(trigger.id);
		if (before !== undefined) unuse(state, before);
		state.triggers.set(trigger.id, { ...trigger, enabledAt: at });
		use(state, trigger);
	},
	"trigger.disabled"(state, event) {
		const trigger = state.triggers.get(event.id);
		if (trigger === undefined) return;
		state.triggers.delete(event.id);
		unuse(state, trigger);
	},
};

/** Folds one event in. @throws E_JOURNAL_CORRUPT on an unknown type, E_INTERNAL when it does not fit (S2) */
export function apply(state: State, event: Event, sink: Sink): void {
	if (!Object.hasOwn(folds, event.type)) {
		throw new MusterError("E_JOURNAL_CORRUPT", `the event type ${JSON.stringify(event.type)} is unknown`);
	}
	(folds[event.type] as Fold<EventType>)(state, event as never, sink);
}

function submitted(state: State, fresh: NewTask, at: number): Task {
	if (state.tasks.has(fresh.id)) throw new MusterError("E_INTERNAL", `the task ${fresh.id} exists already`);
	let open = 0;
	for (const id of fresh.dependsOn ?? []) {
		const dependency = state.tasks.get(id);
		if (dependency === undefined) continue; // completed and gone: the submit has checked it
		if (dependency.state !== "completed") open++; // a failed one too: the skip that follows needs a blocked task
		linkDependent(state, id, fresh.id);
	}
	const early = fresh.runAt !== undefined && fresh.runAt > at;
	const task = createTask(fresh, open > 0 ? "blocked" : early ? "scheduled" : "ready", open);
	state.tasks.set(task.id, task);
	if (task.idempotencyKey !== undefined) state.keys.set(task.idempotencyKey, task.id);
	linkKeys(state, task);
	if (task.run !== undefined) {
		const run = state.runs.get(task.run.id);
		if (run !== undefined) beginItem(run, task.run.step);
	}
	state.counts.submitted++;
	return task;
}

function linkDependent(state: State, id: string, dependent: string): void {
	const set = state.dependents.get(id);
	if (set) set.add(dependent);
	else state.dependents.set(id, new Set([dependent]));
}

function unlinkDependent(state: State, id: string, dependent: string, sink: Sink): void {
	const set = state.dependents.get(id);
	if (!set?.delete(dependent) || set.size > 0) return;
	state.dependents.delete(id);
	leaveIfOver(state, id, sink);
}

function need(state: State, id: string): Task {
	const task = state.tasks.get(id);
	if (task === undefined) throw new MusterError("E_INTERNAL", `the task ${id} is not live`);
	return task;
}

function needRun(state: State, id: string): Run {
	const run = state.runs.get(id);
	if (run === undefined) throw new MusterError("E_INTERNAL", `the run ${id} is not live`);
	return run;
}

/** Takes the token off the running attempt. T3: a later write with the same token finds nothing. */
function endAttempt(state: State, event: { id: string; token: number; at: number; error?: Task["error"] }): Task {
	const task = need(state, event.id);
	if (task.token !== event.token) {
		throw new MusterError("E_INTERNAL", `token ${event.token} does not hold the task ${task.id}`);
	}
	task.token = undefined;
	const attempt = task.history?.at(-1);
	if (attempt !== undefined) {
		attempt.endedAt = event.at;
		if (event.error !== undefined) attempt.error = event.error;
	}
	return task;
}

/** What follows from a terminal state: dependents, parent, run, and who may leave now. */
function ended(state: State, task: Task, at: number, sink: Sink): void {
	task.endedAt = at;
	unlinkKeys(state, task);
	state.counts[task.state as "completed" | "failed" | "cancelled" | "skipped"]++;
	if (task.state === "completed") {
		for (const id of state.dependents.get(task.id) ?? []) {
			const dependent = state.tasks.get(id);
			if (dependent === undefined) continue; // pinned only, see pin()
			if (--dependent.openDependencies === 0 && dependent.state === "blocked") {
				move(dependent, dependent.runAt !== undefined && dependent.runAt > at ? "delay" : "release");
				sink.placed?.(dependent);
			}
		}
	}
	const run = task.run && state.runs.get(task.run.id);
	if (task.run !== undefined && run !== undefined) {
		const end = task.state === "completed" ? { output: task.output } : { error: task.error };
		endItem(run, task.run.step, task.run.index, end, at);
	}
	if (task.parent !== undefined) {
		const parent = state.tasks.get(task.parent);
		if (parent?.state === "waiting" && parent.openChildren !== undefined && --parent.openChildren === 0) {
			move(parent, "wake");
			sink.placed?.(parent);
		}
	}
	for (const id of task.dependsOn ?? []) unlinkDependent(state, id, task.id, sink);
	for (const id of task.children ?? []) leaveIfOver(state, id, sink);
	sink.ended?.(task);
	leaveIfOver(state, task.id, sink);
}

/**
 * Keeps the dependencies of a task that is about to be submitted: one that ends before the submit is durable must still
 * be there when the task is folded in. Submitting takes the pins over; a refused submit gives them back by unpin().
 */
export function pin(state: State, task: NewTask): void {
	for (const id of task.dependsOn ?? []) if (state.tasks.has(id)) linkDependent(state, id, task.id);
}

export function unpin(state: State, task: NewTask, sink: Sink): void {
	for (const id of task.dependsOn ?? []) unlinkDependent(state, id, task.id, sink);
}

/** S3 */
function leaveIfOver(state: State, id: string, sink: Sink): void {
	const task = state.tasks.get(id);
	if (task === undefined || !isTerminal(task.state) || state.dependents.has(id)) return;
	const parent = task.parent === undefined ? undefined : state.tasks.get(task.parent);
	if (parent !== undefined && !isTerminal(parent.state)) return;
	state.tasks.delete(id);
	if (task.idempotencyKey !== undefined) state.keys.delete(task.idempotencyKey);
	sink.task(task);
}

function endedWithError(state: State, task: Task, event: { at: number; error: ErrorData }, sink: Sink): void {
	task.error = event.error;
	ended(state, task, event.at, sink);
}

type EffectChange = Omit<EffectRecord, "describe"> & { describe?: string };

function effect(state: State, event: { id: string; key: string }, change: EffectChange): void {
	const task = need(state, event.id);
	task.effects ??= {};
	const describe = change.describe ?? task.effects[event.key]?.describe ?? event.key;
	task.effects[event.key] = { ...change, describe };
}

function runEnded(state: State, run: Run, end: "completed" | "failed" | "cancelled", at: number, sink: Sink): void {
	endRun(run, end, at);
	state.runs.delete(run.id);
	state.paused.delete(`run:${run.id}`);
	unuse(state, run);
	const group = run.group && state.groups.get(run.group.key);
	if (run.group !== undefined && group?.delete(run) && group.size === 0) state.groups.delete(run.group.key);
	const parent = run.parent && state.runs.get(run.parent.id);
	if (run.parent !== undefined && parent !== undefined) {
		endItem(parent, run.parent.step, run.parent.index, { output: run.outputs, error: run.error }, at);
	}
	sink.run(run);
}

type UsesDefinitions = Pick<Run, "hash" | "uses">;

function use(state: State, { hash, uses = {} }: UsesDefinitions): void {
	for (const used of new Set([hash, ...Object.values(uses)])) state.uses.set(used, (state.uses.get(used) ?? 0) + 1);
}

function unuse(state: State, { hash, uses = {} }: UsesDefinitions): void {
	for (const used of new Set([hash, ...Object.values(uses)])) {
		const left = (state.uses.get(used) ?? 1) - 1;
		if (left > 0) state.uses.set(used, left);
		else state.uses.delete(used);
		if (state.definitions.size <= state.uses.size + UNUSED_DEFINITIONS_KEPT) continue;
		const unused = state.definitions.keys().find((known) => !state.uses.has(known));
		if (unused !== undefined) state.definitions.delete(unused);
	}
}

function linkRun(state: State, run: Run): void {
	use(state, run);
	if (run.group === undefined) return;
	const group = state.groups.get(run.group.key);
	if (group) group.add(run);
	else state.groups.set(run.group.key, new Set([run]));
}

function linkKeys(state: State, task: Task): void {
	if (task.concurrency !== undefined) {
		const { key } = task.concurrency;
		const tasks = state.keyed.get(key);
		if (tasks) tasks.add(task);
		else state.keyed.set(key, new Set([task]));
	}
	if (task.coalesceKey !== undefined && task.attempts === 0) {
		state.coalesced.set(coalesceOf(task.type, task.coalesceKey), task.id);
	}
}

function unlinkKeys(state: State, task: Task): void {
	if (task.concurrency !== undefined) {
		const tasks = state.keyed.get(task.concurrency.key);
		if (tasks?.delete(task) && tasks.size === 0) state.keyed.delete(task.concurrency.key);
	}
	if (task.coalesceKey !== undefined) begunIsNotPending(state, task, task.coalesceKey);
}

function begunIsNotPending(state: State, task: Task, key: string): void {
	const full = coalesceOf(task.type, key);
	if (state.coalesced.get(full) === task.id) state.coalesced.delete(full);
}

/** Puts a live task of a snapshot back; call {@link relink} once all are there. */
export function restoreTask(state: State, task: Task): void {
	state.tasks.set(task.id, task);
	if (task.idempotencyKey !== undefined) state.keys.set(task.idempotencyKey, task.id);
}

/** Derives what a snapshot does not store. */
export function relink(state: State): void {
	for (const task of state.tasks.values()) {
		if (isTerminal(task.state)) continue;
		for (const id of task.dependsOn ?? []) if (state.tasks.has(id)) linkDependent(state, id, task.id);
		linkKeys(state, task);
	}
	for (const run of state.runs.values()) linkRun(state, completeRun(run));
	for (const trigger of state.triggers.values()) use(state, trigger);
}
