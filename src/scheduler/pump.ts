/** Starts what can start, so many in one turn of the event loop that others get theirs. */
import type { Clock } from "../clock.ts";

const STARTS_A_TURN = 256;
const FULL_CHECK_MS = 500;

export interface PumpParts<Match> {
	clock: Clock;
	/** Whether there is no space for what a start writes. */
	isFull(): boolean;
	/** The next that can start now. */
	next(): Match | undefined;
	start(match: Match): void;
}

export class Pump<Match> {
	readonly #parts: PumpParts<Match>;
	#startsThisTurn = 0;
	#forget: (() => void) | undefined;
	/** Starts nothing before it is opened, and nothing after it was stopped. */
	#state: "closed" | "open" | "stopped" = "closed";

	constructor(parts: PumpParts<Match>) {
		this.#parts = parts;
	}

	/** What was there before this process is dealt with: from here on work starts. */
	open(): void {
		if (this.#state === "closed") this.#state = "open";
		this.run();
	}

	/** Call it after anything that may have made room or work. */
	run(): void {
		if (this.#state !== "open") return;
		if (this.#parts.isFull()) {
			this.#runLater();
			return;
		}
		while (this.#startsThisTurn < STARTS_A_TURN) {
			const match = this.#parts.next();
			if (match === undefined) return;
			// Before the start: one that ends at once comes back here.
			if (this.#startsThisTurn++ === 0) setImmediate(this.#nextTurn);
			this.#parts.start(match);
		}
	}

	/** Starts nothing any more. */
	stop(): void {
		this.#state = "stopped";
		this.#forget?.();
		this.#forget = undefined;
	}

	/** Nothing tells that there is space again when nothing waits to be written. */
	#runLater(): void {
		this.#forget ??= this.#parts.clock.after(FULL_CHECK_MS, () => {
			this.#forget = undefined;
			this.run();
		});
	}

	readonly #nextTurn = (): void => {
		this.#startsThisTurn = 0;
		this.run();
	};
}
