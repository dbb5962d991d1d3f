/**
 * Whether agents live. An agent that holds tasks (or is unhealthy) is asked at every heartbeat; one that leaves as many
 * questions in a row without a yes as fit into the lease is unhealthy, until it says yes again.
 *
 * It counts questions, not time: when the event loop was blocked for a minute, that is one late question and not a dead
 * fleet.
 */
import type { Clock } from "../clock.ts";
import { toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Registry, Seat } from "./registry.ts";

export class Health {
	readonly #registry: Registry;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #allowedMisses: number;
	readonly #lost: (seat: Seat) => void;
	readonly #returned: (seat: Seat) => void;
	readonly #misses = new WeakMap<Seat, number>();
	/** Questions that are not answered yet, and for how many beats. */
	readonly #asked = new WeakMap<Seat, { beats: number }>();

	constructor(parts: {
		registry: Registry;
		clock: Clock;
		log: Log;
		heartbeatMs: number;
		leaseMs: number;
		/** It became unhealthy; its tasks are to be offered again. */
		lost(seat: Seat): void;
		/** It lives again and may take work. */
		returned(seat: Seat): void;
	}) {
		this.#registry = parts.registry;
		this.#clock = parts.clock;
		this.#log = parts.log;
		this.#allowedMisses = Math.max(1, Math.floor(parts.leaseMs / parts.heartbeatMs));
		this.#lost = parts.lost;
		this.#returned = parts.returned;
	}

	/** One heartbeat. Returns whether there is anyone left to watch. */
	beat(): boolean {
		let watched = false;
		for (const seat of this.#registry.seats) {
			if (seat.running === 0 && seat.state !== "unhealthy") {
				this.#misses.delete(seat);
				continue;
			}
			watched = true;
			const misses = this.#misses.get(seat) ?? 0;
			if (misses >= this.#allowedMisses && seat.state !== "unhealthy" && seat.state !== "stopped") {
				this.#log.warn("the agent shows no life; its tasks are offered again", { agent: seat.name });
				this.#registry.setState(seat, "unhealthy");
				this.#lost(seat);
			}
			this.#misses.set(seat, misses + 1);
			this.#ask(seat);
		}
		return watched;
	}

	#ask(seat: Seat): void {
		const open = this.#asked.get(seat);
		// An open question is the miss; after the lease it is given up, or one that is never answered would be the last.
		if (open !== undefined && open.beats++ < this.#allowedMisses) return;
		const question = { beats: 1 };
		this.#asked.set(seat, question);
		Promise.resolve()
			.then(() => seat.performer.alive())
			.catch((error: unknown) => {
				this.#log.warn("the agent could not say whether it lives", {
					agent: seat.name,
					error: toErrorData(error).message,
				});
				return false;
			})
			.then((alive) => {
				if (this.#asked.get(seat) === question) this.#asked.delete(seat);
				if (!alive) return;
				seat.lastSeenMs = this.#clock.monotonic();
				this.#misses.set(seat, 0);
				if (seat.state === "unhealthy") this.#returned(seat);
			})
			.catch((error: unknown) =>
				this.#log.error("a sign of life was not taken", { error: toErrorData(error).message }),
			);
	}
}
