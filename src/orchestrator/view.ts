/** Tasks, runs and agents as callers see them: copies, with times as RFC 3339 text. The same in library, HTTP and CLI. */
import type { ErrorData } from "../errors.ts";
import { cloneJson, type Json } from "../json.ts";
import type { Progress } from "../scheduler/attempt.ts";
import type { Signs } from "../scheduler/attempt-clocks.ts";
import type { AgentKind } from "../scheduler/performer.ts";
import type { AgentState, AgentStats, Seat } from "../scheduler/registry.ts";
import type { RunWaitingReason } from "../scheduler/run-waiting.ts";
import type { WaitingReason } from "../scheduler/waiting.ts";
import type {
	Answer,
	Ask,
	ConcurrencyLimit,
	EffectRecord,
	Priority,
	RateLimit,
	Task,
	TaskState,
} from "../task/task.ts";
import { timeText } from "../time-text.ts";
import { isRunOver, type Missing, type Run, type RunState, type StepState, type WaitRecord } from "../workflow/run.ts";
import { itemIds } from "../workflow/step-task.ts";

export interface AttemptView {
	agent: string;
	startedAt: string;
	endedAt?: string;
	error?: ErrorData;
}

/** What a task asked a person. */
export interface AskView extends Omit<Ask, "askedAt" | "until" | "answer"> {
	askedAt: string;
	/** When it expires. */
	until?: string;
	answer?: Omit<Answer, "at"> & { at: string };
}

export interface TaskView {
	id: string;
	type: string;
	state: TaskState;
	priority: Priority;
	input: Json;
	submittedAt: string;
	endedAt?: string;
	/** How often it was started. */
	attempts: number;
	/** The last attempts, oldest first. */
	history: AttemptView[];
	progress?: Progress;
	/** While it runs: how long ago it was alive, active and progressing, and whether it is stuck. */
	signs?: Signs;
	output?: Json;
	error?: ErrorData;
	/** Why it does not run, while it does not. */
	waiting?: WaitingReason;
	dependsOn?: string[];
	children?: string[];
	parent?: string;
	run?: { id: string; step: string; index: number };
	group?: string;
	idempotencyKey?: string;
	concurrency?: ConcurrencyLimit;
	rate?: RateLimit;
	coalesceKey?: string;
	stallTimeoutMs?: number;
	/** The task that it does again. */
	retryOf?: string;
	/** Attempts that ended because the process died, because the agent showed no life, and because progress stood still. */
	crashes?: number;
	losses?: number;
	stalls?: number;
	/** What it asked people, by key. */
	asks?: { [key: string]: AskView };
	effects?: { [key: string]: Omit<EffectRecord, "at"> & { at: string } };
}

export function taskView(
	task: Task,
	live: { progress?: Progress | undefined; signs?: Signs | undefined; waiting?: WaitingReason | undefined },
): TaskView {
	const view: TaskView = {
		id: task.id,
		type: task.type,
		state: task.state,
		priority: task.priority,
		input: cloneJson(task.input),
		submittedAt: timeText(task.submittedAt),
		attempts: task.attempts,
		history: (task.history ?? []).map(({ agent, startedAt, endedAt, error }) => ({
			agent,
			startedAt: timeText(startedAt),
			...(endedAt !== undefined && { endedAt: timeText(endedAt) }),
			...(error && { error }),
		})),
	};
	if (task.endedAt !== undefined) view.endedAt = timeText(task.endedAt);
	if (live.progress !== undefined) view.progress = { ...live.progress };
	if (live.signs !== undefined) view.signs = live.signs;
	if (live.waiting !== undefined) view.waiting = live.waiting;
	if (task.output !== undefined) view.output = cloneJson(task.output);
	if (task.error !== undefined) view.error = cloneJson(task.error);
	if (task.dependsOn !== undefined) view.dependsOn = [...task.dependsOn];
	if (task.children !== undefined) view.children = [...task.children];
	if (task.parent !== undefined) view.parent = task.parent;
	if (task.run !== undefined) view.run = { ...task.run };
	if (task.group !== undefined) view.group = task.group;
	if (task.idempotencyKey !== undefined) view.idempotencyKey = task.idempotencyKey;
	if (task.concurrency !== undefined) view.concurrency = { ...task.concurrency };
	if (task.rate !== undefined) view.rate = { ...task.rate };
	if (task.coalesceKey !== undefined) view.coalesceKey = task.coalesceKey;
	if (task.stallTimeoutMs !== undefined) view.stallTimeoutMs = task.stallTimeoutMs;
	if (task.retryOf !== undefined) view.retryOf = task.retryOf;
	if (task.crashes !== undefined) view.crashes = task.crashes;
	if (task.losses !== undefined) view.losses = task.losses;
	if (task.stalls !== undefined) view.stalls = task.stalls;
	if (task.asks !== undefined) {
		view.asks = Object.fromEntries(Object.entries(task.asks).map(([key, ask]) => [key, askView(ask)]));
	}
	if (task.effects !== undefined) {
		const effects = Object.entries(task.effects).map(([key, { at, ...rest }]) => [
			key,
			{ ...cloneJson(rest), at: timeText(at) },
		]);
		view.effects = Object.fromEntries(effects) as NonNullable<TaskView["effects"]>;
	}
	return view;
}

function askView({ askedAt, until, answer, ...ask }: Ask): AskView {
	return {
		...cloneJson(ask),
		askedAt: timeText(askedAt),
		...(until !== undefined && { until: timeText(until) }),
		...(answer && { answer: { ...answer, at: timeText(answer.at) } }),
	};
}

export interface StepView {
	/** Its path: `edit`, or `edit.2.review` inside of the third round or item of `edit`. */
	id: string;
	/** `waiting`: its needs are not over. `not-started`: the run ended before. */
	state: StepState | "waiting" | "not-started";
	/** Its items: 1, one for each item of its forEach, or the most rounds of its loop. */
	total: number;
	done: number;
	failed: number;
	/** 0..1, with the live progress of running tasks in it. */
	fraction: number;
	message?: string;
	/** Why it has not begun, why not all of its items have, or why nothing of it runs although it has begun. */
	waiting?: string;
	/** What it waits for from outside, while it does. */
	wait?: WaitRecord & { until?: string };
	/** Items that did not complete, the first 100. */
	missing?: Missing[];
	startedAt?: string;
	endedAt?: string;
	error?: ErrorData;
}

/** What an open wait waits for, as a sentence goes on: "it ...". */
export function waitText(wait: WaitRecord): string {
	switch (wait.kind) {
		case "approval":
			return `it waits for the approval of a person: ${wait.title}`;
		case "signal":
			return `it waits for the signal ${wait.name}`;
		case "event":
			return `it waits for an event of type ${wait.type}`;
		case "duration":
			return "it waits for a time";
	}
}

/** The command that ends it, where one does. */
export function waitCommand(wait: WaitRecord, run: string, step: string): string | undefined {
	if (wait.kind === "approval") return `muster approvals approve ${run}.${step}`;
	if (wait.kind === "event") return `muster send ${wait.type}`;
	return wait.kind === "signal" ? `muster signal ${run} ${wait.name}` : undefined;
}

export interface RunView {
	id: string;
	workflow: string;
	/** Hash of the definition it is pinned to. */
	hash: string;
	state: RunState;
	/** Why it does not go on: its group is full, it does not fit its definition, or it is paused. */
	waiting?: RunWaitingReason;
	inputs: { [name: string]: Json };
	createdAt: string;
	/** When its concurrency group let it begin. Absent without one, and while it is queued. */
	startedAt?: string;
	endedAt?: string;
	/** In the order of the definition, each followed by what is inside of it; then those of onFailure and finally. */
	steps: StepView[];
	parent?: { run: string; step: string; index: number };
	trigger?: NonNullable<Run["trigger"]>;
	fork?: NonNullable<Run["fork"]>;
	group?: string;
	outputs?: { [name: string]: Json };
	error?: ErrorData;
}

/** What is known of a run while it goes on. */
export interface LiveRun {
	progress(taskId: string): Progress | undefined;
	waiting?: RunWaitingReason | undefined;
	/** See {@link StepView.waiting}. */
	stepWaiting(id: string): string | undefined;
}

/** @param order step ids of the definition, where it is known */
export function runView(run: Run, order: readonly string[], live: LiveRun): RunView {
	const view: RunView = {
		id: run.id,
		workflow: run.workflow,
		hash: run.hash,
		state: run.state,
		inputs: cloneJson(run.inputs),
		createdAt: timeText(run.createdAt),
		steps: pathsInOrder(run, order).map((id) => stepView(run, id, live)),
	};
	if (live.waiting !== undefined) view.waiting = live.waiting;
	if (run.startedAt !== undefined) view.startedAt = timeText(run.startedAt);
	if (run.endedAt !== undefined) view.endedAt = timeText(run.endedAt);
	if (run.parent !== undefined) view.parent = { run: run.parent.id, step: run.parent.step, index: run.parent.index };
	if (run.trigger !== undefined) view.trigger = { ...run.trigger };
	if (run.fork !== undefined) view.fork = { ...run.fork };
	if (run.group !== undefined) view.group = run.group.key;
	if (run.outputs !== undefined) view.outputs = cloneJson(run.outputs);
	if (run.error !== undefined) view.error = cloneJson(run.error);
	return view;
}

/** Steps of the definition first, what is inside of one right after it. */
function pathsInOrder(run: Run, order: readonly string[]): string[] {
	const inside = new Map<string, string[]>();
	for (const path of Object.keys(run.steps)) {
		const top = path.split(".", 1)[0] as string;
		const paths = inside.get(top);
		if (paths) paths.push(path);
		else inside.set(top, [path]);
	}
	const paths = order.flatMap((id) => {
		const own = inside.get(id) ?? [id];
		inside.delete(id);
		return own;
	});
	return [...paths, ...[...inside.values()].flat()];
}

function stepView(run: Run, id: string, { progress, stepWaiting }: LiveRun): StepView {
	const step = Object.hasOwn(run.steps, id) ? run.steps[id] : undefined;
	const waiting = isRunOver(run.state) ? undefined : stepWaiting(id);
	if (step === undefined) {
		const state = isRunOver(run.state) ? "not-started" : "waiting";
		return { id, state, total: 0, done: 0, failed: 0, fraction: 0, ...(waiting !== undefined && { waiting }) };
	}
	const { state, total, done, failed } = step;
	let fraction = total === 0 || state === "completed" ? 1 : (done + failed) / total;
	let message: string | undefined;
	if (state === "running") {
		for (const taskId of itemIds(run, id, step)) {
			const live = progress(taskId);
			if (live === undefined) continue;
			fraction += live.fraction / total;
			message ??= live.message;
		}
	}
	const view: StepView = {
		id,
		state,
		total,
		done,
		failed,
		fraction: Math.min(1, fraction),
		startedAt: timeText(step.startedAt),
	};
	if (message !== undefined) view.message = message;
	if (waiting !== undefined) view.waiting = waiting;
	if (step.missing !== undefined) view.missing = cloneJson(step.missing);
	if (step.wait !== undefined && state === "running") {
		view.wait = { ...cloneJson(step.wait), ...(step.until !== undefined && { until: timeText(step.until) }) };
	}
	if (step.endedAt !== undefined) view.endedAt = timeText(step.endedAt);
	if (step.error !== undefined) view.error = step.error;
	return view;
}

export interface AgentView {
	name: string;
	kind: AgentKind;
	state: AgentState;
	capabilities: string[];
	concurrency: number;
	running: number;
	stats: AgentStats;
}

export function agentView(seat: Seat): AgentView {
	const { name, kind, capabilities, concurrency } = seat.performer;
	const { state, running, stats } = seat;
	return { name, kind, state, capabilities: [...capabilities], concurrency, running, stats: { ...stats } };
}
