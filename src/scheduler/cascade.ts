/** What the end of one task means for the tasks around it. Runs inside the ledger's transaction, so it is atomic with it. */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import type { State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";

/**
 * A task that did not complete takes those that depend on it along: cancelled with a cancelled one, skipped otherwise.
 * @param now wall clock
 */
export function cascade(state: State, task: Task, now: number, emit: (event: Event) => void): void {
	if (task.state === "completed") return;
	for (const id of [...(state.dependents.get(task.id) ?? [])]) {
		const dependent = state.tasks.get(id);
		if (dependent?.state === "blocked") emit(fallWith(dependent, task, now));
	}
}

/** The end of a blocked task whose dependency did not complete. */
export function fallWith(task: Task, dependency: Task, now: number): Event {
	const base = { at: now, id: task.id, error: dependencyError(dependency) };
	return dependency.state === "cancelled" ? { type: "task.cancelled", ...base } : { type: "task.skipped", ...base };
}

function dependencyError(dependency: Task): ErrorData {
	const because = dependency.error ? `: ${dependency.error.message}` : "";
	return toErrorData(
		new MusterError("E_DEPENDENCY_FAILED", `it depends on ${dependency.id}, which was ${dependency.state}${because}`, {
			details: { dependency: dependency.id },
		}),
	);
}

/** The dependency because of which a blocked task can never run, if there is one. */
export function deadDependency(state: State, task: Task): Task | undefined {
	if (task.state !== "blocked") return undefined;
	for (const id of task.dependsOn ?? []) {
		const dependency = state.tasks.get(id);
		if (dependency !== undefined && isTerminal(dependency.state) && dependency.state !== "completed") return dependency;
	}
	return undefined;
}
