/**
 * The clocks of a running attempt, and what each of them ends: the timeout, the idle timeout and the ladder of an attempt
 * whose progress stands still: at half the time a warning; at the full time it is taken away and its task offered again;
 * `settle.ts` counts how often, and fails it at last. All on the monotonic clock.
 *
 * An attempt is alive while its agent is, active while its skill calls anything, and progressing while what it reports
 * changes or an effect is done. Only the last tells an honest slow worker from one that is busy getting nowhere.
 */
import type { Clock } from "../clock.ts";
import { type ErrorCode, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Outcome } from "../task/settle.ts";
import type { Alarms } from "./alarms.ts";
import type { Attempt } from "./attempt.ts";

/** How long ago a running attempt gave each sign, milliseconds. */
export interface Signs {
	/** Its agent was alive: it answered a heartbeat, or the skill called. */
	aliveMsAgo: number;
	/** Its skill called a function of its context. */
	activeMsAgo: number;
	/** Its progress rose, or the message of it changed, or an effect was done. */
	progressMsAgo: number;
	/** Its progress has stood still for half of the stall timeout: it was warned of, and is ended at the whole. */
	stuck: boolean;
}

export function signsOf({ startedMs, activeMs, progressMs, warned, seat }: Attempt, nowMs: number): Signs {
	const aliveMs = Math.max(startedMs, activeMs, seat.lastSeenMs);
	const ago = (ms: number): number => Math.max(0, Math.round(nowMs - ms));
	return { aliveMsAgo: ago(aliveMs), activeMsAgo: ago(activeMs), progressMsAgo: ago(progressMs), stuck: warned };
}

export type ClockKind = "timeout" | "idle" | "stall";

export class AttemptClocks {
	readonly #clock: Clock;
	readonly #alarms: Alarms;
	readonly #log: Log;

	constructor(parts: { clock: Clock; alarms: Alarms; log: Log }) {
		this.#clock = parts.clock;
		this.#alarms = parts.alarms;
		this.#log = parts.log;
	}

	start({ task: { id, timeoutMs, idleTimeoutMs, stallTimeoutMs } }: Attempt): void {
		if (timeoutMs !== undefined) this.#alarms.setIn("timeout", id, timeoutMs);
		if (idleTimeoutMs !== undefined) this.#alarms.setIn("idle", id, idleTimeoutMs);
		if (stallTimeoutMs !== undefined) this.#alarms.setIn("stall", id, stallTimeoutMs / 2);
	}

	stop({ task: { id, timeoutMs, idleTimeoutMs, stallTimeoutMs } }: Attempt): void {
		if (timeoutMs !== undefined) this.#alarms.delete("timeout", id);
		if (idleTimeoutMs !== undefined) this.#alarms.delete("idle", id);
		if (stallTimeoutMs !== undefined) this.#alarms.delete("stall", id);
	}

	/** Its alarm rang. Returns how the attempt ends; undefined when it goes on, with the alarm set anew. */
	rang(kind: ClockKind, attempt: Attempt): Outcome | undefined {
		if (kind === "timeout") {
			return ended("error", "E_TIMEOUT", `the attempt took longer than its timeout of ${attempt.task.timeoutMs} ms`);
		}
		return kind === "idle" ? this.#idle(attempt) : this.#stall(attempt);
	}

	#idle(attempt: Attempt): Outcome | undefined {
		const idleMs = attempt.task.idleTimeoutMs as number;
		const leftMs = attempt.activeMs + idleMs - this.#clock.monotonic();
		if (leftMs <= 0) return ended("error", "E_IDLE_TIMEOUT", `the attempt gave no sign of activity for ${idleMs} ms`);
		this.#alarms.setIn("idle", attempt.task.id, leftMs);
		return undefined;
	}

	#stall(attempt: Attempt): Outcome | undefined {
		const { task, seat } = attempt;
		const limitMs = task.stallTimeoutMs as number;
		const stillMs = this.#clock.monotonic() - attempt.progressMs;
		if (stillMs >= limitMs) {
			return ended("lost", "E_STALLED", `the progress of the attempt stood still for ${limitMs} ms`);
		}
		if (stillMs >= limitMs / 2 && !attempt.warned) {
			attempt.warned = true;
			const fields = { task: task.id, agent: seat.name, stillMs: Math.round(stillMs) };
			this.#log.warn("the progress of an attempt stands still", fields);
		}
		this.#alarms.setIn("stall", task.id, (attempt.warned ? limitMs : limitMs / 2) - stillMs);
		return undefined;
	}
}

const ended = (kind: "error" | "lost", code: ErrorCode, message: string): Outcome => ({
	kind,
	error: toErrorData(new MusterError(code, message)),
});
