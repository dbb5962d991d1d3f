/**
 * Finish what you started: a further attempt, a child, the next step of a run has waited already, with its root, and goes
 * before fresh work of its priority. See `rankOf` for what the credit is worth.
 */
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { rootOf } from "./lineage.ts";

export class Credits {
	readonly #state: State;
	readonly #worthMs: number;
	/** How long a root had waited when the first of it was let in, where that was long; as long as it is in memory. */
	readonly #waited = new WeakMap<Task | Run, number>();

	/** @param worthMs a wait below this changes nothing: all continued work has as much credit anyway */
	constructor(state: State, worthMs: number) {
		this.#state = state;
		this.#worthMs = worthMs;
	}

	/** It starts, after this long. */
	letIn(task: Task, waitedMs: number): void {
		if (waitedMs <= this.#worthMs) return;
		const root = rootOf(task, this.#state);
		if (!this.#waited.has(root)) this.#waited.set(root, waitedMs);
	}

	/** How long its root had waited, if that was let in; 0 where that was before this process. Undefined for fresh work. */
	of(task: Task): number | undefined {
		if (task.run === undefined && task.parent === undefined && task.attempts === 0) return undefined;
		const root = rootOf(task, this.#state);
		const begun = "steps" in root ? root.over : root.attempts;
		return this.#waited.get(root) ?? (begun > 0 ? 0 : undefined);
	}
}
