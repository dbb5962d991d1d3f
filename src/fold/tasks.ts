/** How events change tasks: their states and attempts, who waits for whom, and who may leave memory (S3). */
import { type ErrorData, MusterError } from "../errors.ts";
import type { EventType } from "../events.ts";
import { coalesceOf, type Sink, type State } from "../state.ts";
import { countStart } from "../task/rate.ts";
import {
	createTask,
	type EffectRecord,
	isTerminal,
	MAX_ATTEMPTS_KEPT,
	move,
	type NewTask,
	type Task,
} from "../task/task.ts";
import { beginItem, endItem } from "../workflow/run-fold.ts";
import type { Folds } from "./folds.ts";

export const taskFolds: Folds<Extract<EventType, `task.${string}` | `effect.${string}`>> = {
	"task.submitted"(state, event, sink) {
		const task = submitted(state, event.task, event.at);
		sink.placed?.(task);
	},
	"task.started"(state, event) {
		const task = need(state, event.id);
		if (task.state === "scheduled") move(task, "due");
		move(task, "start");
		if (task.coalesceKey !== undefined) begunIsNotPending(state, task, task.coalesceKey);
		if (task.rate !== undefined) countStart(state.rates, task.rate, event.at);
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
		if (event.error.code === "E_CRASH_LOOP") task.crashes = (task.crashes ?? 0) + 1;
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
	"task.redriven"(state, event, sink) {
		const task = state.tasks.get(event.id);
		if (task === undefined) sink.redriven?.(event.id, event.as);
		else task.redriven = event.as ?? ""; // it takes that along when it leaves
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
};

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

export function linkDependent(state: State, id: string, dependent: string): void {
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

export function linkKeys(state: State, task: Task): void {
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
