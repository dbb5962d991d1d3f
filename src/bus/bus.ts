/**
 * The message bus: subjects, subscriptions, requests. A port: the embedded bus is one adapter, `conformance.ts` says what
 * every one must do. Durable streams are its other half, `stream.ts`; services and discovery are built over it, `service.ts`.
 *
 * A message is a hint: it reaches who listens now, once at most. What must not be lost goes to a stream.
 *
 * Promises of every adapter
 * B1  Messages of one publisher reach each subscription in the order in which they were published.
 * B2  Of a queue group, one member gets a message; every subscription outside of a group gets its own.
 * B3  No subscriber sees what another one does to a message: its data is frozen.
 * B4  What waits for a subscriber is bounded; what does not fit any more is dropped, counted, and the subscriber is told.
 */
import type { Duration } from "../duration.ts";
import type { Json } from "../json.ts";
import type { Streams } from "./stream.ts";

/** Names and values are text; see {@link checkHeaders} of `envelope.ts` for what is allowed. */
export interface Headers {
	readonly [name: string]: string;
}

export interface BusMessage {
	readonly subject: string;
	/** Frozen, all the way down. */
	readonly data: Json;
	readonly headers: Headers;
	/** Where an answer is expected, if one is. */
	readonly replyTo?: string;
	/** How many messages this subscription lost just before this one, because it was slow. Usually 0. */
	readonly missed: number;
	/** Answers a request; without `replyTo` it does nothing. `more`: another answer follows, see {@link Bus.requestMany}. */
	respond(data: Json, options?: { headers?: Headers; more?: boolean }): void;
}

export interface PublishOptions {
	headers?: Headers;
	replyTo?: string;
}

export interface SubscribeOptions {
	/** Members of a queue group share the messages: each goes to one of them. */
	queue?: string;
	/** Messages that may wait. Default 10,000. */
	maxPending?: number;
	/** Their size together. Default 8 MiB. */
	maxPendingBytes?: number;
	/** Ends the subscription. */
	signal?: AbortSignal;
}

/** Messages as they come; leaving a `for await` loop unsubscribes. */
export interface Subscription extends AsyncIterable<BusMessage>, AsyncDisposable {
	readonly subject: string;
	/** How many messages it has lost so far because it was slow. */
	readonly dropped: number;
	/** Messages that wait for it. */
	readonly pending: number;
	/** Ends it now; what waits is let go. */
	unsubscribe(): void;
	/** Takes nothing new; resolves when what waits has been taken, and ends then. */
	drain(): Promise<void>;
}

export interface RequestOptions {
	/** Default 5 seconds. */
	timeout?: Duration;
	headers?: Headers;
	signal?: AbortSignal;
}

export interface RequestManyOptions extends RequestOptions {
	/** Enough answers. Default 10,000, which is also the most. */
	max?: number;
}

/** Since the start, but for `subscriptions`. */
export interface BusStats {
	subscriptions: number;
	published: number;
	delivered: number;
	/** Lost by slow subscribers. */
	dropped: number;
	/** Ordinary messages on a subject of a stream that the stream could not keep. */
	unstored: number;
}

export interface Bus {
	/**
	 * Hands a message to all who listen on the subject now, and to the stream that keeps it. Does not wait for either.
	 * @throws E_INPUT_INVALID for a subject, headers or data that are not allowed, E_INPUT_TOO_LARGE, E_STOPPED
	 */
	publish(subject: string, data: Json, options?: PublishOptions): void;
	/**
	 * Listens from now on. `*` stands for one token, `>` at the end for one or more; a wildcard in the first token stands
	 * for no subject of the bus itself (`$...`, `_INBOX`). @throws E_INPUT_INVALID, E_BUS_FULL, E_STOPPED
	 */
	subscribe(subject: string, options?: SubscribeOptions): Subscription;
	/**
	 * The first answer. An answer that says that the service failed is thrown as its error.
	 * @throws E_NO_RESPONDERS at once when nobody listens, E_WAIT_TIMEOUT, the signal's reason, E_SERVICE_FAILED or the
	 * code that the service gave, and what publish throws
	 */
	request(subject: string, data: Json, options?: RequestOptions): Promise<BusMessage>;
	/**
	 * All answers until the timeout (default 5 seconds), `max`, or until all who got it have given their last one, where the
	 * adapter knows. No answer is no error, nor is nobody there. @throws the signal's reason, and what publish throws
	 */
	requestMany(subject: string, data: Json, options?: RequestManyOptions): Promise<BusMessage[]>;
	readonly streams: Streams;
	stats(): BusStats;
}

/** As its owner has it. */
export interface OwnBus extends Bus {
	/** Subscriptions and consumers end, requests that wait fail with E_STOPPED, and nothing is taken any more. */
	close(): Promise<void>;
}
