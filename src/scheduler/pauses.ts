/** Which pause holds back a task or a run, and how it is said: the same of a process that works and of a folder at rest. */
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { runsFrom, runsOf } from "./lineage.ts";

export interface PauseReason {
	reason: "paused";
	/** A sentence for a person. */
	text: string;
	/** `all`, `type:T`, `workflow:W` or `run:R`. */
	scope: string;
	/** Milliseconds since 1970. */
	since: number;
}

/** Of everything, of its type, or of a workflow or run above it, the innermost first. */
export const pauseOfTask = (task: Task, state: State): PauseReason | undefined =>
	pauseAbove(["all", `type:${task.type}`], runsOf(task, state), state);

/** Of everything, or of a workflow or run from it upwards. */
export const pauseOfRun = (run: Run, state: State): PauseReason | undefined =>
	pauseAbove(["all"], runsFrom(run, state), state);

function pauseAbove(first: readonly string[], runs: Iterable<Run>, { paused }: State): PauseReason | undefined {
	if (paused.size === 0) return undefined;
	const scope = first.find((name) => paused.has(name)) ?? scopeAmong(runs, paused);
	if (scope === undefined) return undefined;
	const { at: since, reason } = paused.get(scope) as { at: number; reason?: string };
	const what = scope === "all" ? "everything" : scope;
	const text = `${what} is paused since ${new Date(since).toISOString()}${reason === undefined ? "" : `: ${reason}`}`;
	return { reason: "paused", text, scope, since };
}

function scopeAmong(runs: Iterable<Run>, paused: State["paused"]): string | undefined {
	for (const { id, workflow } of runs) {
		for (const scope of [`workflow:${workflow}`, `run:${id}`]) if (paused.has(scope)) return scope;
	}
	return undefined;
}
