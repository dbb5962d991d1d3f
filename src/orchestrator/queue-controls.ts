/** Steering the queue as a whole: pause, resume, drain, and dead letters in bulk. */
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError } from "../errors.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { State } from "../state.ts";
import { redriveId } from "../task/redrive.ts";
import type { Task } from "../task/task.ts";
import { isRunOver } from "../workflow/run.ts";
import type { Reader } from "./reader.ts";
import type { Redriver } from "./redriver.ts";
import { type PauseScope, scopeText } from "./scope.ts";

export interface PauseView {
	/** `all`, `type:T`, `workflow:W` or `run:R`. */
	scope: string;
	since: string;
	reason?: string;
}

/** Which dead letters. Nothing given: all of them. */
export interface DeadFilter {
	/** Of this task type. */
	type?: string | undefined;
	/** With this error code. */
	code?: string | undefined;
	/** Most of them. Default and at most 1,000; call again for more. */
	limit?: number | undefined;
	/** These and no others, at most 1,000; also cancelled and skipped tasks are retried. */
	ids?: readonly string[] | undefined;
}

export interface RetriedDead {
	/** The new tasks. */
	ids: string[];
	/** How many were met that are not retried alone. */
	left: number;
	/** The first 100 of those, and why: it belongs to a run or a parent, its input does not fit its skill any more ... */
	refused: { id: string; error: ErrorData }[];
}

export const pauseViews = ({ paused }: Pick<State, "paused">): PauseView[] =>
	[...paused].map(([scope, { at, reason }]) => ({
		...{ scope, since: new Date(at).toISOString() },
		...(reason !== undefined && { reason }),
	}));

const MAX_REASON = 500;
const MAX_DEAD = 1_000;
const PAGE = 500;
const MAX_REFUSED = 100;
/** Scopes that are paused at the same time. */
const MAX_PAUSED = 1_000;

export class QueueControls {
	readonly #ledger: Ledger;
	readonly #dispatcher: Dispatcher;
	readonly #reader: Reader;
	readonly #redriver: Redriver;
	readonly #clock: Clock;

	constructor(parts: { ledger: Ledger; dispatcher: Dispatcher; reader: Reader; redriver: Redriver; clock: Clock }) {
		this.#ledger = parts.ledger;
		this.#dispatcher = parts.dispatcher;
		this.#reader = parts.reader;
		this.#redriver = parts.redriver;
		this.#clock = parts.clock;
	}

	/** Nothing of the scope starts from here on; resolves when that survives a restart. @throws E_INPUT_INVALID, E_RUN_UNKNOWN */
	async pause(scope: PauseScope | string, reason?: string): Promise<void> {
		const text = this.#check(scope);
		if (reason !== undefined && (typeof reason !== "string" || reason.length > MAX_REASON)) {
			throw new MusterError("E_INPUT_INVALID", `the reason must be a text of at most ${MAX_REASON} characters`);
		}
		if (this.#ledger.state.paused.has(text)) return this.#ledger.settled();
		if (this.#ledger.state.paused.size >= MAX_PAUSED) {
			throw new MusterError("E_CONFLICT", `${MAX_PAUSED} scopes are paused already`, {
				hint: "Pause everything, or resume some of them.",
			});
		}
		const at = this.#clock.now();
		const stored = this.#ledger.transact((emit) =>
			emit({ type: "queue.paused", at, scope: text, ...(reason !== undefined && { reason }) }),
		);
		this.#dispatcher.pausedChanged(text);
		await stored;
	}

	/**
	 * The scope starts again from here on; resolves when that survives a restart. What starts before it is durable does no
	 * harm when the process dies: its start and every effect that it records come after the resume in the journal (J2), so it
	 * is as if it had never started, under a pause that nobody was told is over. Were a resume to wait for the disk, a pause
	 * that is called meanwhile would be taken for one that is there already, and lost.
	 */
	async resume(scope: PauseScope | string): Promise<void> {
		const text = this.#check(scope);
		if (!this.#ledger.state.paused.has(text)) return this.#ledger.settled();
		const at = this.#clock.now();
		const stored = this.#ledger.transact((emit) => emit({ type: "queue.resumed", at, scope: text }));
		this.#dispatcher.pausedChanged(text);
		await stored;
	}

	/** Pauses everything and resolves when nothing runs. @throws E_WAIT_TIMEOUT; what was paused stays so */
	async drain(timeoutMs?: number): Promise<void> {
		await this.pause("all", "drained");
		if (await this.#dispatcher.idle(timeoutMs)) return;
		throw new MusterError("E_WAIT_TIMEOUT", `${this.#dispatcher.running} task(s) still run; nothing new starts`, {
			hint: "Wait longer, or cancel them. Let work start again with: muster resume",
		});
	}

	paused(): PauseView[] {
		return pauseViews(this.#ledger.state);
	}

	/**
	 * Submits dead letters again, each once, in groups of {@link PAGE}: each of them all or nothing. When one is refused as a
	 * whole (E_QUEUE_FULL, E_STORAGE_FULL), those before it stay submitted.
	 */
	async retryDead(filter: DeadFilter): Promise<RetriedDead> {
		const result: RetriedDead = { ids: [], left: 0, refused: [] };
		const limit = checkLimit(filter.limit);
		if (filter.ids !== undefined) {
			await this.#retryPage(this.#named(filter.ids), result);
			return result;
		}
		const { type, code } = filter;
		for (let after: string | undefined; result.ids.length < limit; ) {
			const page = this.#reader.deadTasks({ type, code, after, limit: Math.min(PAGE, limit - result.ids.length) });
			if (page.length === 0) break;
			// Backwards in time: what is submitted again and fails at once is not met a second time.
			after = page.at(-1)?.id;
			await this.#retryPage(page, result);
			await new Promise<void>((resolve) => setImmediate(resolve));
		}
		return result;
	}

	async #retryPage(page: readonly Task[], result: RetriedDead): Promise<void> {
		const { ids, refused } = await this.#redriver.againAll(page);
		result.ids.push(...ids);
		result.left += refused.length;
		result.refused.push(...refused.slice(0, MAX_REFUSED - result.refused.length));
	}

	/** Puts dead letters away, all or nothing: they are kept, and listed no more. Resolves with how many. */
	async dropDead(filter: DeadFilter): Promise<number> {
		const limit = checkLimit(filter.limit);
		const { ids, type, code } = filter;
		const tasks =
			ids === undefined ? this.#reader.deadTasks({ type, code, limit }) : this.#named(ids).filter(isOpen(this.#ledger));
		const wrong = tasks.find(({ state }) => state !== "failed");
		if (wrong !== undefined) {
			throw new MusterError("E_CONFLICT", `the task ${wrong.id} is ${wrong.state} and no dead letter`, {
				hint: "List them with: muster dead",
			});
		}
		const at = this.#clock.now();
		await this.#ledger.transact((emit) => {
			for (const { id } of tasks) emit({ type: "task.redriven", at, id });
		});
		return tasks.length;
	}

	/** @throws E_TASK_UNKNOWN, E_INPUT_INVALID */
	#named(ids: readonly string[]): Task[] {
		if (ids.length > MAX_DEAD) throw new MusterError("E_INPUT_INVALID", `at most ${MAX_DEAD} ids at once`);
		return [...new Set(ids)].map((id) => this.#reader.find(id));
	}

	#check(scope: PauseScope | string): string {
		const text = scopeText(scope);
		const run = text.startsWith("run:") ? this.#reader.findRun(text.slice("run:".length)) : undefined;
		if (run === undefined || !isRunOver(run.state)) return text;
		throw new MusterError("E_CONFLICT", `the run ${run.id} is ${run.state}; nothing of it starts any more`);
	}
}

const isOpen =
	(ledger: Ledger) =>
	(task: Task): boolean =>
		!ledger.isRedriven(task) && ledger.task(redriveId(task.id)) === undefined;

/** @throws E_INPUT_INVALID */
function checkLimit(limit = MAX_DEAD): number {
	if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, MAX_DEAD);
	throw new MusterError("E_INPUT_INVALID", "limit must be a whole number above 0");
}
