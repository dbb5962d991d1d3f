/** Why a step has not begun, or an item of it. Pure. */
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import { type ListPlan, planOf } from "./plan.ts";
import type { Run, RunStep } from "./run.ts";
import { isDone, stepAt } from "./run-fold.ts";

const MAX_NAMED = 10;

/** @param id of a step of the main list @returns undefined when it has begun, or its run is over */
export function whyStepWaits(definition: WorkflowDefinition, run: Run, id: string): string | undefined {
	if (stepAt(run, id) !== undefined || (run.state !== "running" && run.state !== "queued")) return undefined;
	if (run.state === "queued") return "its run has not begun";
	const { main } = planOf(definition);
	const broken = brokenIn(main, run);
	if (broken !== undefined) return `it does not begin any more: step ${broken} did not complete, and the run ends`;
	const open = openNeeds(main, run, id);
	return open.length === 0 ? "it begins in a moment" : `it needs ${open.join(", ")}`;
}

/** Of a step that runs: why not all of its items have begun. */
export function whyItemsWait(
	{ forEach, loop }: StepDefinition,
	step: RunStep,
	running: readonly string[],
): string | undefined {
	if (step.state !== "running" || step.begun >= step.total || step.begun === 0) return undefined;
	if (loop !== undefined) return undefined; // a round begins when the one before is over
	const parallel = forEach?.parallel;
	const left = `${step.total - step.begun} of its ${step.total} items have not begun`;
	if (parallel === undefined) return left;
	return `${left}: ${parallel} may go on at a time; they wait for ${running.slice(0, MAX_NAMED).join(" or ")}`;
}

/** Of a step that waits for something from outside: what it takes, and what becomes of it without. */
export function waitTerms({ wait }: StepDefinition, { until }: RunStep): string | undefined {
	const filter = wait?.event?.filter;
	const terms = [
		...(filter === undefined ? [] : [`only one with ${filter} counts`]),
		...(until === undefined || wait?.durationMs !== undefined
			? []
			: [wait?.onTimeout === "continue" ? "it goes on without it after that time" : "it fails after that time"]),
	];
	return terms.length === 0 ? undefined : terms.join("; ");
}

function openNeeds({ steps, places }: ListPlan, run: Run, id: string): string[] {
	const planned = steps[places.get(id) ?? -1];
	return (planned?.needs ?? []).flatMap((place) => {
		const need = steps[place]?.step.id ?? "";
		const step = stepAt(run, need);
		if (step !== undefined && isDone(step.state)) return [];
		return [`${need} (${step === undefined ? "not begun" : step.state})`];
	});
}

function brokenIn({ steps }: ListPlan, run: Run): string | undefined {
	return steps.find(({ step }) => {
		const state = stepAt(run, step.id)?.state;
		return state === "failed" || state === "cancelled";
	})?.step.id;
}
