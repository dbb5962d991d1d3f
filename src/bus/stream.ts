/**
 * Durable streams: messages of some subjects, kept in order and numbered from 1, for readers that come later and for
 * consumers that must handle each one. A port, the other half of `bus.ts`.
 *
 * Promises of every adapter
 * K1  An append that resolved is never lost, but to the limits of its stream, which drop the oldest.
 * K2  Numbers go up by one in the order of the stream; none is ever given twice.
 * K3  A consumer gets each message of its subject until it has acknowledged it, at least once, and no more than
 *     `maxDeliver` times, after which the message is among its dead letters.
 * K4  An acknowledgement that resolved is never forgotten: the message does not come again.
 * K5  Of two appends with the same message id inside the duplicate window the stream keeps one.
 */
import type { Duration } from "../duration.ts";
import type { Json } from "../json.ts";
import type { Headers } from "./bus.ts";

export interface StreamSpec {
	/** Letters, digits, dash and underscore; at most 64. */
	name: string;
	/** What it keeps, at most 64 subjects, `*` and `>` allowed. A subject belongs to one stream. */
	subjects: readonly string[];
	/** Older ones are dropped. Default: they stay. */
	maxAge?: Duration;
	/** Default 10,000. */
	maxMessages?: number;
	/** Default 16 MiB. The limits of all streams together are bounded, see E_BUS_FULL. */
	maxBytes?: number;
	/** How long a message id is remembered, of the last 50,000. Default 2 minutes. */
	duplicateWindow?: Duration;
}

export interface StreamInfo {
	name: string;
	subjects: string[];
	createdAt: string;
	maxAgeMs?: number;
	maxMessages: number;
	maxBytes: number;
	duplicateWindowMs: number;
	messages: number;
	bytes: number;
	/** Numbers of the oldest and the newest message; `firstSeq` is `lastSeq + 1` when there is none. */
	firstSeq: number;
	lastSeq: number;
	consumers: ConsumerInfo[];
}

export interface ConsumerInfo {
	name: string;
	stream: string;
	subject?: string;
	ackWaitMs: number;
	maxDeliver: number;
	backoffMs?: number[];
	maxAckPending: number;
	/** Every message up to this number is done with. */
	ackFloor: number;
	/** Delivered and not acknowledged yet. */
	ackPending: number;
	/** Not delivered yet. */
	pending: number;
	deadLetters: number;
	/** Dead letters that fell out of the bounded list. */
	deadLettersDropped: number;
}

export interface AppendOptions {
	/** The same one again inside the duplicate window is not kept again. At most 256 characters. */
	messageId?: string;
	headers?: Headers;
	/** Refuse unless this is the number of the stream's newest message. */
	expectedLastSeq?: number;
}

export interface Appended {
	stream: string;
	seq: number;
	/** It was there already; `seq` is where. */
	duplicate: boolean;
}

export interface StoredMessage {
	readonly stream: string;
	readonly seq: number;
	/** Wall clock, milliseconds; never less than that of the message before. */
	readonly at: number;
	readonly subject: string;
	/** Frozen. */
	readonly data: Json;
	readonly headers: Headers;
	readonly messageId?: string;
}

export interface ReadOptions {
	/** Default: from the oldest. */
	fromSeq?: number;
	/** From the first message at or after this time: milliseconds, or a text that Date reads. Instead of `fromSeq`. */
	fromTime?: number | string;
	/** Only these. */
	subject?: string;
	/** Default 100, at most 10,000. */
	limit?: number;
}

export interface ConsumeOptions {
	/** Durable: what it has done is remembered under this name. Letters, digits, dash and underscore; at most 64. */
	name: string;
	/** Where a new consumer begins; one that exists goes on where it was. Default `all`. */
	from?: "all" | "new" | { seq: number } | { time: number | string };
	/** Only these messages. */
	subject?: string;
	/**
	 * What follows is a setting of the consumer: given again it is changed, left out it stays. This one: how long a delivery may
	 * take before the message comes again. Default 30 seconds.
	 */
	ackWait?: Duration;
	/** Default 5. */
	maxDeliver?: number;
	/** Waits after the first, second ... delivery, in place of `ackWait`; the last one counts for all further ones. */
	backoff?: readonly Duration[];
	/** Deliveries under way at a time, over all who consume under this name. Default 1,000. */
	maxAckPending?: number;
	signal?: AbortSignal;
}

export interface StreamDelivery extends StoredMessage {
	/** 1 for the first time. */
	readonly deliveries: number;
	/** How many messages the limits of the stream dropped just before this one, unseen by the consumer. Usually 0. */
	readonly missed: number;
	/** It is done; resolves when that is durable. Also counts when the message was on its way to come again. */
	ack(): Promise<void>;
	/** It comes again, at once or after a while (default: after its `backoff`, else at once). */
	nak(delay?: Duration): void;
	/** It never comes again and is a dead letter; resolves when that is durable. */
	term(reason?: string): Promise<void>;
	/** Still at it: the time until it comes again begins anew. */
	inProgress(): void;
}

/** Deliveries as they come. Two of the same name share the work. Leaving a `for await` loop stops it. */
export interface Consumption extends AsyncIterable<StreamDelivery>, AsyncDisposable {
	readonly stream: string;
	readonly name: string;
	/** Ends it; what it was given and has not acknowledged comes again, to others of the same name. */
	stop(): void;
}

export interface DeadLetter extends StoredMessage {
	deliveries: number;
	reason: string;
	deadAt: number;
	/** It is being delivered again. */
	revived: boolean;
}

export interface Streams {
	/** Does nothing when it is there with the same settings. @throws E_INPUT_INVALID, E_CONFLICT, E_BUS_FULL, E_STORAGE_FULL */
	create(spec: StreamSpec): Promise<StreamInfo>;
	/** With its messages and consumers. @throws E_STREAM_UNKNOWN */
	delete(name: string): Promise<void>;
	list(): Promise<StreamInfo[]>;
	/** @throws E_STREAM_UNKNOWN */
	info(name: string): Promise<StreamInfo>;
	/**
	 * Resolves when it is durable; only then who subscribed to the subject gets it.
	 * @throws E_STREAM_UNKNOWN when no stream keeps the subject, E_CONFLICT when `expectedLastSeq` is not right,
	 * E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_STORAGE_FULL
	 */
	append(subject: string, data: Json, options?: AppendOptions): Promise<Appended>;
	/** Many with one acknowledgement, at most 10,000: all are kept or none, but for duplicates. */
	appendMany(
		messages: readonly { subject: string; data: Json; messageId?: string; headers?: Headers }[],
	): Promise<Appended[]>;
	/** Oldest first. @throws E_STREAM_UNKNOWN, E_INPUT_INVALID */
	read(stream: string, options?: ReadOptions): Promise<StoredMessage[]>;
	/** @throws E_STREAM_UNKNOWN, E_INPUT_INVALID, E_CONFLICT when it exists with another `from` or `subject`, E_BUS_FULL */
	consume(stream: string, options: ConsumeOptions): Promise<Consumption>;
	/** Its place and its dead letters are forgotten. @throws E_STREAM_UNKNOWN, E_CONSUMER_UNKNOWN */
	deleteConsumer(stream: string, name: string): Promise<void>;
	/** Oldest first; at most the last 1,000 and about 1 MiB are kept. @throws E_STREAM_UNKNOWN, E_CONSUMER_UNKNOWN */
	deadLetters(stream: string, consumer: string): Promise<DeadLetter[]>;
	/** Delivers dead letters again as if for the first time: those named or all. Resolves with how many. */
	reviveDead(stream: string, consumer: string, seqs?: readonly number[]): Promise<number>;
	/** Forgets dead letters: those named or all. Resolves with how many. */
	dropDead(stream: string, consumer: string, seqs?: readonly number[]): Promise<number>;
}
