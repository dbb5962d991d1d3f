/**
 * How many different wrong tokens an address may send before it is not listened to for a while. The same wrong one again
 * does not count: a program with an old token is a nuisance, not somebody who guesses.
 */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";

export const MOST_WRONG = 20;
export const WINDOW_MS = 60_000;
/** Beyond, the one that began first is forgotten. */
const MAX_ADDRESSES = 1_000;

/** All users of this machine and all tunnels share it: who guesses there must not lock the owner out. */
const isLoopback = (address: string): boolean => /^(::ffff:)?127\.|^::1$/.test(address);

export class WrongTokens {
	readonly #clock: Pick<Clock, "monotonic">;
	readonly #addresses = new Map<string, { until: number; tokens: Set<string> }>();

	constructor(clock: Pick<Clock, "monotonic">) {
		this.#clock = clock;
	}

	/** Before a token is looked at. @throws E_RATE_LIMITED */
	check(address: string): void {
		if (!isLoopback(address)) this.#refuse(address);
	}

	/** @param token its digest @throws E_RATE_LIMITED when there were too many */
	add(address: string, token: string): void {
		this.#refuse(address);
		let known = this.#addresses.get(address);
		if (known === undefined || known.until <= this.#clock.monotonic()) {
			this.#addresses.delete(address);
			const [oldest] = this.#addresses.keys();
			if (this.#addresses.size >= MAX_ADDRESSES && oldest !== undefined) this.#addresses.delete(oldest);
			known = { until: this.#clock.monotonic() + WINDOW_MS, tokens: new Set() };
			this.#addresses.set(address, known);
		}
		known.tokens.add(token);
	}

	#refuse(address: string): void {
		const known = this.#addresses.get(address);
		const leftMs = known === undefined ? 0 : known.until - this.#clock.monotonic();
		if (known === undefined || leftMs <= 0 || known.tokens.size < MOST_WRONG) return;
		throw new MusterError("E_RATE_LIMITED", "too many wrong tokens came from this address", {
			hint: "Wait a minute, and then send the right one.",
			retryAfterMs: leftMs,
		});
	}
}
