/** How a state comes back from a snapshot, which stores records and nothing that follows from them. */
import type { State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { completeRun } from "../workflow/run-fold.ts";
import { linkRun, use } from "./runs.ts";
import { linkDependent, linkKeys } from "./tasks.ts";

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
