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
	const scopes = [...first, ...scopesOf(runs)].filter((name) => paused.has(name));
	const [scope] = scopes;
	if (scope === undefined) return undefined;
	const { at: since, reason } = paused.get(scope) as { at: number; reason?: string };
	const what = scope === "all" ? "everything" : scope;
	const said = reason === undefined ? "" : ` (${reason})`;
	const ends = scopes.map((name) => `muster resume ${name}`).join(" and ");
	const text = `${what} is paused since ${new Date(since).toISOString()}${said}; it goes on with: ${ends}`;
	return { reason: "paused", text, scope, since };
}

function* scopesOf(runs: Iterable<Run>): Generator<string> {
	for (const { id, workflow } of runs) yield* [`workflow:${workflow}`, `run:${id}`];
}
