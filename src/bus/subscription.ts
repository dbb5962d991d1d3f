/** One subscription of the embedded bus: what waits for it, within its bounds (B4), and who waits for the next message. */
import { MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { BusMessage, SubscribeOptions, Subscription } from "./bus.ts";
import { Deque } from "./record.ts";

const MAX_PENDING = 10_000;
const MAX_PENDING_BYTES = 8 * 1024 * 1024;
/** The most that may be asked for. */
const MOST_PENDING = 1_000_000;
const MOST_PENDING_BYTES = 256 * 1024 * 1024;

/** A message that waits, and its size. */
export interface Waiting {
	message: BusMessage;
	size: number;
}

type Taker = (result: IteratorResult<BusMessage>) => void;

const END: IteratorResult<BusMessage> = { done: true, value: undefined };

export class EmbeddedSubscription implements Subscription {
	readonly subject: string;
	readonly queue: string | undefined;
	readonly #maxPending: number;
	readonly #maxBytes: number;
	readonly #log: Log;
	readonly #onEnd: (subscription: EmbeddedSubscription) => void;
	readonly #waiting = new Deque<Waiting>();
	readonly #takers = new Deque<Taker>();
	readonly #drained = Promise.withResolvers<void>();
	readonly #forgetSignal: () => void;
	#bytes = 0;
	#dropped = 0;
	/** Dropped since the last message that was taken in. */
	#missed = 0;
	/** It has been told of: an episode ends when nothing waits any more. */
	#slow = false;
	#draining = false;
	#ended = false;

	/** @throws E_INPUT_INVALID */
	constructor(
		subject: string,
		{ queue, maxPending = MAX_PENDING, maxPendingBytes = MAX_PENDING_BYTES, signal }: SubscribeOptions,
		world: { log: Log; onEnd: (subscription: EmbeddedSubscription) => void },
	) {
		this.subject = subject;
		this.queue = queue;
		this.#maxPending = atLeastOne(maxPending, MOST_PENDING, "maxPending");
		this.#maxBytes = atLeastOne(maxPendingBytes, MOST_PENDING_BYTES, "maxPendingBytes");
		this.#log = world.log;
		this.#onEnd = world.onEnd;
		const abort = (): void => this.unsubscribe();
		signal?.addEventListener("abort", abort, { once: true });
		this.#forgetSignal = () => signal?.removeEventListener("abort", abort);
	}

	get dropped(): number {
		return this.#dropped;
	}

	get pending(): number {
		return this.#waiting.length;
	}

	/** Whether a message of this size would be taken in now. An empty one takes any. */
	hasRoom(size: number): boolean {
		const { length } = this.#waiting;
		return length === 0 || (length < this.#maxPending && this.#bytes + size <= this.#maxBytes);
	}

	/** @param make called when there is room, with how many were dropped just before. Returns whether there was. */
	deliver(size: number, make: (missed: number) => BusMessage): boolean {
		if (this.#ended || this.#draining) return false;
		if (!this.hasRoom(size)) {
			this.#drop();
			return false;
		}
		const message = make(this.#missed);
		this.#missed = 0;
		const taker = this.#takers.shift();
		if (taker !== undefined) taker({ done: false, value: message });
		else {
			this.#waiting.push({ message, size });
			this.#bytes += size;
		}
		return true;
	}

	unsubscribe(): void {
		this.#waiting.clear();
		this.#bytes = 0;
		this.#end();
	}

	drain(): Promise<void> {
		if (!this.#draining && !this.#ended) {
			this.#draining = true;
			this.#onEnd(this);
			if (this.#waiting.length === 0) this.#end();
		}
		return this.#drained.promise;
	}

	[Symbol.asyncIterator](): AsyncIterator<BusMessage> {
		return {
			next: () => this.#next(),
			return: () => {
				this.unsubscribe();
				return Promise.resolve(END);
			},
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.unsubscribe();
	}

	#next(): Promise<IteratorResult<BusMessage>> {
		const item = this.#waiting.shift();
		if (item === undefined) {
			if (this.#ended) return Promise.resolve(END);
			return new Promise((resolve) => this.#takers.push(resolve));
		}
		this.#bytes -= item.size;
		if (this.#waiting.length === 0) {
			this.#slow = false;
			if (this.#draining) this.#end();
		}
		return Promise.resolve({ done: false, value: item.message });
	}

	#drop(): void {
		this.#dropped++;
		this.#missed++;
		if (this.#slow) return;
		this.#slow = true;
		this.#log.warn("a subscriber is slow and loses messages", {
			subject: this.subject,
			...(this.queue !== undefined && { queue: this.queue }),
			pending: this.#waiting.length,
			dropped: this.#dropped,
		});
	}

	#end(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#forgetSignal();
		this.#onEnd(this);
		for (let taker = this.#takers.shift(); taker !== undefined; taker = this.#takers.shift()) taker(END);
		this.#drained.resolve();
	}
}

export function atLeastOne(value: number, most: number, what: string): number {
	if (Number.isInteger(value) && value >= 1 && value <= most) return value;
	throw new MusterError("E_INPUT_INVALID", `${what} is ${value}; 1 to ${most} are possible`);
}
