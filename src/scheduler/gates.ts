/**
 * What may hold back ready tasks besides the agents: limits, rates and pauses. A gate is open or closed; lanes that met it
 * closed are parked with it, and it hands them back when it opens. So nothing is looked at again while it cannot start.
 */
import type { RateLimit, Task } from "../task/task.ts";
import type { Lane, Offer } from "./lane.ts";

export abstract class Gate {
	/** Names it among all gates. */
	readonly key: string;
	/** Lanes that pass through it, parked or not. */
	readonly lanes = new Set<Lane>();
	readonly parked = new Set<Lane>();

	constructor(key: string) {
		this.key = key;
	}

	/** How many tasks of each lane pass before this one; without lanes that something else holds back, a pause for example. */
	*ahead(offer: Offer): Generator<{ lane: Lane; count: number }> {
		for (const lane of this.lanes) {
			const closed = lane.closedGate();
			if (closed === undefined || closed === this) yield { lane, count: lane.offers.countBefore(offer) };
		}
	}

	/** @param lane what a lane may ask of it: a limit of its own */
	abstract isOpen(lane: Lane): boolean;
	/** A task passes. */
	take(_task: Task): void {}
	/** It has ended; true when this may have opened the gate. */
	release(_task: Task): boolean {
		return false;
	}
	/** Whether it can be forgotten once no lane passes through it. */
	get idle(): boolean {
		return true;
	}
	/** Whether a lane through it is worth keeping while it is empty. */
	get isLasting(): boolean {
		return false;
	}
}

/** At most so many tasks of a key at the same time; each task says how many. */
export class LimitGate extends Gate {
	readonly holders = new Set<Task>();

	isOpen(lane: Lane): boolean {
		return this.holders.size < lane.limit;
	}

	override take(task: Task): void {
		this.holders.add(task);
	}

	override release(task: Task): boolean {
		return this.holders.delete(task);
	}

	override get idle(): boolean {
		return this.holders.size === 0;
	}
}

/** One at a time, whatever limit the lane has. */
export class SuspectGate extends LimitGate {
	override isOpen(): boolean {
		return this.holders.size === 0;
	}
}

/** A token bucket: one token each `perMs / limit`, at most `burst` of them (1: evenly paced). */
export class RateGate extends Gate {
	readonly #now: () => number;
	#rate: RateLimit;
	#tokens: number;
	#countedMs: number;
	#frozenUntilMs = 0;

	/** @param tokens that it has now; @param now monotonic */
	constructor(key: string, rate: RateLimit, tokens: number, now: () => number) {
		super(key);
		this.#rate = rate;
		this.#now = now;
		this.#countedMs = now();
		this.#tokens = tokens;
	}

	get rateKey(): string {
		return this.#rate.key;
	}

	/** The newest task of the key says how fast; true when this may have opened the gate, or will sooner. */
	setRate(rate: RateLimit): boolean {
		const { limit, perMs, burst } = this.#rate;
		if (rate.limit === limit && rate.perMs === perMs && rate.burst === burst) return false;
		this.#count();
		this.#rate = rate;
		return true;
	}

	isOpen(): boolean {
		return this.opensInMs() === 0;
	}

	override take(): void {
		this.#count();
		this.#tokens -= 1;
	}

	/** Nothing of the key starts for this long: the other side said so. */
	freeze(delayMs: number): void {
		this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#now() + delayMs);
	}

	/** How long until a task may start before which so many others start; 0 when it may now. */
	opensInMs(ahead = 0): number {
		this.#count();
		const { limit, perMs } = this.#rate;
		const frozenMs = Math.max(0, this.#frozenUntilMs - this.#now());
		const tokens = Math.min(this.#burst, this.#tokens + (frozenMs * limit) / perMs);
		const missing = ahead + 1 - tokens;
		// A token that is whole but for the rounding of its sum is whole.
		return frozenMs + (missing <= 1e-9 ? 0 : (missing * perMs) / limit);
	}

	/** How long until nothing of its past matters any more. */
	fullInMs(): number {
		this.#count();
		const { limit, perMs } = this.#rate;
		return Math.max(0, ((this.#burst - this.#tokens) * perMs) / limit, this.#frozenUntilMs - this.#now());
	}

	override get idle(): boolean {
		return this.fullInMs() === 0;
	}

	get #burst(): number {
		return this.#rate.burst ?? 1;
	}

	#count(): void {
		const now = this.#now();
		const { limit, perMs } = this.#rate;
		this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#countedMs) * limit) / perMs);
		this.#countedMs = now;
	}
}

/** Closed while its scope is paused. */
export class PauseGate extends Gate {
	readonly #scope: string;
	readonly #paused: ReadonlyMap<string, unknown>;

	constructor(key: string, scope: string, paused: ReadonlyMap<string, unknown>) {
		super(key);
		this.#scope = scope;
		this.#paused = paused;
	}

	isOpen(): boolean {
		return !this.#paused.has(this.#scope);
	}

	/** Workflows are few, and run again; a run is paused once. */
	override get isLasting(): boolean {
		return this.#scope.startsWith("workflow:");
	}
}
