/** The items of a step: what they are called, the tasks that they are, and how they end when their time has come. Pure. */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import type { Json } from "../json.ts";
import type { NewTask, Priority } from "../task/task.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import { planOf } from "./plan.ts";
import type { Run, RunStep } from "./run.ts";
import { COMPENSATE, stepAt } from "./run-fold.ts";
import { stepOf } from "./scope.ts";

/** What a step's item is called: `run.step` alone, `run.step.3` for the fourth of a forEach. */
export const stepTaskId = (run: string, step: string, each: boolean, index: number): string =>
	each ? `${run}.${step}.${index}` : `${run}.${step}`;

/** Ids of the tasks or inner runs of a step that may have begun. */
export function* itemIds(run: Run, path: string, { items, each, total, open }: RunStep): Generator<string> {
	if (open || (items !== undefined && items !== "task" && items !== "run")) return;
	for (let index = 0; index < total; index++) yield stepTaskId(run.id, path, each, index);
}

/** The definition of the step whose items stand at a path; for a compensation as if it were a step. */
export function definitionAt(definition: WorkflowDefinition, path: string): StepDefinition {
	const undo = path.endsWith(COMPENSATE);
	const { step } = stepOf(planOf(definition), undo ? path.slice(0, -COMPENSATE.length) : path).planned;
	if (!undo) return step;
	const { compensate } = step;
	return { id: step.id, needs: [], ...(step.priority && { priority: step.priority }), ...compensate };
}

/** The task of one item; its keys are the caller's to add. */
export function stepTask(
	run: Run,
	path: string,
	each: boolean,
	index: number,
	step: StepDefinition,
	input: Json,
	at: number,
): { -readonly [K in keyof NewTask]: NewTask[K] } {
	const task: { -readonly [K in keyof NewTask]: NewTask[K] } = {
		id: stepTaskId(run.id, path, each, index),
		type: step.skill ?? "",
		input,
		priority: (step.priority ?? "normal") as Priority,
		submittedAt: at,
		run: { id: run.id, step: path, index },
	};
	if (step.retry !== undefined) task.retry = step.retry;
	if (step.capabilities?.length) task.capabilities = step.capabilities;
	if (step.timeoutMs !== undefined) task.timeoutMs = step.timeoutMs;
	if (step.idleTimeoutMs !== undefined) task.idleTimeoutMs = step.idleTimeoutMs;
	if (step.stallTimeoutMs !== undefined) task.stallTimeoutMs = step.stallTimeoutMs;
	return task;
}

/**
 * The time of a step has come: a duration is over, a wait or the whole step took too long. Undefined when it is over
 * already or its time has not come.
 */
export function expireStep(definition: WorkflowDefinition, run: Run, path: string, at: number): Event | undefined {
	const step = stepAt(run, path);
	if (step?.state !== "running" || step.until === undefined || step.until > at) return undefined;
	const ended = { type: "item.ended", at, run: run.id, step: path, index: 0 } as const;
	if (step.wait?.kind === "duration") return { ...ended, output: null };
	const late = new Date(step.until).toISOString();
	if (step.wait === undefined) {
		const error = timeError("E_TIMEOUT", `step "${path}" took longer than its timeout; it ended ${late}`);
		return { type: "step.ended", at, run: run.id, step: path, state: "failed", error };
	}
	if (definitionAt(definition, path).wait?.onTimeout === "continue") {
		const { wait } = step;
		const output = wait.kind === "approval" ? { approved: false, expired: true, at, hash: wait.hash } : null;
		return { ...ended, output };
	}
	return { ...ended, error: timeError("E_WAIT_EXPIRED", `what step "${path}" waited for did not come before ${late}`) };
}

const timeError = (code: "E_TIMEOUT" | "E_WAIT_EXPIRED", message: string): ErrorData =>
	toErrorData(new MusterError(code, message));
