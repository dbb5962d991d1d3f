/**
 * Ready tasks meet capable agents. Synchronous: a match takes the task out of its queue and a slot of the agent in one
 * step, with nothing awaited in between, so no two agents ever hold one task.
 */
import { ReadyQueue } from "../task/ready-queue.ts";
import { priorities, type Task } from "../task/task.ts";
import { demandOf, type Pool, type Registry, type Seat } from "./registry.ts";

interface Lane {
	type: string;
	capabilities: readonly string[] | undefined;
	queue: ReadyQueue;
}

export class Matcher {
	readonly #registry: Registry;
	/** One lane for each demand that has ready tasks. */
	readonly #lanes = new Map<string, Lane>();
	#ticket = 0;

	constructor(registry: Registry) {
		this.#registry = registry;
	}

	offer(task: Task): void {
		const key = demand(task);
		let lane = this.#lanes.get(key);
		if (lane === undefined) {
			lane = { type: task.type, capabilities: task.capabilities, queue: new ReadyQueue() };
			this.#lanes.set(key, lane);
		}
		lane.queue.push(task, ++this.#ticket);
	}

	/** The task will not be offered any more (cancelled, deadline). */
	withdraw(task: Task): void {
		const lane = this.#lanes.get(demand(task));
		if (!lane?.queue.delete(task)) return;
		if (lane.queue.size === 0) this.#lanes.delete(demand(task));
	}

	/** The next start: highest priority first, then in the order of becoming ready; the least-loaded capable agent. */
	next(): { task: Task; seat: Seat } | undefined {
		for (let rank = 0; rank < priorities.length; rank++) {
			let best: { lane: Lane; task: Task; ticket: number; pools: Pool[] } | undefined;
			for (const lane of this.#lanes.values()) {
				const first = lane.queue.peek(rank);
				if (first === undefined || (best !== undefined && first.ticket > best.ticket)) continue;
				const pools = this.#registry.able(lane.type, lane.capabilities);
				if (pools.some((pool) => pool.free > 0)) best = { lane, ...first, pools };
			}
			if (best === undefined) continue;
			best.lane.queue.shift(rank);
			if (best.lane.queue.size === 0) this.#lanes.delete(demand(best.task));
			const seat = leastLoaded(best.pools);
			this.#registry.take(seat);
			return { task: best.task, seat };
		}
		return undefined;
	}
}

function leastLoaded(pools: readonly Pool[]): Seat {
	let best: { seat: Seat; share: number } | undefined;
	for (const pool of pools) {
		const least = pool.least();
		if (least !== undefined && (best === undefined || least.share < best.share)) best = least;
	}
	return (best as { seat: Seat }).seat;
}

const demand = ({ type, capabilities }: Task): string => demandOf(type, capabilities);
