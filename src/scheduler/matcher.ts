/**
 * Ready tasks meet capable agents. Synchronous: a match takes the task out of its lane, a slot of the agent and its place at
 * every gate in one step, with nothing awaited in between, so no two agents ever hold one task and no limit is passed.
 */
import type { Clock } from "../clock.ts";
import type { State } from "../state.ts";
import { goesBefore, type ReadyTask, rankOf } from "../task/ready-heap.ts";
import { isSuspect } from "../task/settle.ts";
import type { RateLimit, Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { type Gate, LimitGate, PauseGate, RateGate, SuspectGate } from "./gates.ts";
import { Demand, Lane } from "./lane.ts";
import { demandOf, type Pool, type Registry, type Seat } from "./registry.ts";

export interface Limits {
	/** Tasks at the same time, all together. */
	running?: number | undefined;
	/** The same of each type. */
	types: { readonly [type: string]: number };
}

export interface MatcherParts {
	registry: Registry;
	clock: Clock;
	state: State;
	limits: Limits;
	agingMs: number;
	/** Asks to be told after this long, by {@link Matcher.rateOpens}. */
	wakeIn(rateKey: string, delayMs: number): void;
}

export class Matcher {
	readonly #parts: MatcherParts;
	/** Those that have ready tasks. */
	readonly #demands = new Map<string, Demand>();
	readonly #gates = new Map<string, Gate>();
	/** Gates that running tasks hold. */
	readonly #held = new Map<Task, readonly Gate[]>();
	readonly #running = new Map<string, number>();
	/** How long a root (a run, a task that others belong to) had waited when it was let in. */
	readonly #waited = new WeakMap<object, number>();
	/** The lane of each ready task. */
	readonly #lanes = new WeakMap<ReadyTask, Lane>();
	readonly #bornMs: number;
	#runningInAll = 0;
	#ticket = 0;

	constructor(parts: MatcherParts) {
		this.#parts = parts;
		this.#bornMs = parts.clock.monotonic();
	}

	/** @param readyMs monotonic; earlier than now for one that waited before this process began */
	offer(task: Task, readyMs = this.#parts.clock.monotonic()): void {
		if (task.ready !== undefined) this.withdraw(task);
		const lane = this.#laneOf(task);
		const rank = rankOf(task.priority, readyMs, this.#parts.agingMs, this.#credit(task));
		const ready: ReadyTask = { task, readyMs, rank, ticket: ++this.#ticket, place: -1 };
		task.ready = ready;
		this.#lanes.set(ready, lane);
		lane.push(ready);
	}

	/** The task will not be offered any more (cancelled, deadline). */
	withdraw(task: Task): void {
		const lane = task.ready && this.#lanes.get(task.ready);
		if (task.ready === undefined || lane === undefined) return;
		lane.remove(task.ready);
		task.ready = undefined;
		this.#dropIfEmpty(lane);
	}

	/** The next start: by rank among all that may start; the least-loaded capable agent. */
	next(): { task: Task; seat: Seat } | undefined {
		const { registry, state, limits, clock } = this.#parts;
		if (state.paused.has("all") || this.#runningInAll >= (limits.running ?? Number.POSITIVE_INFINITY)) return undefined;
		let best: { lane: Lane; pools: Pool[] } | undefined;
		for (const demand of this.#demands.values()) {
			const top = demand.heap.first();
			if (top === undefined || (best !== undefined && goesBefore(best.lane, top))) continue;
			if (this.#isTypeHeld(demand.type)) continue;
			const pools = registry.able(demand.type, demand.capabilities);
			if (!pools.some((pool) => pool.free > 0)) continue;
			const lane = this.#firstOpen(demand);
			if (lane !== undefined && (best === undefined || goesBefore(lane, best.lane))) best = { lane, pools };
		}
		if (best === undefined) return undefined;
		const { lane, pools } = best;
		const ready = lane.tasks.first() as ReadyTask;
		const nowMs = clock.monotonic();
		this.#take(lane, ready, nowMs);
		const seat = leastLoaded(pools);
		registry.take(seat);
		return { task: ready.task, seat };
	}

	/** The task runs no more: what it held is free. */
	release(task: Task): void {
		this.#runningInAll--;
		const left = (this.#running.get(task.type) ?? 1) - 1;
		if (left > 0) this.#running.set(task.type, left);
		else this.#running.delete(task.type);
		const gates = this.#held.get(task);
		if (gates === undefined) return;
		this.#held.delete(task);
		for (const gate of gates) {
			if (gate.release(task)) this.#open(gate);
			this.#forgetIfIdle(gate);
		}
	}

	/** Nothing of a rate key starts for this long. */
	freeze(rate: RateLimit, delayMs: number): void {
		this.#rateGate(rate).freeze(delayMs);
	}

	/** The time has come that was asked for with `wakeIn`. */
	rateOpens(rateKey: string): void {
		const gate = this.#gates.get(`rate ${rateKey}`);
		if (gate === undefined) return;
		this.#open(gate);
		this.#forgetIfIdle(gate);
	}

	/** The scope may have been resumed. */
	resumed(scope: string): void {
		const gate = this.#gates.get(`pause ${scope}`);
		if (gate !== undefined) this.#open(gate);
	}

	/** What holds a ready task back, for {@link whyWaiting}; undefined when it is agents alone. */
	heldBy(task: Task): { gate: Gate } | { type: string; limit: number } | { limit: number } | undefined {
		const { limits } = this.#parts;
		const lane = task.ready && this.#lanes.get(task.ready);
		const gate = lane?.gates.find((candidate) => !candidate.isOpen(lane));
		if (gate !== undefined) return { gate };
		const limit = limits.types[task.type];
		if (limit !== undefined && (this.#running.get(task.type) ?? 0) >= limit) return { type: task.type, limit };
		if (limits.running !== undefined && this.#runningInAll >= limits.running) return { limit: limits.running };
		return undefined;
	}

	/**
	 * When the last of all ready tasks that the same agents can do has started, at the pace of the last starts: an upper
	 * estimate in milliseconds. Undefined before two of them have started.
	 */
	estimateMs({ type, capabilities }: Task): number | undefined {
		const demand = this.#demands.get(demandOf(type, capabilities));
		if (demand?.startEveryMs === undefined) return undefined;
		return Math.ceil(demand.ready * demand.startEveryMs);
	}

	/** Keys that are held or waited for. */
	get gates(): number {
		return this.#gates.size;
	}

	#take(lane: Lane, ready: ReadyTask, nowMs: number): void {
		const { task } = ready;
		lane.remove(ready);
		task.ready = undefined;
		lane.demand.started(nowMs);
		this.#runningInAll++;
		this.#running.set(task.type, (this.#running.get(task.type) ?? 0) + 1);
		if (lane.gates.length > 0) {
			for (const gate of lane.gates) gate.take(task);
			this.#held.set(task, lane.gates);
		}
		const root = this.#rootOf(task);
		if (!this.#waited.has(root)) this.#waited.set(root, nowMs - ready.readyMs);
		this.#dropIfEmpty(lane);
	}

	#isTypeHeld(type: string): boolean {
		const { state, limits } = this.#parts;
		if (state.paused.size > 0 && state.paused.has(`type:${type}`)) return true;
		const limit = limits.types[type];
		return limit !== undefined && (this.#running.get(type) ?? 0) >= limit;
	}

	/** Its first lane whose gates are all open; the others on the way are parked. */
	#firstOpen(demand: Demand): Lane | undefined {
		for (let lane = demand.heap.first(); lane !== undefined; lane = demand.heap.first()) {
			const closed = lane.gates.find((gate) => !gate.isOpen(lane));
			if (closed === undefined) return lane;
			lane.park(closed);
			if (closed instanceof RateGate) this.#parts.wakeIn(rateKeyOf(lane), closed.opensInMs());
		}
		return undefined;
	}

	#open(gate: Gate): void {
		for (const lane of [...gate.parked]) lane.unpark();
	}

	#laneOf(task: Task): Lane {
		const demand = this.#demandFor(task);
		const plain = task.concurrency === undefined && task.rate === undefined && task.run === undefined;
		if (plain && !isSuspect(task) && task.parent === undefined) {
			demand.plain ??= new Lane("", demand, [], 0);
			return demand.plain;
		}
		const { concurrency, rate } = task;
		const scopes = this.#scopesOf(task);
		const limit = concurrency === undefined ? "" : `${concurrency.limit} ${concurrency.key}`;
		const key = [isSuspect(task) ? "suspect" : "", limit, rate?.key ?? "", ...scopes].join("\n");
		let lane = demand.lanes.get(key);
		if (lane === undefined) {
			const gates: Gate[] = scopes.map((scope) =>
				this.#gate(`pause ${scope}`, () => new PauseGate(scope, this.#parts.state.paused)),
			);
			if (isSuspect(task)) gates.push(this.#gate("suspect", () => new SuspectGate()));
			if (concurrency !== undefined) gates.push(this.#gate(`limit ${concurrency.key}`, () => new LimitGate()));
			if (rate !== undefined) gates.push(this.#rateGate(rate));
			lane = new Lane(key, demand, gates, concurrency?.limit ?? 1);
			demand.lanes.set(key, lane);
		}
		if (rate !== undefined) this.#rateGate(rate).rate = rate;
		return lane;
	}

	#demandFor({ type, capabilities }: Task): Demand {
		const key = demandOf(type, capabilities);
		let demand = this.#demands.get(key);
		if (demand === undefined) {
			demand = new Demand(key, type, capabilities);
			this.#demands.set(key, demand);
		}
		return demand;
	}

	/** The pauses that concern it: of the workflows above it, and of runs above it that are paused now. */
	#scopesOf(task: Task): string[] {
		const { runs, paused } = this.#parts.state;
		const scopes: string[] = [];
		const { run: place } = this.#topOf(task);
		for (let run = place && runs.get(place.id); run !== undefined; run = run.parent && runs.get(run.parent.id)) {
			scopes.push(`workflow:${run.workflow}`);
			if (paused.size > 0 && paused.has(`run:${run.id}`)) scopes.push(`run:${run.id}`);
		}
		return scopes;
	}

	/** The task that is nobody's child. */
	#topOf(task: Task): Task {
		const { tasks } = this.#parts.state;
		let top = task;
		while (top.parent !== undefined) {
			const above = tasks.get(top.parent);
			if (above === undefined) return top;
			top = above;
		}
		return top;
	}

	/** What it is a part of: the outermost run, the task that delegated first, or itself. */
	#rootOf(task: Task): Task | Run {
		const { runs } = this.#parts.state;
		const top = this.#topOf(task);
		let run = top.run && runs.get(top.run.id);
		for (let above = run; above !== undefined; above = above.parent && runs.get(above.parent.id)) run = above;
		return run ?? top;
	}

	/** How long its root had waited, if that was let in; after a restart that is not known any more and counts as 0. */
	#credit(task: Task): number | undefined {
		if (task.run === undefined && task.parent === undefined && task.attempts === 0) return undefined;
		const root = this.#rootOf(task);
		const waited = this.#waited.get(root);
		if (waited !== undefined) return waited;
		const begun = "over" in root ? root.over > 0 : root.attempts > 0;
		return begun ? 0 : undefined;
	}

	#rateGate(rate: RateLimit): RateGate {
		const { clock } = this.#parts;
		return this.#gate(`rate ${rate.key}`, () => new RateGate(rate, this.#bornMs, () => clock.monotonic())) as RateGate;
	}

	#gate(key: string, make: () => Gate): Gate {
		let gate = this.#gates.get(key);
		if (gate === undefined) {
			gate = make();
			gate.key = key;
			this.#gates.set(key, gate);
		}
		return gate;
	}

	#dropIfEmpty(lane: Lane): void {
		if (lane.tasks.size > 0) return;
		const { demand } = lane;
		if (lane.parkedAt !== undefined) lane.unpark();
		if (lane.gates.length > 0) {
			demand.lanes.delete(lane.key);
			for (const gate of lane.gates) {
				gate.users--;
				this.#forgetIfIdle(gate);
			}
		}
		if (demand.ready === 0) this.#demands.delete(demand.key);
	}

	#forgetIfIdle(gate: Gate): void {
		if (gate.users > 0) return;
		if (gate.idle) this.#gates.delete(gate.key);
		else if (gate instanceof RateGate) this.#parts.wakeIn(gate.key.slice("rate ".length), gate.fullInMs());
	}
}

const rateKeyOf = (lane: Lane): string =>
	lane.gates.find((gate) => gate instanceof RateGate)?.key.slice("rate ".length) ?? "";

function leastLoaded(pools: readonly Pool[]): Seat {
	let best: { seat: Seat; share: number } | undefined;
	for (const pool of pools) {
		const least = pool.least();
		if (least !== undefined && (best === undefined || least.share < best.share)) best = least;
	}
	return (best as { seat: Seat }).seat;
}
