/** What is told of streams: their messages, their numbers, and where a time or a wish leads. */
import { MusterError } from "../errors.ts";
import { firstSeq, isOpen, isTooOld, messageAt, wants } from "../fold/streams.ts";
import { frozen, NO_HEADERS } from "./envelope.ts";
import type { Consumer, KeptMessage, Stream } from "./record.ts";
import type { ConsumeOptions, ConsumerInfo, StoredMessage, StreamInfo } from "./stream.ts";
import { toTime } from "./stream-limits.ts";

/** What only the process knows of a consumer. */
export interface OnItsWay {
	readonly ackPending: number;
	/** The last message that was delivered or passed over. */
	readonly cursor: number;
}

/** What is too old counts as gone, though the next append drops it first. */
export function streamInfo(
	stream: Stream,
	now: number,
	live: (consumer: Consumer) => OnItsWay | undefined,
): StreamInfo {
	const { name, subjects, createdAt, maxAgeMs, maxMessages, maxBytes, duplicateWindowMs } = stream;
	let tooOld = 0;
	let { bytes } = stream;
	for (const message of stream.messages) {
		if (!isTooOld(stream, message, now)) break;
		tooOld++;
		bytes -= message.size;
	}
	const first = firstSeq(stream) + tooOld;
	return {
		...{ name, subjects: [...subjects], createdAt: new Date(createdAt).toISOString() },
		...(maxAgeMs !== undefined && { maxAgeMs }),
		...{ maxMessages, maxBytes, duplicateWindowMs },
		...{ messages: stream.messages.length - tooOld, bytes, firstSeq: first, lastSeq: stream.lastSeq },
		consumers: [...stream.consumers.values()].map((consumer) => consumerInfo(stream, consumer, first, live(consumer))),
	};
}

function consumerInfo(stream: Stream, consumer: Consumer, first: number, live: OnItsWay | undefined): ConsumerInfo {
	const { name, subject, ackWaitMs, maxDeliver, backoffMs, maxAckPending, floor, letters, lettersDropped } = consumer;
	let pending = 0;
	for (let seq = Math.max((live?.cursor ?? floor) + 1, first); seq <= stream.lastSeq; seq++) {
		if (isOpen(consumer, seq) && wants(consumer, messageAt(stream, seq) as KeptMessage)) pending++;
	}
	return {
		...{ name, stream: stream.name },
		...(subject !== undefined && { subject }),
		...{ ackWaitMs, maxDeliver },
		...(backoffMs !== undefined && { backoffMs: [...backoffMs] }),
		...{ maxAckPending, ackFloor: floor, ackPending: live?.ackPending ?? 0, pending },
		...{ deadLetters: letters.size, deadLettersDropped: lettersDropped },
	};
}

export function stored(stream: string, { seq, at, subject, data, headers, id }: KeptMessage): StoredMessage {
	return {
		...{ stream, seq, at, subject, data: frozen(data) },
		headers: headers === undefined ? NO_HEADERS : Object.freeze(headers),
		...(id !== undefined && { messageId: id }),
	};
}

/** Number of the first message at or after a time; one more than the newest when there is none. */
export function seqAt(stream: Stream, time: number): number {
	let low = 0;
	let high = stream.messages.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((stream.messages.at(middle) as KeptMessage).at < time) low = middle + 1;
		else high = middle;
	}
	return firstSeq(stream) + low;
}

/** Everything up to this number is none of the consumer's business. @throws E_INPUT_INVALID */
export function startOf(stream: Stream, from: NonNullable<ConsumeOptions["from"]>): number {
	if (from === "all") return 0;
	if (from === "new") return stream.lastSeq;
	if (typeof from === "object" && from !== null && "time" in from)
		return seqAt(stream, toTime(from.time, "from.time")) - 1;
	if (typeof from === "object" && from !== null && Number.isSafeInteger(from.seq) && from.seq >= 1) return from.seq - 1;
	throw new MusterError("E_INPUT_INVALID", "from is all, new, { seq } with a number from 1 on, or { time }");
}
