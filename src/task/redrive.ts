/** A task that is over, done again as another task: terminal states never change (T2). Pure. */
import { MusterError } from "../errors.ts";
import { canonicalJson, type Json } from "../json.ts";
import { isTerminal, type NewTask, type Task } from "./task.ts";

/**
 * The id of the task that does this one again: `tsk_1.r`, then `tsk_1.r2`, `tsk_1.r3` ... It follows from the old one, so
 * that whoever asks, and however often, gets the same task.
 */
export function redriveId(id: string): string {
	const [, root = id, count] = /^(.+)\.r(\d*)$/.exec(id) ?? [];
	return count === undefined ? `${root}.r` : `${root}.r${Number(count || 1) + 1}`;
}

/** Whether it can be done again by itself. @throws E_CONFLICT */
export function checkRedrivable({ id, state, run, parent }: Task): void {
	if (!isTerminal(state) || state === "completed") {
		const hint = state === "completed" ? "Submit a new task." : "Wait for its end, or cancel it first.";
		throw new MusterError("E_CONFLICT", `the task ${id} is ${state}; only one that did not complete is retried`, {
			hint,
		});
	}
	if (run !== undefined) {
		throw new MusterError("E_CONFLICT", `the task ${id} belongs to the run ${run.id} and is not retried alone`, {
			hint: `Retry the run, which goes on from what completed: muster retry ${run.id}`,
		});
	}
	if (parent === undefined) return;
	throw new MusterError("E_CONFLICT", `the task ${id} was delegated by ${parent} and is not retried alone`, {
		hint: `Retry the task that delegated it: muster retry ${parent}`,
	});
}

/**
 * The task again, from the beginning. Left behind are its times (a deadline that has passed too) and its idempotency and
 * coalescing keys, which stay with the old one.
 */
export function redriveOf(old: Task, { input, at }: { input: Json; at: number }): NewTask {
	const { type, priority, capabilities, retry, timeoutMs, idleTimeoutMs, stallTimeoutMs } = old;
	const { dependsOn, deadline, group, concurrency, rate } = old;
	return {
		...{ id: redriveId(old.id), type, input, priority, submittedAt: at, retryOf: old.id },
		...{ capabilities, retry, timeoutMs, idleTimeoutMs, stallTimeoutMs, dependsOn, group, concurrency, rate },
		...(deadline !== undefined && deadline > at && { deadline }),
		...(canonicalJson(input) === canonicalJson(old.input) && effectsOf(old)),
	};
}

/**
 * What it did is not done again, and what it began is looked for under the old key; with another input it would be another
 * effect. An ambiguous one is left behind: a person has looked, and whoever submits the task again wants it done.
 */
function effectsOf({ id, effects = {}, effectsOf = id }: Task): Pick<NewTask, "effects" | "effectsOf"> {
	const kept = Object.entries(effects).filter(([, { state }]) => state === "done" || state === "intended");
	return kept.length === 0 ? {} : { effects: Object.fromEntries(kept), effectsOf };
}
