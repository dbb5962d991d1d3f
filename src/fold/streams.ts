/**
 * How events change the streams of the bus and their consumers. Limits are enforced here, by the time of the event, so that
 * every fold of the journal comes to the same streams.
 *
 * Appends are requests of the ledger and what consumers do are facts, so the live state may see the two in another order
 * than the journal (L1). Therefore what a fact does depends on no append that is not older than what it names, and a floor
 * is always the highest that it can be: in either order the same comes out.
 */
import {
	type AppendOutcome,
	type Consumer,
	Deque,
	type Letter,
	type NewConsumer,
	type Stream,
	sizeOf,
} from "../bus/record.ts";
import { matches } from "../bus/subject.ts";
import type { Event, EventType } from "../events.ts";
import type { State } from "../state.ts";
import type { Folds } from "./folds.ts";

export const MAX_LETTERS = 1_000;
/** About the bytes of all dead letters of a consumer; the newest one stays in any case. */
export const MAX_LETTER_BYTES = 1024 * 1024;
/** Message ids that a stream remembers. */
export const MAX_MESSAGE_IDS = 50_000;

export const streamFolds: Folds<Extract<EventType, `stream.${string}` | `consumer.${string}`>> = {
	"stream.created"(state, { at, stream }) {
		if (state.streams.has(stream.name)) return;
		const empty = { messages: new Deque<never>(), lastSeq: 0, bytes: 0, ids: new Map(), consumers: new Map() };
		state.streams.set(stream.name, { ...stream, createdAt: at, ...empty });
	},
	"stream.deleted"(state, event) {
		state.streams.delete(event.name);
	},
	"stream.appended"(state, event, sink) {
		const stream = state.streams.get(event.stream);
		const outcome: AppendOutcome = stream === undefined ? { kind: "gone" } : append(stream, event);
		sink.appended?.(outcome);
	},
	"consumer.created"(state, event) {
		const stream = state.streams.get(event.stream);
		if (stream === undefined) return;
		const { consumer } = event;
		const known = stream.consumers.get(consumer.name);
		if (known !== undefined) return change(known, consumer);
		const fresh = {
			done: new Set<number>(),
			deliveries: new Map(),
			letters: new Map(),
			letterBytes: 0,
			lettersDropped: 0,
		};
		const made: Consumer = { ...consumer, floor: consumer.start, ...fresh };
		stream.consumers.set(made.name, made);
		settle(stream, made);
	},
	"consumer.deleted"(state, event) {
		state.streams.get(event.stream)?.consumers.delete(event.name);
	},
	"consumer.acked"(state, event) {
		withConsumer(state, event, (stream, consumer) => {
			for (const seq of event.seqs) {
				if (consumer.letters.get(seq)?.revived) deleteLetter(consumer, seq);
				else markDone(consumer, seq);
			}
			settle(stream, consumer);
		});
	},
	"consumer.redelivered"(state, event) {
		withConsumer(state, event, (_, consumer) => {
			for (const [seq, count] of event.deliveries) {
				const letter = consumer.letters.get(seq);
				if (letter?.revived) letter.deliveries = count;
				else if (isOpen(consumer, seq)) consumer.deliveries.set(seq, count);
			}
		});
	},
	"consumer.dead"(state, event) {
		withConsumer(state, event, (stream, consumer) => {
			const { message, deliveries, reason, at } = event;
			deleteLetter(consumer, message.seq);
			markDone(consumer, message.seq);
			settle(stream, consumer);
			addLetter(consumer, { ...message, size: sizeOf(message), deliveries, reason, deadAt: at });
		});
	},
	"consumer.revived"(state, event) {
		withConsumer(state, event, (_, consumer) => {
			for (const seq of event.seqs) {
				const letter = consumer.letters.get(seq);
				if (letter !== undefined) Object.assign(letter, { revived: true, deliveries: 0 });
			}
		});
	},
	"consumer.dropped"(state, event) {
		withConsumer(state, event, (_, consumer) => {
			for (const seq of event.seqs) deleteLetter(consumer, seq);
		});
	},
};

/** Both may have been deleted since the event was decided. */
function withConsumer(
	state: State,
	event: { stream: string; consumer: string },
	fold: (stream: Stream, consumer: Consumer) => void,
): void {
	const stream = state.streams.get(event.stream);
	const consumer = stream?.consumers.get(event.consumer);
	if (stream !== undefined && consumer !== undefined) fold(stream, consumer);
}

function append(stream: Stream, event: Extract<Event, { type: "stream.appended" }>): AppendOutcome {
	const { subject, data, headers, id, expect } = event;
	if (id !== undefined) {
		const known = knownId(stream, id, event.at);
		if (known !== undefined) return { kind: "duplicate", seq: known };
	}
	if (expect !== undefined && expect !== stream.lastSeq) return { kind: "refused", lastSeq: stream.lastSeq };
	// Never less than the one before, whatever the wall clock does: a time is looked for by halves.
	const at = Math.max(event.at, stream.messages.at(stream.messages.length - 1)?.at ?? 0);
	const seq = ++stream.lastSeq;
	const message = {
		...{ seq, at, subject, data },
		...(headers !== undefined && { headers }),
		...(id !== undefined && { id }),
		size: sizeOf(event),
	};
	stream.messages.push(message);
	stream.bytes += message.size;
	if (id !== undefined) rememberId(stream, id, seq, event.at);
	enforceLimits(stream, at);
	const first = firstSeq(stream);
	for (const consumer of stream.consumers.values()) {
		if (consumer.floor < first - 1 || consumer.floor === seq - 1) settle(stream, consumer);
	}
	return { kind: "kept", message };
}

/** The number of the message with this id, while the stream remembers it. */
export function knownId(stream: Stream, id: string, at: number): number | undefined {
	const known = stream.ids.get(id);
	return known !== undefined && at - known.at <= stream.duplicateWindowMs ? known.seq : undefined;
}

function rememberId(stream: Stream, id: string, seq: number, at: number): void {
	stream.ids.delete(id);
	stream.ids.set(id, { seq, at });
	for (const [old, known] of stream.ids) {
		if (stream.ids.size <= MAX_MESSAGE_IDS && at - known.at <= stream.duplicateWindowMs) break;
		stream.ids.delete(old);
	}
}

function enforceLimits(stream: Stream, at: number): void {
	const { messages, maxMessages, maxBytes } = stream;
	for (let oldest = messages.at(0); oldest !== undefined; oldest = messages.at(0)) {
		if (messages.length <= maxMessages && stream.bytes <= maxBytes && !isTooOld(stream, oldest, at)) break;
		messages.shift();
		stream.bytes -= oldest.size;
	}
}

export const isTooOld = ({ maxAgeMs }: Stream, message: { at: number }, now: number): boolean =>
	maxAgeMs !== undefined && message.at <= now - maxAgeMs;

/** Number of the oldest message; one more than the newest there ever was when there is none. */
export const firstSeq = ({ lastSeq, messages }: Stream): number => lastSeq - messages.length + 1;

export const messageAt = (stream: Stream, seq: number) => stream.messages.at(seq - firstSeq(stream));

export const wants = ({ subject }: NewConsumer, message: { subject: string }): boolean =>
	subject === undefined || matches(subject, message.subject);

/** Not done with, though it may be gone. */
export const isOpen = ({ floor, done }: Consumer, seq: number): boolean => seq > floor && !done.has(seq);

function markDone(consumer: Consumer, seq: number): void {
	if (seq <= consumer.floor) return;
	consumer.done.add(seq);
	consumer.deliveries.delete(seq);
}

/** Moves the floor as high as it goes. */
function settle(stream: Stream, consumer: Consumer): void {
	const first = firstSeq(stream);
	while (consumer.floor < stream.lastSeq) {
		const next = consumer.floor + 1;
		const message = next < first ? undefined : messageAt(stream, next);
		if (message !== undefined && !consumer.done.has(next) && wants(consumer, message)) return;
		consumer.done.delete(next);
		consumer.deliveries.delete(next);
		consumer.floor = next;
	}
}

function change(known: Consumer, { subject: _, start: __, from: ___, backoffMs, ...settings }: NewConsumer): void {
	Object.assign(known, settings);
	if (backoffMs === undefined) delete known.backoffMs;
	else known.backoffMs = backoffMs;
}

function addLetter(consumer: Consumer, letter: Letter): void {
	const { letters } = consumer;
	letters.set(letter.seq, letter);
	consumer.letterBytes += letter.size;
	for (const seq of letters.keys()) {
		if (letters.size <= MAX_LETTERS && (consumer.letterBytes <= MAX_LETTER_BYTES || letters.size === 1)) break;
		deleteLetter(consumer, seq);
		consumer.lettersDropped++;
	}
}

function deleteLetter(consumer: Consumer, seq: number): void {
	const letter = consumer.letters.get(seq);
	if (letter === undefined) return;
	consumer.letters.delete(seq);
	consumer.letterBytes -= letter.size;
}
