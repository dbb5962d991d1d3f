/**
 * What may be taken: whether there is room, what a task depends on, and the keys that it shares with others. It knows the
 * state and, besides that, what is under way to the journal, so two submits at once see each other.
 */
import { MusterError } from "../errors.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { coalesceOf } from "../state.ts";
import type { NewTask } from "../task/task.ts";
import { PendingSubmits, type PendingTask } from "./pending-submits.ts";

/** Most tasks that an error names. */
const MAX_HOLDERS = 10;

export class Admission {
	/** Those under way that others can meet. */
	readonly pending = new PendingSubmits();
	readonly #ledger: Ledger;
	readonly #maxTasks: number;
	/** Tasks and runs that are under way: they have their room, but are not in the state yet. */
	#underWay = 0;

	constructor({ ledger, maxTasks }: { ledger: Ledger; maxTasks: number }) {
		this.#ledger = ledger;
		this.#maxTasks = maxTasks;
	}

	/** @param more tasks and runs @throws E_QUEUE_FULL */
	checkRoom(more: number): void {
		const held = this.#ledger.held + this.#ledger.state.runs.size + this.#underWay;
		if (held + more <= this.#maxTasks) return;
		throw new MusterError("E_QUEUE_FULL", `the queue holds ${held} of at most ${this.#maxTasks} tasks and runs`, {
			hint: "Submit again when some are done.",
			retryAfterMs: 1_000,
		});
	}

	/** Counts tasks and runs as taken while they are on their way into the state. Whether they have room is checked before. */
	async underWay<T>(items: number, work: () => Promise<T>): Promise<T> {
		this.#underWay += items;
		try {
			return await work();
		} finally {
			this.#underWay -= items;
		}
	}

	/**
	 * One that is under way is in the journal before anything that is submitted now.
	 * @throws E_DEPENDENCY_UNKNOWN, E_DEPENDENCY_FAILED
	 */
	checkDependency(id: string, task: NewTask): void {
		if (this.pending.get(id) !== undefined) return;
		const dependency = this.#ledger.task(id);
		if (dependency === undefined) {
			throw new MusterError("E_DEPENDENCY_UNKNOWN", `${task.type} depends on ${id}, and no task has this id`, {
				hint: "Submit the dependency first, or in the same batch as #0, #1 ...",
			});
		}
		if (dependency.endedAt === undefined || dependency.state === "completed") return;
		throw new MusterError("E_DEPENDENCY_FAILED", `${task.type} depends on ${id}, which was ${dependency.state}`);
	}

	/** @throws E_CONFLICT when its concurrency key has as many live tasks as it may, and it does not want to wait */
	checkLimit({ concurrency }: Pick<NewTask, "concurrency">, where: string): void {
		if (concurrency?.policy !== "reject") return;
		const { key, limit } = concurrency;
		const { keyed, tasks } = this.#ledger.state;
		const live = keyed.get(key);
		const holders = [...(live?.values().take(MAX_HOLDERS) ?? [])].map(({ id }) => id);
		let count = live?.size ?? 0;
		for (const id of this.pending.keyed(key)) {
			if (tasks.has(id)) continue;
			if (++count <= MAX_HOLDERS) holders.push(id);
		}
		if (count < limit) return;
		const message = `${where}${count} task(s) have the concurrency key "${key}"; ${limit} may: ${holders.join(", ")}`;
		throw new MusterError("E_CONFLICT", message, {
			retryable: true,
			hint: "Submit it when one of them is over, or let its policy be queue.",
			details: { key, limit, holders },
		});
	}

	/** The task that stands for this one already, by one of its keys. @throws E_IDEMPOTENCY_CONFLICT */
	known(task: NewTask): { id: string; pending?: PendingTask | undefined } | undefined {
		const { idempotencyKey, coalesceKey, type } = task;
		if (coalesceKey !== undefined) {
			const live = this.#ledger.state.coalesced.get(coalesceOf(type, coalesceKey));
			if (live !== undefined) return { id: live };
			const pending = this.pending.coalescing(task);
			return pending && { id: pending.task.id, pending };
		}
		if (idempotencyKey === undefined) return undefined;
		const pending = this.pending.ofKey(idempotencyKey);
		const known = pending?.task ?? this.#ledger.taskByKey(idempotencyKey);
		if (known === undefined) return undefined;
		if (known.fingerprint === task.fingerprint) return { id: known.id, pending };
		throw new MusterError(
			"E_IDEMPOTENCY_CONFLICT",
			`the idempotency key "${idempotencyKey}" belongs to ${known.id}, which is another task`,
			{
				hint: "Use a new key for new content.",
				details: { task: known.id },
			},
		);
	}

	/** From here on others meet it by its keys. @param pending gets it, when it has any */
	track(task: NewTask, pending: PendingTask[]): void {
		const entry = this.pending.add(task);
		if (entry !== undefined) pending.push(entry);
	}
}
