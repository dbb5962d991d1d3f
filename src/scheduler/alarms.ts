/**
 * All deadlines of their owner (the dispatcher, runs, questions, schedules) behind one armed timer. Due times and deadlines of tasks are wall-clock times; limits of
 * attempts run on the monotonic clock, so a jump of the wall clock never ends one.
 */
import type { Clock } from "../clock.ts";
import { Timers } from "../task/timers.ts";

export type AlarmKind = "due" | "deadline" | "timeout" | "idle" | "stall" | "grace" | "life" | "rate";

/** The wall clock may jump, so no timer for it is armed for longer. */
const WALL_CHECK_MS = 1_000;

export class Alarms {
	readonly #clock: Clock;
	readonly #fire: (kind: AlarmKind, id: string) => void;
	readonly #wall = new Timers();
	readonly #monotonic = new Timers();
	#armed: { at: number; forget: () => void } | undefined;
	#stopped = false;

	constructor(clock: Clock, fire: (kind: AlarmKind, id: string) => void) {
		this.#clock = clock;
		this.#fire = fire;
	}

	/** @param at wall clock, milliseconds */
	setAt(kind: "due" | "deadline", id: string, at: number): void {
		this.#wall.set(`${kind} ${id}`, at);
		this.#arm();
	}

	setIn(kind: Exclude<AlarmKind, "due" | "deadline">, id: string, delayMs: number): void {
		this.#monotonic.set(`${kind} ${id}`, this.#clock.monotonic() + delayMs);
		this.#arm();
	}

	delete(kind: AlarmKind, id: string): void {
		(kind === "due" || kind === "deadline" ? this.#wall : this.#monotonic).delete(`${kind} ${id}`);
	}

	/** For good: work that still comes to its end sets no alarm that would ring afterwards. */
	stop(): void {
		this.#stopped = true;
		this.#armed?.forget();
		this.#armed = undefined;
	}

	#arm(): void {
		if (this.#stopped) return;
		const wall = this.#wall.next();
		const monotonic = this.#monotonic.next();
		let delay = Number.POSITIVE_INFINITY;
		if (wall !== undefined) delay = Math.min(WALL_CHECK_MS, Math.max(0, wall - this.#clock.now()));
		if (monotonic !== undefined) delay = Math.min(delay, Math.max(0, monotonic - this.#clock.monotonic()));
		if (delay === Number.POSITIVE_INFINITY) return;
		const at = this.#clock.monotonic() + delay;
		if (this.#armed !== undefined && this.#armed.at <= at) return;
		this.#armed?.forget();
		const forget = this.#clock.after(delay, () => {
			this.#armed = undefined;
			this.#ring();
		});
		this.#armed = { at, forget };
	}

	#ring(): void {
		for (const key of this.#wall.due(this.#clock.now())) this.#call(key);
		for (const key of this.#monotonic.due(this.#clock.monotonic())) this.#call(key);
		this.#arm();
	}

	#call(key: string): void {
		const space = key.indexOf(" ");
		this.#fire(key.slice(0, space) as AlarmKind, key.slice(space + 1));
	}
}
