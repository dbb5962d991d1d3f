/** Which completed step a failed run undoes next. Pure; part of `decide.ts`. */
import type { Plan } from "./plan.ts";
import type { Run } from "./run.ts";
import { COMPENSATE, prefixOf, stepAt } from "./run-fold.ts";
import { stepOf } from "./scope.ts";

/**
 * What is left to undo, the step that was over last at the end: worked out once for a run whose main list has failed, since
 * nothing in it changes any more, and again after a restart.
 */
const left = new WeakMap<Run, string[]>();

/** The path of the completed step with a compensation that was over last and is not undone yet. */
export function nextToUndo(plan: Plan, run: Run): string | undefined {
	let paths = left.get(run);
	if (paths === undefined) {
		paths = completed(plan, run);
		left.set(run, paths);
	}
	// Only what has begun is taken off, so the answer is the same as long as the run is.
	while (paths.length > 0 && stepAt(run, paths.at(-1) + COMPENSATE) !== undefined) paths.pop();
	return paths.at(-1);
}

function completed(plan: Plan, run: Run): string[] {
	const found: { path: string; order: number }[] = [];
	for (const [path, { state, order = 0 }] of Object.entries(run.steps)) {
		if (state !== "completed" || prefixOf(path) === COMPENSATE || /^(onFailure|finally)\./.test(path)) continue;
		if (stepOf(plan, path).planned.undo !== undefined) found.push({ path, order });
	}
	return found.sort((a, b) => a.order - b.order).map(({ path }) => path);
}
