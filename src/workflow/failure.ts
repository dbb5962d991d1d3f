/** Why a run or a list of steps failed, derived from its record. Pure; part of `decide.ts`. */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Plan } from "./plan.ts";
import type { Run } from "./run.ts";
import { COMPENSATE, prefixOf, stepAt } from "./run-fold.ts";
import { type Place, placeOf } from "./scope.ts";

const MAX_NAMED = 100;

/** Of the run as a whole, once its main list is broken. */
export function reasonOf(plan: Plan, run: Run): ErrorData {
	const reason = listError(run, placeOf(plan, ""));
	const left = Object.entries(run.steps).flatMap(([path, { state, error }]) =>
		prefixOf(path) === COMPENSATE && state === "failed"
			? [{ step: path.slice(0, -COMPENSATE.length), message: error?.message ?? "" }]
			: [],
	);
	if (left.length === 0) return reason;
	const names = left.map(({ step }) => step).join(", ");
	return {
		...reason,
		message: `${reason.message}; what these steps did could not be undone: ${names}`,
		details: { ...reason.details, notCompensated: left.slice(0, MAX_NAMED) },
	};
}

/** Of one list: the step of it that failed first; when none did, it was stopped since another list failed. */
export function listError(run: Run, { list, prefix }: Place): ErrorData {
	const broken = list.steps.flatMap(({ step }) => {
		const { state, order = 0 } = stepAt(run, prefix + step.id) ?? {};
		return state === "failed" || state === "cancelled" ? [{ id: prefix + step.id, state, order }] : [];
	});
	broken.sort((a, b) => a.order - b.order);
	const first = broken.find(({ state }) => state === "failed") ?? broken[0];
	if (first === undefined) return toErrorData(new MusterError("E_CANCELLED", "stopped, since another step failed"));
	const error = stepAt(run, first.id)?.error;
	const others = broken.length > 1 ? ` (${broken.length - 1} more did not complete)` : "";
	const what = first.state === "cancelled" ? "was cancelled" : "failed";
	const failure = new MusterError(
		"E_STEP_FAILED",
		`Step "${first.id}" ${what}${error ? `: ${error.message}` : ""}${others}`,
		{
			hint: error?.hint,
			details: {
				step: first.id,
				...(error && { code: error.code }),
				...(broken.length > 1 && { steps: broken.slice(0, MAX_NAMED).map(({ id }) => id) }),
			},
		},
	);
	const data = toErrorData(failure);
	if (error !== undefined) data.cause = { name: error.code, message: error.message };
	return data;
}
