/** How an attempt ended, as data, and what follows for its task. Pure: decide here, store and tell elsewhere. */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import type { Json } from "../json.ts";
import { retryDelayMs } from "./retry.ts";
import type { Task } from "./task.ts";

export type Outcome =
	| { kind: "value"; output: Json }
	| { kind: "error"; error: ErrorData }
	/** The agent showed no life, progress stood still, or the orchestrator stops: nobody knows how far it came. */
	| { kind: "lost"; error: ErrorData }
	| { kind: "cancelled"; error: ErrorData };

/** A task whose process died this often while it ran is not offered any more. */
export const MAX_CRASHES = 3;

/** A task that lost its agent this often is not offered any more. */
export const MAX_LOSSES = 10;

/** A task whose progress stood still this often is offered again; the next time it fails. */
export const MAX_STALLS = 2;

/** Whether one more death of the process is the last. */
export const isSuspect = (task: Task): boolean => (task.crashes ?? 0) >= MAX_CRASHES - 1;

/**
 * @param token the attempt's; the task's own token must be the same (the caller has checked)
 * @param now wall clock
 * @param random for the jitter, in [0, 1)
 */
export function settle(task: Task, token: number, outcome: Outcome, now: number, random: number): Event {
	const base = { at: now, id: task.id, token };
	switch (outcome.kind) {
		case "value":
			return { type: "task.completed", ...base, output: outcome.output };
		case "cancelled":
			return { type: "task.cancelled", at: now, id: task.id, error: outcome.error };
		case "lost":
			if (outcome.error.code === "E_AGENT_LOST" && (task.losses ?? 0) + 1 >= MAX_LOSSES) {
				return { type: "task.failed", ...base, error: outcome.error };
			}
			if (outcome.error.code === "E_STALLED" && (task.stalls ?? 0) >= MAX_STALLS) {
				return { type: "task.failed", ...base, error: outcome.error };
			}
			return { type: "task.reoffered", ...base, error: outcome.error, crash: false };
		case "error": {
			const { error } = outcome;
			const counted = (task.failures ?? 0) + 1;
			const delayMs = retryDelayMs(task.retry, counted, error, random);
			if (delayMs === undefined) return { type: "task.failed", ...base, error };
			const runAt = now + delayMs;
			if (task.deadline !== undefined && runAt >= task.deadline) {
				return { type: "task.failed", ...base, error: deadlineError(task.deadline, error) };
			}
			return { type: "task.retrying", ...base, error, runAt };
		}
	}
}

/** What becomes of an attempt that the death of its process ended. */
export function settleCrash(task: Task, token: number, now: number): Event {
	const died = toErrorData(new MusterError("E_AGENT_LOST", "the process ended while this attempt ran"));
	const base = { at: now, id: task.id, token };
	if ((task.crashes ?? 0) + 1 < MAX_CRASHES) return { type: "task.reoffered", ...base, error: died, crash: true };
	const error = new MusterError("E_CRASH_LOOP", `the process ended ${MAX_CRASHES} times while this task ran`, {
		hint: "Look at the log for how it ended; the task is kept with the dead letters.",
	});
	return { type: "task.failed", ...base, error: toErrorData(error) };
}

export function deadlineError(deadline: number, cause?: ErrorData): ErrorData {
	const at = new Date(deadline).toISOString();
	return toErrorData(
		new MusterError("E_DEADLINE", `the deadline ${at} passed`, { cause: cause && { message: cause.message } }),
	);
}
