/**
 * A run begun again as a new one: from its failed steps, or from a step of choice, with other inputs or on another version of
 * its definition where wanted. What completed before is taken over and not done again, unless it was undone by its
 * compensation or says something else now. Pure but for what it is given.
 */
import { MusterError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { isSameStep } from "../workflow/hash.ts";
import { type ListPlan, planOf } from "../workflow/plan.ts";
import type { Run, RunStep } from "../workflow/run.ts";
import { COMPENSATE, isDone, stepAt } from "../workflow/run-fold.ts";

/** What the new run takes over. */
export interface TakenOver {
	copied: { step: string; record: RunStep }[];
	/** So that it can undo what others did ({@link Run.origins}). */
	origins: NonNullable<Run["origins"]>;
}

/**
 * @param definition of the new run
 * @param before of the old one; absent when nobody knows it any more: then every step counts as changed
 * @param from a step of the main list: it and all that needs it is done again. Absent: what did not complete
 * @throws E_INPUT_INVALID when there is no such step
 */
export function takeOver(
	definition: WorkflowDefinition,
	before: WorkflowDefinition | undefined,
	run: Run,
	from?: string,
): TakenOver {
	const { main, compensates } = planOf(definition);
	const again = placesAgain(main, before, run, from);
	const kept = new Set(main.steps.filter((_, place) => !again.has(place)).map(({ step }) => step.id));
	const paths = Object.keys(run.steps).filter((path) => kept.has(path.split(".", 1)[0] as string));
	const copied = paths.map((step) => ({ step, record: run.steps[step] as RunStep }));
	copied.sort((a, b) => (a.record.order ?? 0) - (b.record.order ?? 0));
	if (!compensates) return { copied, origins: {} };
	const origins: TakenOver["origins"] = {};
	for (const item of copied) {
		const { origin = run.id } = item.record;
		item.record = { ...item.record, origin };
		origins[origin] = run.origins?.[origin] ?? run.inputs;
	}
	return { copied, origins };
}

/**
 * Places of the steps to do again: those that are not done, were undone or say something else now, the chosen one, and all
 * that needs them.
 */
function placesAgain(
	{ steps, places }: ListPlan,
	before: WorkflowDefinition | undefined,
	run: Run,
	from: string | undefined,
): Set<number> {
	if (from !== undefined && !places.has(from)) {
		throw new MusterError("E_INPUT_INVALID", `the workflow has no step "${from}"`, {
			hint: didYouMean(from, places.keys()) ?? `Its steps: ${[...places.keys()].slice(0, 20).join(", ")}.`,
		});
	}
	const old = new Map(before?.steps.map((step) => [step.id, step]));
	const open = steps.flatMap(({ step }, place) => {
		const same = old.get(step.id);
		const isKept = step.id !== from && isDoneAndNotUndone(run, step.id) && same !== undefined && isSameStep(same, step);
		return isKept ? [] : [place];
	});
	const again = new Set<number>();
	for (let place = open.pop(); place !== undefined; place = open.pop()) {
		if (again.has(place)) continue;
		again.add(place);
		open.push(...(steps[place]?.dependents ?? []));
	}
	return again;
}

function isDoneAndNotUndone(run: Run, id: string): boolean {
	const step = stepAt(run, id);
	if (step === undefined || !isDone(step.state)) return false;
	return !Object.keys(run.steps).some(
		(path) => path.endsWith(COMPENSATE) && (path === id + COMPENSATE || path.startsWith(`${id}.`)),
	);
}
