/**
 * Ready tasks meet capable agents. Synchronous: a match takes the task out of its lane, a slot of the agent and its place at
 * every gate in one step, with nothing awaited in between, so no two agents ever hold one task and no limit is passed.
 */
import type { Clock } from "../clock.ts";
import type { State } from "../state.ts";
import { goesBefore, rankOf } from "../task/ready-heap.ts";
import type { RateLimit, Task } from "../task/task.ts";
import { Credits } from "./credits.ts";
import { type Gate, LimitGate, RateGate } from "./gates.ts";
import type { Demand, Lane, Offer } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { runsOf } from "./lineage.ts";
import { type Full, type Limits, Quota } from "./quota.ts";
import type { Pool, Registry, Seat } from "./registry.ts";
import { Turns } from "./turns.ts";

export interface MatcherParts {
	registry: Registry;
	clock: Clock;
	state: State;
	limits: Limits;
	/** Waiting for this long counts as much as one level of priority. */
	agingMs: number;
	/** Asks to be told after this long, by {@link Matcher.rateOpens}. */
	wakeIn(rateKey: string, delayMs: number): void;
}

/** What holds back a ready task besides the agents: a gate that is closed for it, or as many run as the limit says. */
export type Held = { gate: Gate } | Full;

/** Nobody but the matcher puts tasks among the ready ones. */
const offerOf = ({ ready }: Task): Offer | undefined => ready as Offer | undefined;

export class Matcher {
	readonly #parts: MatcherParts;
	readonly #lanes: Lanes;
	readonly #quota: Quota;
	readonly #credits: Credits;
	/** Gates that running tasks hold. */
	readonly #held = new Map<Task, readonly Gate[]>();
	readonly #turns = new Turns();
	#ticket = 0;

	constructor(parts: MatcherParts) {
		this.#parts = parts;
		this.#lanes = new Lanes(parts);
		this.#quota = new Quota(parts.limits);
		this.#credits = new Credits(parts.state, parts.agingMs / 2);
	}

	/** @param readyMs monotonic; earlier than now for one that waited before this process began */
	offer(task: Task, readyMs = this.#parts.clock.monotonic()): void {
		if (task.ready !== undefined) this.withdraw(task);
		const lane = this.#lanes.laneOf(task);
		const rank = rankOf(task.priority, readyMs, this.#parts.agingMs, this.#credits.of(task));
		const offer: Offer = { task, lane, readyMs, rank, ticket: ++this.#ticket, place: -1 };
		task.ready = offer;
		lane.push(offer);
	}

	/** The task will not be offered any more (cancelled, deadline). */
	withdraw(task: Task): void {
		const offer = offerOf(task);
		if (offer === undefined) return;
		task.ready = undefined;
		offer.lane.remove(offer);
		this.#lanes.dropIfEmpty(offer.lane);
	}

	/** The next start: by rank among all that may start; the least-loaded capable agent. */
	next(): { task: Task; seat: Seat } | undefined {
		const { registry, state } = this.#parts;
		if (state.paused.has("all") || this.#quota.full !== undefined) return undefined;
		let best: { lane: Lane; pools: Pool[] } | undefined;
		for (const demand of this.#lanes.demands) {
			const top = demand.heap.first();
			if (top === undefined || (best !== undefined && goesBefore(best.lane, top))) continue;
			if (this.#isHeld(demand)) continue;
			const pools = registry.able(demand.type, demand.capabilities);
			if (!pools.some((pool) => pool.free > 0)) continue;
			const lane = this.#firstOpen(demand);
			if (lane !== undefined && (best === undefined || goesBefore(lane, best.lane))) best = { lane, pools };
		}
		if (best === undefined) return undefined;
		const task = this.#take(best.lane);
		const seat = leastLoaded(best.pools);
		registry.take(seat);
		return { task, seat };
	}

	/** The task runs no more: what it held is free. */
	release(task: Task): void {
		this.#quota.release(task.type);
		const gates = this.#held.get(task);
		if (gates === undefined) return;
		this.#held.delete(task);
		this.#turns.ended(task, this.#parts.clock.monotonic());
		for (const gate of gates) this.#lanes.release(gate, task);
	}

	/** Nothing of a rate key starts for this long. */
	freeze(rate: RateLimit, delayMs: number): void {
		this.#lanes.freeze(rate, delayMs);
	}

	/** The time has come that was asked for with `wakeIn`. */
	rateOpens(rateKey: string): void {
		this.#lanes.wake(`rate ${rateKey}`);
	}

	/** A pause has begun or ended. That of a run takes a look at each ready task of its workflow, any other at none. */
	pausedChanged(scope: string): void {
		const { state } = this.#parts;
		const run = scope.startsWith("run:") ? state.runs.get(scope.slice("run:".length)) : undefined;
		if (run !== undefined) {
			// There is a gate for a run only while it is paused, so its tasks change lanes.
			for (const offer of this.#lanes.through(`pause workflow:${run.workflow}`)) {
				if (runsOf(offer.task, state).some((above) => above === run)) this.#changeLane(offer);
			}
		}
		this.#lanes.wake(`pause ${scope}`);
	}

	/** What holds a ready task back; undefined when it is agents alone. */
	heldBy(task: Task): Held | undefined {
		const lane = offerOf(task)?.lane;
		const gate = lane?.closedGate();
		if (gate !== undefined) return { gate };
		return this.#quota.fullOf(task.type) ?? this.#quota.full;
	}

	/**
	 * About how long until it starts, in milliseconds. One that waits for its concurrency key: when those before it have had
	 * their turns, see {@link Turns.estimateMs}. One that waits for its rate: when those before it have started. Any other: when the last of all ready tasks that the same agents can do has
	 * started, at the pace of the last starts, an upper estimate. Undefined before there is something to go by.
	 */
	estimateMs(task: Task): number | undefined {
		const nowMs = this.#parts.clock.monotonic();
		const offer = offerOf(task);
		const gate = offer?.lane.closedGate();
		if (offer !== undefined && gate instanceof LimitGate) return this.#turns.estimateMs(offer, gate, nowMs);
		if (offer !== undefined && gate instanceof RateGate) {
			return Math.ceil(gate.opensInMs(gate.ahead(offer).reduce((sum, { count }) => sum + count, 0)));
		}
		const demand = this.#lanes.demandOf(task);
		const everyMs = demand?.pace.everyMs(nowMs);
		return demand === undefined || everyMs === undefined ? undefined : Math.ceil(demand.ready * everyMs);
	}

	/** Gates in memory. */
	get gates(): number {
		return this.#lanes.gates;
	}

	/** Takes the first task of the lane, with its place at all gates. */
	#take(lane: Lane): Task {
		const offer = lane.offers.first() as Offer;
		const { task } = offer;
		const nowMs = this.#parts.clock.monotonic();
		task.ready = undefined;
		lane.remove(offer);
		lane.demand.pace.started(nowMs);
		this.#quota.take(task.type);
		if (lane.gates.length > 0) {
			for (const gate of lane.gates) gate.take(task);
			this.#held.set(task, lane.gates);
			if (task.concurrency !== undefined) this.#turns.began(task, nowMs);
		}
		this.#credits.letIn(task, nowMs - offer.readyMs);
		this.#lanes.dropIfEmpty(lane);
		return task;
	}

	#isHeld({ type }: Demand): boolean {
		const { paused } = this.#parts.state;
		return (paused.size > 0 && paused.has(`type:${type}`)) || this.#quota.fullOf(type) !== undefined;
	}

	/** Its first lane whose gates are all open; the others on the way are parked. */
	#firstOpen(demand: Demand): Lane | undefined {
		for (let lane = demand.heap.first(); lane !== undefined; lane = demand.heap.first()) {
			const closed = lane.closedGate();
			if (closed === undefined) return lane;
			this.#lanes.park(lane, closed);
		}
		return undefined;
	}

	/** It keeps its place in the order. */
	#changeLane(offer: Offer): void {
		const { lane } = offer;
		lane.remove(offer);
		offer.lane = this.#lanes.laneOf(offer.task);
		offer.lane.push(offer);
		this.#lanes.dropIfEmpty(lane);
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
