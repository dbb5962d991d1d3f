/**
 * Tasks that were submitted and are not in the state yet. What the state knows by key it cannot know of these, and a submit
 * that comes meanwhile has to see them all the same. Only tasks that others can meet by a key are kept.
 */
import { coalesceOf } from "../state.ts";
import type { NewTask } from "../task/task.ts";

export interface PendingTask {
	readonly task: NewTask;
	/** Resolves when it is durable; set when it is handed to the journal. */
	stored: Promise<void>;
}

export class PendingSubmits {
	readonly #byId = new Map<string, PendingTask>();
	readonly #byKey = new Map<string, PendingTask>();
	readonly #coalesced = new Map<string, PendingTask>();
	/** Ids by concurrency key. */
	readonly #keyed = new Map<string, Set<string>>();

	add(task: NewTask): PendingTask | undefined {
		const { id, idempotencyKey, coalesceKey, concurrency, retryOf } = task;
		if ((idempotencyKey ?? coalesceKey ?? concurrency ?? retryOf) === undefined) return undefined;
		const pending = { task, stored: Promise.resolve() };
		this.#byId.set(id, pending);
		if (idempotencyKey !== undefined) this.#byKey.set(idempotencyKey, pending);
		if (coalesceKey !== undefined) this.#coalesced.set(coalesceOf(task.type, coalesceKey), pending);
		if (concurrency !== undefined) {
			const ids = this.#keyed.get(concurrency.key);
			if (ids) ids.add(id);
			else this.#keyed.set(concurrency.key, new Set([id]));
		}
		return pending;
	}

	/** They are in the state from now on, or never will be. */
	delete(tasks: readonly PendingTask[]): void {
		for (const { task } of tasks) {
			const { id, idempotencyKey, coalesceKey, concurrency } = task;
			this.#byId.delete(id);
			if (idempotencyKey !== undefined) this.#byKey.delete(idempotencyKey);
			if (coalesceKey !== undefined) this.#coalesced.delete(coalesceOf(task.type, coalesceKey));
			const ids = concurrency && this.#keyed.get(concurrency.key);
			if (concurrency !== undefined && ids?.delete(id) && ids.size === 0) this.#keyed.delete(concurrency.key);
		}
	}

	get(id: string): PendingTask | undefined {
		return this.#byId.get(id);
	}

	ofKey(idempotencyKey: string): PendingTask | undefined {
		return this.#byKey.get(idempotencyKey);
	}

	/** The one that a task coalesces with. */
	coalescing({ type, coalesceKey }: NewTask): PendingTask | undefined {
		return coalesceKey === undefined ? undefined : this.#coalesced.get(coalesceOf(type, coalesceKey));
	}

	/** Ids by concurrency key; while a large batch is folded in, some of them are in the state already. */
	keyed(concurrencyKey: string): Iterable<string> {
		return this.#keyed.get(concurrencyKey) ?? [];
	}
}
