/** Steering the queue as a whole: pause, resume, drain, and dead letters in bulk. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { Task } from "../task/task.ts";
import type { Reader } from "./reader.ts";
import { type PauseScope, scopeText } from "./scope.ts";
import type { Submitter } from "./submitter.ts";

export interface PauseView {
	/** `all`, `type:T`, `workflow:W` or `run:R`. */
	scope: string;
	since: string;
	reason?: string;
}

/** Which dead letters. Nothing given: all of them. */
export interface DeadFilter {
	/** Of this task type. */
	type?: string;
	/** With this error code. */
	code?: string;
	/** Most of them. Default and at most 1,000; call again for more. */
	limit?: number;
}

const MAX_REASON = 500;
const MAX_DEAD = 1_000;

export class QueueControls {
	readonly #ledger: Ledger;
	readonly #dispatcher: Dispatcher;
	readonly #reader: Reader;
	readonly #submitter: Submitter;
	readonly #clock: Clock;

	constructor(parts: { ledger: Ledger; dispatcher: Dispatcher; reader: Reader; submitter: Submitter; clock: Clock }) {
		this.#ledger = parts.ledger;
		this.#dispatcher = parts.dispatcher;
		this.#reader = parts.reader;
		this.#submitter = parts.submitter;
		this.#clock = parts.clock;
	}

	/** Nothing of the scope starts from here on; resolves when that survives a restart. @throws E_INPUT_INVALID, E_RUN_UNKNOWN */
	async pause(scope: PauseScope | string, reason?: string): Promise<void> {
		const text = this.#check(scope);
		if (reason !== undefined && (typeof reason !== "string" || reason.length > MAX_REASON)) {
			throw new MusterError("E_INPUT_INVALID", `the reason must be a text of at most ${MAX_REASON} characters`);
		}
		if (this.#ledger.state.paused.has(text)) return this.#ledger.settled();
		const at = this.#clock.now();
		const stored = this.#ledger.transact((emit) =>
			emit({ type: "queue.paused", at, scope: text, ...(reason !== undefined && { reason }) }),
		);
		this.#dispatcher.pausedChanged(text);
		await stored;
	}

	async resume(scope: PauseScope | string): Promise<void> {
		const text = this.#check(scope);
		if (!this.#ledger.state.paused.has(text)) return this.#ledger.settled();
		const at = this.#clock.now();
		// Told when it is durable: what starts by it must not run before it is sure to go on.
		await this.#ledger.transact((emit) => emit({ type: "queue.resumed", at, scope: text }));
		this.#dispatcher.pausedChanged(text);
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
		return [...this.#ledger.state.paused].map(([scope, { at, reason }]) => ({
			...{ scope, since: new Date(at).toISOString() },
			...(reason !== undefined && { reason }),
		}));
	}

	/** Submits dead letters again, each once, one after the other. Resolves with the ids of the new tasks. */
	async retryDead(filter: DeadFilter): Promise<string[]> {
		const ids: string[] = [];
		// One that belongs to a run or a parent is done again with that, not alone.
		for (const task of this.#dead(filter)) {
			if (task.run === undefined && task.parent === undefined) ids.push(await this.#submitter.again(task));
		}
		return ids;
	}

	/** Puts dead letters away: they are kept, and listed no more. Resolves with how many. */
	async dropDead(filter: DeadFilter): Promise<number> {
		const tasks = this.#dead(filter);
		const at = this.#clock.now();
		await this.#ledger.transact((emit) => {
			for (const { id } of tasks) emit({ type: "task.redriven", at, id });
		});
		return tasks.length;
	}

	#dead({ type, code, limit = MAX_DEAD }: DeadFilter): Task[] {
		if (!Number.isInteger(limit) || limit < 1)
			throw new MusterError("E_INPUT_INVALID", "limit must be a whole number above 0");
		return this.#reader.deadTasks({ type, code, limit: Math.min(limit, MAX_DEAD) });
	}

	#check(scope: PauseScope | string): string {
		const text = scopeText(scope);
		if (text.startsWith("run:")) this.#reader.findRun(text.slice("run:".length));
		return text;
	}
}
