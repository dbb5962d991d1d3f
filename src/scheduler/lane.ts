/** Ready tasks that the same agents can do and the same gates hold back, in their order. */
import { type Ranked, RankHeap, type ReadyTask } from "../task/ready-heap.ts";
import type { Gate } from "./gates.ts";
import { Pace } from "./pace.ts";

/** A task among the ready ones, in its lane. */
export interface Offer extends ReadyTask {
	lane: Lane;
}

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
	readonly pace = new Pace();
	/** Ready tasks in all lanes. */
	ready = 0;

	constructor(key: string, type: string, capabilities: readonly string[] | undefined) {
		this.key = key;
		this.type = type;
		this.capabilities = capabilities;
	}
}

export class Lane implements Ranked {
	readonly key: string;
	readonly demand: Demand;
	readonly gates: readonly Gate[];
	/** How many of its concurrency key may run. */
	readonly limit: number;
	readonly offers = new RankHeap<Offer>();
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
		for (const gate of gates) gate.lanes.add(this);
	}

	push(offer: Offer): void {
		this.offers.push(offer);
		if (this.demand.ready++ === 0) this.demand.pace.begin();
		if (this.offers.first() === offer) this.#firstChanged();
	}

	remove(offer: Offer): void {
		const wasFirst = this.offers.first() === offer;
		this.offers.remove(offer);
		this.demand.ready--;
		if (wasFirst) this.#firstChanged();
	}

	/** The first of its gates that is closed for it. */
	closedGate(): Gate | undefined {
		for (const gate of this.gates) if (!gate.isOpen(this)) return gate;
		return undefined;
	}

	park(gate: Gate): void {
		this.demand.heap.remove(this);
		this.parkedAt = gate;
		gate.parked.add(this);
	}

	unpark(): void {
		this.parkedAt?.parked.delete(this);
		this.parkedAt = undefined;
		if (this.offers.size > 0) this.#firstChanged();
	}

	/** Keeps its place among the lanes of its demand. */
	#firstChanged(): void {
		if (this.parkedAt !== undefined) return;
		const first = this.offers.first();
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
