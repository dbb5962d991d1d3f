/**
 * Time, randomness and ids enter Muster here and nowhere else, so that a test or a simulator can replace them.
 *
 * Two kinds of time: `now()` is the wall clock (stored, may jump), `monotonic()` measures durations and leases.
 */
import { randomBytes } from "node:crypto";

export interface Clock {
	/** Wall clock, milliseconds since 1970. */
	now(): number;
	/** Milliseconds from an arbitrary start; never jumps. */
	monotonic(): number;
	/** Calls `run` once after `delayMs`; the returned function forgets it. A set timer does not keep the process alive. */
	after(delayMs: number, run: () => void): () => void;
	/** A number in [0, 1). */
	random(): number;
	/** `bytes` random bytes as lower-case hex. */
	randomHex(bytes: number): string;
}

/** setTimeout overflows above 2^31-1 ms and fires at once; longer waits are re-armed by whoever owns the deadline. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
	now: () => Date.now(),
	monotonic: () => performance.now(),
	after(delayMs, run) {
		const timer = setTimeout(run, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
		timer.unref();
		return () => clearTimeout(timer);
	},
	random: () => Math.random(),
	randomHex: (bytes) => randomBytes(bytes).toString("hex"),
};

/** A clock moved by hand: timers fire inside {@link HandClock.advance}, in order of their time. */
export class HandClock implements Clock {
	#now: number;
	#monotonic = 0;
	#seed: number;
	#timers: { at: number; run: () => void; order: number }[] = [];
	#order = 0;

	constructor(now = 1_700_000_000_000, seed = 1) {
		this.#now = now;
		this.#seed = seed;
	}

	now = (): number => this.#now;
	monotonic = (): number => this.#monotonic;

	after(delayMs: number, run: () => void): () => void {
		const timer = { at: this.#monotonic + Math.max(0, delayMs), run, order: this.#order++ };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((other) => other !== timer);
		};
	}

	/** Mulberry32 (T. Ettinger, public domain): small, seeded, good enough for jitter and simulation. */
	random = (): number => {
		this.#seed = (this.#seed + 0x6d2b79f5) | 0;
		let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};

	randomHex(bytes: number): string {
		let hex = "";
		for (let i = 0; i < bytes; i++)
			hex += Math.floor(this.random() * 256)
				.toString(16)
				.padStart(2, "0");
		return hex;
	}

	/** Moves both clocks and fires what is due on the way. */
	advance(ms: number): void {
		const end = this.#monotonic + ms;
		for (;;) {
			const due = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
			if (due === undefined) break;
			this.#timers = this.#timers.filter((t) => t !== due);
			this.#now += due.at - this.#monotonic;
			this.#monotonic = due.at;
			due.run();
		}
		this.#now += end - this.#monotonic;
		this.#monotonic = end;
	}

	/** Jumps the wall clock alone, as NTP or an operator would. */
	jump(ms: number): void {
		this.#now += ms;
	}

	/** Milliseconds until the next timer, or undefined without one. */
	next(): number | undefined {
		if (this.#timers.length === 0) return undefined;
		return Math.min(...this.#timers.map((timer) => timer.at)) - this.#monotonic;
	}
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32, lower case

function base32(value: number, length: number): string {
	let text = "";
	for (let rest = value, i = 0; i < length; i++) {
		text = ALPHABET[rest % 32] + text;
		rest = Math.floor(rest / 32);
	}
	return text;
}

/**
 * Ids that sort by the time they were made: 9 characters of milliseconds, 4 of a counter that starts at a random
 * place in each process, 3 random ones per process. One factory never gives the same id twice.
 */
export function createIds(clock: Clock): (prefix: string) => string {
	const half = 32 ** 4 / 2;
	const process = base32(Math.floor(clock.random() * 32 ** 3), 3);
	let lastMs = 0;
	let counter = Math.floor(clock.random() * half);
	let used = 0;
	let stamp = "";
	return (prefix) => {
		const now = clock.now();
		// Never step back with the wall clock; a millisecond has room for half the counter, so that it cannot wrap inside one.
		if (now > lastMs || used === half) {
			lastMs = Math.max(now, lastMs + 1);
			stamp = base32(lastMs, 9);
			used = 0;
			counter %= half;
		}
		used++;
		counter++;
		return `${prefix}_${stamp}${base32(counter, 4)}${process}`;
	};
}
