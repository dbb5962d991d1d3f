/** What a consumer of the embedded streams gives out: an iteration, and its deliveries. */
import type { Duration } from "../duration.ts";
import type { Json } from "../json.ts";
import type { Headers } from "./bus.ts";
import { frozen, NO_HEADERS } from "./envelope.ts";
import type { KeptMessage } from "./record.ts";
import type { Consumption, StreamDelivery } from "./stream.ts";

export type Taken = IteratorResult<StreamDelivery>;

export const END: Taken = { done: true, value: undefined };

/** What an iteration needs of its consumer. */
export interface Source {
	take(taking: Taking): Promise<Taken>;
	/** It was stopped. */
	leave(taking: Taking): void;
}

/** One who consumes. */
export class Taking implements Consumption {
	readonly stream: string;
	readonly name: string;
	readonly #source: Source;
	readonly #forgetSignal: () => void;
	stopped = false;

	constructor(source: Source, { stream, name }: { stream: string; name: string }, signal: AbortSignal | undefined) {
		this.#source = source;
		this.stream = stream;
		this.name = name;
		const abort = (): void => this.stop();
		signal?.addEventListener("abort", abort, { once: true });
		this.#forgetSignal = () => signal?.removeEventListener("abort", abort);
	}

	stop(): void {
		if (this.stopped) return;
		this.stopped = true;
		this.#forgetSignal();
		this.#source.leave(this);
	}

	[Symbol.asyncIterator](): AsyncIterator<StreamDelivery> {
		return {
			next: () => (this.stopped ? Promise.resolve(END) : this.#source.take(this)),
			return: () => {
				this.stop();
				return Promise.resolve(END);
			},
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.stop();
	}
}

/** Whoever hears what became of a delivery. */
export interface Receiver {
	ack(delivery: Delivery): Promise<void>;
	nak(delivery: Delivery, delay: Duration | undefined): void;
	term(delivery: Delivery, reason: string): Promise<void>;
	inProgress(delivery: Delivery): void;
}

export class Delivery implements StreamDelivery {
	readonly stream: string;
	readonly seq: number;
	readonly at: number;
	readonly subject: string;
	readonly data: Json;
	readonly headers: Headers;
	declare readonly messageId?: string;
	readonly deliveries: number;
	readonly missed: number;
	readonly #receiver: Receiver;

	constructor(
		receiver: Receiver,
		message: KeptMessage,
		{ stream, deliveries, missed }: { stream: string; deliveries: number; missed: number },
	) {
		this.#receiver = receiver;
		this.stream = stream;
		this.seq = message.seq;
		this.at = message.at;
		this.subject = message.subject;
		this.data = frozen(message.data);
		this.headers = message.headers === undefined ? NO_HEADERS : Object.freeze(message.headers);
		if (message.id !== undefined) this.messageId = message.id;
		this.deliveries = deliveries;
		this.missed = missed;
	}

	ack(): Promise<void> {
		return this.#receiver.ack(this);
	}

	nak(delay?: Duration): void {
		this.#receiver.nak(this, delay);
	}

	term(reason = "given up by the consumer"): Promise<void> {
		return this.#receiver.term(this, reason);
	}

	inProgress(): void {
		this.#receiver.inProgress(this);
	}
}
