/** What may be asked of streams and consumers: given settings become records, or are refused. Pure. */
import { toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import { MAX_LETTER_BYTES } from "../fold/streams.ts";
import type { NewConsumer, NewStream, Stream } from "./record.ts";
import type { ConsumeOptions, StreamSpec } from "./stream.ts";
import { checkPattern, checkStreamSubject, overlap } from "./subject.ts";
import { atLeastOne } from "./subscription.ts";

/** All streams together: their `maxBytes`, and the dead letters of their consumers. All of it is memory. */
export const MAX_ALL_BYTES = 256 * 1024 * 1024;
const MAX_STREAMS = 1_000;
const MAX_SUBJECTS = 64;
const MAX_CONSUMERS = 64;
const MAX_BACKOFFS = 64;
const MOST_MESSAGES = 10_000_000;
const MOST_ACK_PENDING = 100_000;
const MAX_MESSAGE_ID = 256;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

const invalid = (message: string): MusterError => new MusterError("E_INPUT_INVALID", message);

export function checkName(name: string, what: string): void {
	if (typeof name === "string" && NAME.test(name)) return;
	throw invalid(`the name of a ${what} is made of at most 64 letters, digits, dashes and underscores`);
}

/** @throws E_STREAM_UNKNOWN */
export function needStream(streams: ReadonlyMap<string, Stream>, name: string): Stream {
	checkName(name, "stream");
	const stream = streams.get(name);
	if (stream === undefined) throw new MusterError("E_STREAM_UNKNOWN", `there is no stream ${name}`);
	return stream;
}

export function checkMessageId(id: string): void {
	if (typeof id === "string" && id !== "" && id.length <= MAX_MESSAGE_ID) return;
	throw invalid(`a message id has 1 to ${MAX_MESSAGE_ID} characters`);
}

/** @throws E_INPUT_INVALID */
export function toStream(spec: StreamSpec): NewStream {
	checkName(spec.name, "stream");
	const { name, maxAge, maxMessages = 10_000, maxBytes = 16 * 1024 * 1024, duplicateWindow = "2m" } = spec;
	const subjects = [...new Set(spec.subjects)];
	if (subjects.length === 0 || subjects.length > MAX_SUBJECTS) {
		throw invalid(`a stream keeps 1 to ${MAX_SUBJECTS} subjects`);
	}
	for (const subject of subjects) checkStreamSubject(subject);
	const maxAgeMs = maxAge === undefined ? undefined : toMs(maxAge, "maxAge");
	if (maxAgeMs === 0) throw invalid("maxAge is 0, so nothing would be kept");
	return {
		...{ name, subjects },
		...(maxAgeMs !== undefined && { maxAgeMs }),
		maxMessages: atLeastOne(maxMessages, MOST_MESSAGES, "maxMessages"),
		maxBytes: atLeastOne(maxBytes, MAX_ALL_BYTES, "maxBytes"),
		duplicateWindowMs: toMs(duplicateWindow, "duplicateWindow"),
	};
}

/** @throws E_CONFLICT, E_BUS_FULL */
export function checkNewStream(stream: NewStream, others: Iterable<Stream>): void {
	let all = stream.maxBytes;
	let count = 0;
	for (const other of others) {
		const clash = stream.subjects.find((subject) => other.subjects.some((kept) => overlap(subject, kept)));
		if (clash !== undefined) {
			throw new MusterError("E_CONFLICT", `the stream ${other.name} keeps messages on ${clash} already`, {
				hint: "A subject belongs to one stream.",
			});
		}
		all += reserved(other);
		count++;
	}
	if (count >= MAX_STREAMS) throw full(`there are ${MAX_STREAMS} streams already`);
	checkReserved(all);
}

/** @throws E_BUS_FULL */
export function checkNewConsumer(stream: Stream, all: Iterable<Stream>): void {
	if (stream.consumers.size >= MAX_CONSUMERS) throw full(`${stream.name} has ${MAX_CONSUMERS} consumers already`);
	let sum = MAX_LETTER_BYTES;
	for (const each of all) sum += reserved(each);
	checkReserved(sum);
}

const reserved = ({ maxBytes, consumers }: Stream): number => maxBytes + consumers.size * MAX_LETTER_BYTES;

function checkReserved(sum: number): void {
	if (sum <= MAX_ALL_BYTES) return;
	throw full(`the limits of all streams would be ${sum} bytes together, of at most ${MAX_ALL_BYTES}`);
}

const full = (message: string): MusterError =>
	new MusterError("E_BUS_FULL", message, {
		hint: "Delete a stream or a consumer, or give this one a smaller maxBytes.",
		retryable: false,
	});

export const sameStream = (one: NewStream, other: NewStream): boolean =>
	one.maxAgeMs === other.maxAgeMs &&
	one.maxMessages === other.maxMessages &&
	one.maxBytes === other.maxBytes &&
	one.duplicateWindowMs === other.duplicateWindowMs &&
	one.subjects.length === other.subjects.length &&
	one.subjects.every((subject) => other.subjects.includes(subject));

/**
 * @param known the consumer of this name, if there is one: what is not asked for stays as it is
 * @param start where `from` leads
 * @throws E_INPUT_INVALID
 */
export function toConsumer(
	options: ConsumeOptions,
	known: NewConsumer | undefined,
	start: (from: NonNullable<ConsumeOptions["from"]>) => number,
): NewConsumer {
	const { name, from = "all", ackWait, maxDeliver, backoff, maxAckPending } = options;
	checkName(name, "consumer");
	const subject = options.subject ?? known?.subject;
	if (subject !== undefined) checkPattern(subject);
	if (backoff !== undefined && (backoff.length === 0 || backoff.length > MAX_BACKOFFS)) {
		throw invalid(`backoff has 1 to ${MAX_BACKOFFS} durations`);
	}
	const backoffMs = backoff?.map((duration) => toMs(duration, "backoff")) ?? known?.backoffMs;
	const ackWaitMs = toMs(ackWait ?? known?.ackWaitMs ?? "30s", "ackWait");
	if (ackWaitMs === 0) throw invalid("ackWait is 0, so nothing could be acknowledged");
	return {
		...{ name, from: JSON.stringify(from), start: start(from) },
		...(subject !== undefined && { subject }),
		ackWaitMs,
		maxDeliver: atLeastOne(maxDeliver ?? known?.maxDeliver ?? 5, 1_000_000, "maxDeliver"),
		...(backoffMs && { backoffMs }),
		maxAckPending: atLeastOne(maxAckPending ?? known?.maxAckPending ?? 1_000, MOST_ACK_PENDING, "maxAckPending"),
	};
}

export const sameSettings = (one: NewConsumer, other: NewConsumer): boolean =>
	one.ackWaitMs === other.ackWaitMs &&
	one.maxDeliver === other.maxDeliver &&
	one.maxAckPending === other.maxAckPending &&
	JSON.stringify(one.backoffMs) === JSON.stringify(other.backoffMs);

/** Milliseconds. @throws E_INPUT_INVALID */
export function toTime(time: number | string, what: string): number {
	const ms = typeof time === "number" ? time : Date.parse(time);
	if (!Number.isFinite(ms)) throw invalid(`${what} is ${JSON.stringify(time)}, which is not a time`);
	return ms;
}
