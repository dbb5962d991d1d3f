/** When a task that waits for its concurrency key may have its turn: from how long the last tasks of each type held a key. */
import type { Task } from "../task/task.ts";
import type { LimitGate } from "./gates.ts";
import type { Offer } from "./lane.ts";

/** Of so many the older half is forgotten. */
const MOST = 64;

export class Turns {
	/** Since when those that hold a key do; monotonic. */
	readonly #since = new Map<Task, number>();
	/** Types of tasks that agents can do: few. */
	readonly #types = new Map<string, { count: number; totalMs: number }>();

	began(task: Task, nowMs: number): void {
		this.#since.set(task, nowMs);
	}

	ended(task: Task, nowMs: number): void {
		const sinceMs = this.#since.get(task);
		if (sinceMs === undefined) return;
		this.#since.delete(task);
		const held = this.#types.get(task.type) ?? { count: 0, totalMs: 0 };
		held.count++;
		held.totalMs += nowMs - sinceMs;
		if (held.count >= MOST) {
			held.count /= 2;
			held.totalMs /= 2;
		}
		this.#types.set(task.type, held);
	}

	/**
	 * The turns before it, one of those that hold the key and one for each task ahead, shared among as many as may run; agents
	 * and other limits may make it later. Undefined when one of them is of a type of which none has ended yet.
	 */
	estimateMs(offer: Offer, gate: LimitGate, nowMs: number): number | undefined {
		let turnsMs = this.#holderMs(gate, nowMs);
		for (const { lane, count } of gate.ahead(offer)) {
			const eachMs = count === 0 ? 0 : this.#typicalMs(lane.demand.type);
			if (turnsMs === undefined || eachMs === undefined) return undefined;
			turnsMs += count * eachMs;
		}
		return turnsMs && Math.ceil(turnsMs / offer.lane.limit);
	}

	/** How long one that holds the key takes; when even the newest of them has taken longer than usual, as long as that. */
	#holderMs({ holders }: LimitGate, nowMs: number): number | undefined {
		const [newest] = [...holders].slice(-1);
		const usualMs = newest && this.#typicalMs(newest.type);
		return newest && usualMs && Math.max(usualMs, nowMs - (this.#since.get(newest) ?? nowMs));
	}

	#typicalMs(type: string): number | undefined {
		const held = this.#types.get(type);
		return held && held.totalMs / held.count;
	}
}
