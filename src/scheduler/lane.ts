/** Ready tasks that the same agents can do and the same gates hold back, in their order. */
import { type Ranked, RankHeap, type ReadyTask } from "../task/ready-heap.ts";
import type { Gate } from "./gates.ts";

/** What tasks ask of an agent. */
export class Demand {
	readonly key: string;
	readonly type: string;
	readonly capabilities: readonly string[] | undefined;
	/** The lane without gates: that of most tasks. */
	plain: Lane | undefined;
	/** The others, by the key of their gates. */
	readonly lanes = new Map<string, Lane>();
	/** Lanes that are not parked, by their first task. */
	readonly heap = new RankHeap<Lane>();
	/** Ready tasks in all lanes. */
	ready = 0;
	/** Time between two starts, a moving average over about ten; undefined before the second. */
	startEveryMs: number | undefined;
	#startedMs: number | undefined;

	constructor(key: string, type: string, capabilities: readonly string[] | undefined) {
		this.key = key;
		this.type = type;
		this.capabilities = capabilities;
	}

	started(nowMs: number): void {
		if (this.#startedMs !== undefined) {
			const passed = nowMs - this.#startedMs;
			this.startEveryMs = this.startEveryMs === undefined ? passed : 0.9 * this.startEveryMs + 0.1 * passed;
		}
		this.#startedMs = nowMs;
	}
}

export class Lane implements Ranked {
	readonly key: string;
	readonly demand: Demand;
	readonly gates: readonly Gate[];
	/** How many of its concurrency key may run. */
	readonly limit: number;
	readonly tasks = new RankHeap<ReadyTask>();
	/** The gate that holds it back. */
	parkedAt: Gate | undefined;
	rank = 0;
	ticket = 0;
	place = -1;

	constructor(key: string, demand: Demand, gates: readonly Gate[], limit: number) {
		this.key = key;
		this.demand = demand;
		this.gates = gates;
		this.limit = limit;
		for (const gate of gates) gate.users++;
	}

	push(ready: ReadyTask): void {
		this.tasks.push(ready);
		this.demand.ready++;
		if (this.tasks.first() === ready) this.#firstChanged();
	}

	remove(ready: ReadyTask): void {
		const wasFirst = this.tasks.first() === ready;
		this.tasks.remove(ready);
		this.demand.ready--;
		if (wasFirst) this.#firstChanged();
	}

	park(gate: Gate): void {
		this.demand.heap.remove(this);
		this.parkedAt = gate;
		gate.parked.add(this);
	}

	unpark(): void {
		this.parkedAt?.parked.delete(this);
		this.parkedAt = undefined;
		if (this.tasks.size > 0) this.#firstChanged();
	}

	/** Keeps its place among the lanes of its demand. */
	#firstChanged(): void {
		if (this.parkedAt !== undefined) return;
		const first = this.tasks.first();
		if (first === undefined) {
			this.demand.heap.remove(this);
			return;
		}
		this.rank = first.rank;
		this.ticket = first.ticket;
		if (this.place === -1) this.demand.heap.push(this);
		else this.demand.heap.moved(this);
	}
}
