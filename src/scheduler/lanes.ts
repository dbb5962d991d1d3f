/** All demands, lanes and gates: made when a task needs them, dropped when they are of no more use. */
import type { Clock } from "../clock.ts";
import type { State } from "../state.ts";
import { tokensAt } from "../task/rate.ts";
import { isSuspect } from "../task/settle.ts";
import type { RateLimit, Task } from "../task/task.ts";
import { type Gate, LimitGate, PauseGate, RateGate, SuspectGate } from "./gates.ts";
import { Demand, Lane, type Offer } from "./lane.ts";
import { runsOf } from "./lineage.ts";
import { demandOf } from "./registry.ts";

/** Without ready tasks: lanes of one demand, and demands. */
const LANES_KEPT = 100;
const DEMANDS_KEPT = 1_000;

export interface LanesParts {
	clock: Clock;
	state: State;
	/** Asks to be told after this long, by {@link Lanes.wake}. */
	wakeIn(rateKey: string, delayMs: number): void;
}

export class Lanes {
	readonly #parts: LanesParts;
	readonly #demands = new Map<string, Demand>();
	readonly #gates = new Map<string, Gate>();

	constructor(parts: LanesParts) {
		this.#parts = parts;
	}

	get demands(): Iterable<Demand> {
		return this.#demands.values();
	}

	/** Gates that are held or that ready tasks pass. */
	get gates(): number {
		return this.#gates.size;
	}

	demandOf({ type, capabilities }: Task): Demand | undefined {
		return this.#demands.get(demandOf(type, capabilities));
	}

	/** The lane that the task belongs to. */
	laneOf(task: Task): Lane {
		const demand = this.#demandFor(task);
		const { concurrency, rate } = task;
		const isKeyed = concurrency !== undefined || rate !== undefined || isSuspect(task);
		if (!isKeyed && task.run === undefined && task.parent === undefined) {
			demand.plain ??= new Lane("", demand, [], 0);
			return demand.plain;
		}
		const scopes = this.#scopesOf(task);
		const key = isKeyed ? keyOf(task, scopes) : scopes.join("\n");
		let lane = demand.lanes.get(key);
		if (lane === undefined) {
			lane = new Lane(key, demand, this.#gatesOf(task, scopes), concurrency?.limit ?? 1);
			demand.lanes.set(key, lane);
		}
		if (rate !== undefined) {
			const gate = this.#rateGate(rate);
			if (gate.setRate(rate)) this.#unpark(gate); // what waits for the old rate's next start looks again
		}
		return lane;
	}

	/** All ready tasks that pass the gate. */
	through(gateKey: string): Offer[] {
		return [...(this.#gates.get(gateKey)?.lanes ?? [])].flatMap((lane) => [...lane.offers]);
	}

	/** Nothing of the rate key starts for this long. */
	freeze(rate: RateLimit, delayMs: number): void {
		const gate = this.#rateGate(rate);
		gate.freeze(delayMs);
		this.#forgetIfIdle(gate);
	}

	/** It is parked at a gate that is closed for it. */
	park(lane: Lane, gate: Gate): void {
		lane.park(gate);
		if (gate instanceof RateGate) this.#parts.wakeIn(gate.rateKey, gate.opensInMs());
	}

	/** The gate of this key may have opened. */
	wake(gateKey: string): void {
		const gate = this.#gates.get(gateKey);
		if (gate === undefined) return;
		this.#unpark(gate);
		this.#forgetIfIdle(gate);
	}

	/** A task that held it has ended. */
	release(gate: Gate, task: Task): void {
		if (gate.release(task)) this.#unpark(gate);
		this.#forgetIfIdle(gate);
	}

	/** Lanes are kept while they are few: work comes again. Those of keys are not, since keys are without number. */
	dropIfEmpty(lane: Lane): void {
		if (lane.offers.size > 0) return;
		const { demand } = lane;
		if (lane.parkedAt !== undefined) lane.unpark();
		const isKept = demand.lanes.size <= LANES_KEPT && lane.gates.every((gate) => gate.isLasting);
		if (!isKept) this.#drop(lane);
		if (demand.ready > 0 || this.#demands.size <= DEMANDS_KEPT) return;
		for (const empty of demand.lanes.values()) this.#drop(empty);
		this.#demands.delete(demand.key);
	}

	#drop(lane: Lane): void {
		lane.demand.lanes.delete(lane.key);
		for (const gate of lane.gates) {
			gate.lanes.delete(lane);
			this.#forgetIfIdle(gate);
		}
	}

	/** What of its past still matters is waited for; then it is looked at again. */
	#forgetIfIdle(gate: Gate): void {
		// One that was forgotten while its task ran is not the one that has its key now.
		if (gate.lanes.size > 0 || this.#gates.get(gate.key) !== gate) return;
		if (gate.idle) this.#gates.delete(gate.key);
		else if (gate instanceof RateGate) this.#parts.wakeIn(gate.rateKey, gate.fullInMs());
	}

	#unpark(gate: Gate): void {
		for (const lane of [...gate.parked]) lane.unpark();
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

	#gatesOf(task: Task, scopes: readonly string[]): Gate[] {
		const { paused } = this.#parts.state;
		const gates: Gate[] = scopes.map((scope) =>
			this.#gate(`pause ${scope}`, (key) => new PauseGate(key, scope, paused)),
		);
		const { concurrency, rate } = task;
		if (isSuspect(task)) gates.push(this.#gate("suspect", (key) => new SuspectGate(key)));
		if (concurrency !== undefined) gates.push(this.#gate(`limit ${concurrency.key}`, (key) => new LimitGate(key)));
		if (rate !== undefined) gates.push(this.#rateGate(rate));
		return gates;
	}

	/** The pauses that concern it: of the workflows above it, and of runs above it that are paused now. */
	#scopesOf(task: Task): string[] {
		const { state } = this.#parts;
		const scopes: string[] = [];
		for (const { id, workflow } of runsOf(task, state)) {
			scopes.push(`workflow:${workflow}`);
			if (state.paused.size > 0 && state.paused.has(`run:${id}`)) scopes.push(`run:${id}`);
		}
		return scopes;
	}

	#rateGate(rate: RateLimit): RateGate {
		const { clock, state } = this.#parts;
		const make = (key: string) =>
			new RateGate(key, rate, tokensAt(state.rates, rate, clock.now()), () => clock.monotonic());
		return this.#gate(`rate ${rate.key}`, make) as RateGate;
	}

	#gate(key: string, make: (key: string) => Gate): Gate {
		let gate = this.#gates.get(key);
		if (gate === undefined) {
			gate = make(key);
			this.#gates.set(key, gate);
		}
		return gate;
	}
}

function keyOf(task: Task, scopes: readonly string[]): string {
	const { concurrency, rate } = task;
	// With lengths, since keys may hold anything.
	const limit = concurrency === undefined ? "" : `${concurrency.limit} ${concurrency.key.length} ${concurrency.key}`;
	const pace = rate === undefined ? "" : `${rate.key.length} ${rate.key}`;
	return [isSuspect(task) ? "suspect" : "", limit, pace, ...scopes].join("\n");
}
