/** The policy `cancel-previous` of concurrency keys: beyond the limit the oldest live tasks give way to the newest. */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";
import type { Canceller } from "./canceller.ts";

export interface SupersederParts {
	state: State;
	canceller: Pick<Canceller, "cancelTask">;
	log: Log;
}

export class Superseder {
	readonly #parts: SupersederParts;
	/** Tasks that were told to give way and still run; they count until they have ended, and are told once. */
	readonly #giving = new WeakSet<Task>();

	constructor(parts: SupersederParts) {
		this.#parts = parts;
	}

	/** Durable: the task is live. Call it before the task is offered, so that none of those it takes the place of starts. */
	placed(task: Task): void {
		const { concurrency } = task;
		if (concurrency?.policy !== "cancel-previous" || isTerminal(task.state)) return;
		const live = this.#parts.state.keyed.get(concurrency.key);
		let beyond = (live?.size ?? 0) - concurrency.limit;
		if (live === undefined || beyond <= 0) return;
		const message = `superseded by ${task.id}, which has the same concurrency key`;
		const error = toErrorData(new MusterError("E_CANCELLED", message));
		for (const previous of live) {
			// Only what is older gives way: a task that is tried again takes no newer one's place.
			if (previous === task || beyond-- === 0) return;
			this.#giveWay(previous, error);
		}
	}

	/** After a start: the process may have died between a submit and the cancel that follows from it. */
	recover(): void {
		for (const live of this.#parts.state.keyed.values()) {
			const newest = [...live].findLast(({ concurrency }) => concurrency?.policy === "cancel-previous");
			if (newest !== undefined) this.placed(newest);
		}
	}

	#giveWay(task: Task, error: ErrorData): void {
		if (this.#giving.has(task)) return;
		this.#giving.add(task);
		this.#parts.canceller.cancelTask(task, error).catch((failure: unknown) => {
			this.#parts.log.error(`task ${task.id} could not be cancelled`, { error: toErrorData(failure).message });
		});
	}
}
