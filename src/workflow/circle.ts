/**
 * Runs that would wait for each other for ever: an inner run waits for its group, the group for a run in it, that one for an
 * inner run of its own, and so on back to a run around the first. Such a circle closes only when an inner run has to wait, so
 * it is looked for then. Pure.
 */
import { MusterError } from "../errors.ts";
import type { State } from "../state.ts";
import type { NewRun, Run, RunGroup } from "./run.ts";
import { itemIds } from "./step-task.ts";

/** Most runs and steps that are looked at; a circle beyond them is not found. */
const MAX_LOOKED = 1_000;

/** @param fresh an inner run that is about to begin @throws E_CONFLICT naming the circle, when it could never begin */
export function checkCircle(state: State, { id }: Pick<NewRun, "id">, group: RunGroup | undefined): void {
	// The id of an inner run begins with that of the run around it.
	const circle = group && new Search(state, (run) => id.startsWith(`${run.id}.`)).wayBack(group);
	if (circle === undefined) return;
	const others = circle.map((run) => `${run.id} (${run.state})`).join(", that for ");
	throw new MusterError("E_CONFLICT", `the run would wait for itself: for ${others}`, {
		hint: "Give one of the workflows another concurrency group, or a larger limit.",
		details: { holders: circle.slice(0, 10).map((run) => run.id) },
	});
}

class Search {
	readonly #state: State;
	readonly #isAround: (run: Run) => boolean;
	readonly #path = new Set<Run>();
	#left = MAX_LOOKED;

	constructor(state: State, isAround: (run: Run) => boolean) {
		this.#state = state;
		this.#isAround = isAround;
	}

	/** From a run that waits for its group back to a run around the new one; undefined when the group may make room. */
	wayBack({ key, limit, policy }: RunGroup): Run[] | undefined {
		// One that cancels the runs before it does not wait for them.
		if (policy === "cancel-previous") return undefined;
		const ways: Run[][] = [];
		for (const run of this.#state.groups.get(key) ?? []) {
			if (run.state === "queued") continue;
			const way = this.#wayOf(run);
			if (way !== undefined) ways.push(way);
			if (ways.length >= limit) return ways[0];
		}
		return undefined;
	}

	/** From a run on by what it waits for; undefined when it can come to its end. */
	#wayOf(run: Run): Run[] | undefined {
		// Back at one that waits for this one: that is a circle too, beside the way out that another run may be.
		if (this.#isAround(run) || this.#path.has(run)) return [run];
		if (this.#left-- <= 0) return undefined;
		this.#path.add(run);
		const way = run.state === "queued" ? run.group && this.wayBack(run.group) : this.#wayInside(run);
		this.#path.delete(run);
		return way && [run, ...way];
	}

	#wayInside(run: Run): Run[] | undefined {
		for (const [path, step] of Object.entries(run.steps)) {
			if (this.#left-- <= 0) return undefined;
			if (step.state !== "running" || step.items !== "run") continue;
			for (const id of itemIds(run, path, { ...step, total: step.begun })) {
				const inner = this.#state.runs.get(id);
				const way = inner && this.#wayOf(inner);
				if (way !== undefined) return way;
				if (this.#left-- <= 0) return undefined;
			}
		}
		return undefined;
	}
}
