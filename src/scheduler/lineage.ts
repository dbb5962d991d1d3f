/** What a task is a part of: tasks that delegated it, the run of its step, and the runs around that. */
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";

type Known = Pick<State, "tasks" | "runs">;

/** The runs it is in, innermost first; those of the task that delegated first, where it is a child. */
export function* runsOf(task: Task, known: Known): Generator<Run> {
	const { run: place } = topOf(task, known.tasks);
	yield* runsFrom(place && known.runs.get(place.id), known);
}

/** The run and those around it, innermost first. */
export function* runsFrom(innermost: Run | undefined, { runs }: Pick<State, "runs">): Generator<Run> {
	for (let run = innermost; run !== undefined; run = run.parent && runs.get(run.parent.id)) yield run;
}

/** The outermost run, the task that delegated first, or itself. */
export function rootOf(task: Task, known: Known): Task | Run {
	let outermost: Run | undefined;
	for (const run of runsOf(task, known)) outermost = run;
	return outermost ?? topOf(task, known.tasks);
}

/** The task that is nobody's child. */
function topOf(task: Task, tasks: Known["tasks"]): Task {
	let top = task;
	while (top.parent !== undefined) {
		const above = tasks.get(top.parent);
		if (above === undefined) return top;
		top = above;
	}
	return top;
}
