/**
 * The agents: who can do what, how loaded each is, and how it fares. Finds the least-loaded capable one in constant time.
 *
 * Agents with the same capabilities and the same number of slots form a pool; inside it they stand in one list for each
 * load, so the least loaded is at the head of the first list that is not empty. Taking from the head and returning to the
 * tail spreads work evenly.
 *
 * Invariants
 * A1  An agent stands in its pool's list for its load exactly while it may take work: ready or busy, a slot free.
 * A2  0 <= running <= concurrency.
 */
import { MusterError } from "../errors.ts";
import type { Performer } from "./performer.ts";

export type AgentState = "initializing" | "ready" | "busy" | "draining" | "unhealthy" | "stopped";

export interface AgentStats {
	completed: number;
	failed: number;
	/** Attempts taken away because the agent showed no life. */
	lost: number;
	/** Attempts that did not end within the grace after their signal was aborted. */
	abandoned: number;
}

export class Seat {
	readonly performer: Performer;
	readonly pool: Pool;
	readonly stats: AgentStats = { completed: 0, failed: 0, lost: 0, abandoned: 0 };
	state: AgentState = "initializing";
	running = 0;
	/** Monotonic clock. */
	lastSeenMs = 0;
	/** Neighbours in the pool's list; managed by {@link Pool}. */
	previous: Seat | undefined;
	next: Seat | undefined;
	listed: number | undefined;

	constructor(performer: Performer, pool: Pool) {
		this.performer = performer;
		this.pool = pool;
	}

	get name(): string {
		return this.performer.name;
	}
}

interface List {
	head: Seat | undefined;
	tail: Seat | undefined;
}

export class Pool {
	readonly capabilities: ReadonlySet<string>;
	readonly concurrency: number;
	readonly #lists: List[];
	#free = 0;
	/** Agents that are not stopped. */
	members = 0;

	constructor(capabilities: ReadonlySet<string>, concurrency: number) {
		this.capabilities = capabilities;
		this.concurrency = concurrency;
		this.#lists = Array.from({ length: concurrency }, () => ({ head: undefined, tail: undefined }));
	}

	/** Agents that may take work now. */
	get free(): number {
		return this.#free;
	}

	/** The least loaded agent with a free slot, and its load as a share of its slots. */
	least(): { seat: Seat; share: number } | undefined {
		if (this.#free === 0) return undefined;
		for (let load = 0; load < this.#lists.length; load++) {
			const seat = this.#lists[load]?.head;
			if (seat !== undefined) return { seat, share: load / this.concurrency };
		}
		throw new MusterError("E_INTERNAL", "a pool counts free agents but lists none");
	}

	/** Puts the agent where its state and load say; A1. */
	place(seat: Seat): void {
		this.#unlist(seat);
		const mayWork = seat.state === "ready" || seat.state === "busy";
		if (!mayWork || seat.running >= this.concurrency) return;
		const list = this.#lists[seat.running] as List;
		seat.listed = seat.running;
		seat.previous = list.tail;
		seat.next = undefined;
		if (list.tail) list.tail.next = seat;
		else list.head = seat;
		list.tail = seat;
		this.#free++;
	}

	#unlist(seat: Seat): void {
		if (seat.listed === undefined) return;
		const list = this.#lists[seat.listed] as List;
		if (seat.previous) seat.previous.next = seat.next;
		else list.head = seat.next;
		if (seat.next) seat.next.previous = seat.previous;
		else list.tail = seat.previous;
		seat.previous = undefined;
		seat.next = undefined;
		seat.listed = undefined;
		this.#free--;
	}
}

/** The key of what a task asks for: equal for tasks that the same agents can do. */
export const demandOf = (type: string, capabilities: readonly string[] | undefined): string =>
	capabilities === undefined ? type : [type, ...capabilities].join("|");

export class Registry {
	readonly #seats = new Map<string, Seat>();
	readonly #pools = new Map<string, Pool>();
	/** Pools able to do a demand; emptied when a pool is added. */
	readonly #able = new Map<string, Pool[]>();

	get seats(): Iterable<Seat> {
		return this.#seats.values();
	}

	get size(): number {
		return this.#seats.size;
	}

	/** @throws E_CONFLICT when the name is taken, E_CONFIG_INVALID for a number of slots that makes no sense */
	add(performer: Performer): Seat {
		const { name, concurrency } = performer;
		if (this.#seats.has(name)) throw new MusterError("E_CONFLICT", `there is an agent named "${name}" already`);
		if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 10_000) {
			throw new MusterError(
				"E_CONFIG_INVALID",
				`agent "${name}" has concurrency ${concurrency}; 1 to 10000 are possible`,
			);
		}
		const key = `${concurrency}|${[...performer.capabilities].sort().join("|")}`;
		let pool = this.#pools.get(key);
		if (pool === undefined) {
			pool = new Pool(new Set(performer.capabilities), concurrency);
			this.#pools.set(key, pool);
			this.#able.clear();
		}
		const seat = new Seat(performer, pool);
		pool.members++;
		this.#seats.set(name, seat);
		return seat;
	}

	remove(seat: Seat): void {
		if (this.#seats.get(seat.name) !== seat) return;
		this.setState(seat, "stopped");
		this.#seats.delete(seat.name);
		seat.pool.members--;
		if (seat.pool.members > 0) return;
		for (const [key, pool] of this.#pools) if (pool === seat.pool) this.#pools.delete(key);
		this.#able.clear();
	}

	get(name: string): Seat | undefined {
		return this.#seats.get(name);
	}

	setState(seat: Seat, state: AgentState): void {
		seat.state = state;
		seat.pool.place(seat);
	}

	take(seat: Seat): void {
		seat.running++;
		if (seat.state === "ready") seat.state = "busy";
		seat.pool.place(seat);
	}

	giveBack(seat: Seat): void {
		seat.running--;
		if (seat.running === 0 && seat.state === "busy") seat.state = "ready";
		seat.pool.place(seat);
	}

	/** The pools whose agents can do a task of this type that also wants these capabilities. */
	able(type: string, capabilities: readonly string[] | undefined): Pool[] {
		const demand = demandOf(type, capabilities);
		let pools = this.#able.get(demand);
		if (pools === undefined) {
			const wanted = [type, ...(capabilities ?? [])];
			pools = [...this.#pools.values()].filter((pool) => wanted.every((name) => pool.capabilities.has(name)));
			if (this.#able.size > 10_000) this.#able.clear();
			this.#able.set(demand, pools);
		}
		return pools;
	}

	/** Whether any agent that is not stopped could do it. */
	canDo(type: string, capabilities: readonly string[] | undefined): boolean {
		return this.able(type, capabilities).some((pool) => pool.members > 0);
	}
}
