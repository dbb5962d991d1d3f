/** What the state holds of streams: plain data, so that a snapshot and an event can carry it. `fold/streams.ts` changes it. */
import type { Json } from "../json.ts";
import type { Headers } from "./bus.ts";

/** As its event carries it. */
export interface NewStream {
	name: string;
	subjects: string[];
	maxAgeMs?: number;
	maxMessages: number;
	maxBytes: number;
	duplicateWindowMs: number;
}

export interface KeptMessage {
	seq: number;
	at: number;
	subject: string;
	data: Json;
	headers?: Headers;
	id?: string;
	/** Counted against the limits; see {@link sizeOf}. */
	size: number;
}

export interface Stream extends NewStream {
	createdAt: number;
	/** Contiguous, oldest first. */
	messages: Deque<KeptMessage>;
	/** Number of the newest message there ever was. */
	lastSeq: number;
	bytes: number;
	/** Message ids of the duplicate window, oldest first. */
	ids: Map<string, { seq: number; at: number }>;
	consumers: Map<string, Consumer>;
}

/** As its event carries it; a second one of the same name changes the settings and nothing else. */
export interface NewConsumer {
	name: string;
	/** As it was asked for, to tell whether it is asked for again. */
	from: string;
	/** Everything up to this number is none of its business. */
	start: number;
	subject?: string;
	ackWaitMs: number;
	maxDeliver: number;
	backoffMs?: number[];
	maxAckPending: number;
}

/** What became of an append. */
export type AppendOutcome =
	| { kind: "kept"; message: KeptMessage }
	/** Where it is already. */
	| { kind: "duplicate"; seq: number }
	/** It expected another last number than this one. */
	| { kind: "refused"; lastSeq: number }
	/** The stream was deleted meanwhile. */
	| { kind: "gone" };

export interface Letter extends KeptMessage {
	deliveries: number;
	reason: string;
	deadAt: number;
	revived?: true;
}

export interface Consumer extends NewConsumer {
	/** Every message up to this one is done with or not for it: the one before the oldest that is open, else the newest. */
	floor: number;
	/** Done with, above the floor. */
	done: Set<number>;
	/** Deliveries of open messages, of those that were delivered before. */
	deliveries: Map<number, number>;
	/** By number, in the order in which they died. */
	letters: Map<number, Letter>;
	letterBytes: number;
	lettersDropped: number;
}

/** A stream and a consumer as a snapshot has them; messages have lines of their own. */
export type StreamLine = Omit<Stream, "messages" | "ids" | "consumers" | "bytes"> & {
	ids: [id: string, known: { seq: number; at: number }][];
};

export type ConsumerLine = Omit<Consumer, "done" | "deliveries" | "letters" | "letterBytes"> & {
	done: number[];
	deliveries: [seq: number, count: number][];
	letters: Letter[];
};

/** A list that is taken from its head. */
export class Deque<T> {
	#items: T[];
	#head = 0;

	constructor(items: T[] = []) {
		this.#items = items;
	}

	get length(): number {
		return this.#items.length - this.#head;
	}

	push(item: T): void {
		this.#items.push(item);
	}

	at(index: number): T | undefined {
		return index < 0 ? undefined : this.#items[this.#head + index];
	}

	shift(): T | undefined {
		if (this.#head === this.#items.length) return undefined;
		const item = this.#items[this.#head] as T;
		this.#items[this.#head] = undefined as T;
		this.#head++;
		if (this.#head > 64 && this.#head * 2 > this.#items.length) {
			this.#items = this.#items.slice(this.#head);
			this.#head = 0;
		}
		return item;
	}

	clear(): void {
		this.#items = [];
		this.#head = 0;
	}

	*[Symbol.iterator](): Generator<T> {
		for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
	}

	toJSON(): T[] {
		return this.#items.slice(this.#head);
	}
}

/** What a message takes besides its text. */
const OVERHEAD = 64;

/** About the bytes of a value as JSON, without writing it. The same everywhere and for ever: limits depend on it. */
export function weigh(value: Json): number {
	if (typeof value === "string") return value.length + 2;
	if (typeof value === "number") return 8;
	if (value === null || typeof value === "boolean") return 4;
	let sum = 2;
	if (Array.isArray(value)) for (const item of value) sum += weigh(item) + 1;
	else for (const key in value) sum += key.length + 4 + weigh(value[key] as Json);
	return sum;
}

export const sizeOf = ({
	subject,
	data,
	headers,
	id,
}: Pick<KeptMessage, "subject" | "data" | "headers" | "id">): number => sizeWith(weigh(data), subject, headers, id);

/** Of a message whose data weighs so much. */
export function sizeWith(data: number, subject: string, headers: Headers | undefined, id: string | undefined): number {
	return OVERHEAD + subject.length + data + (id?.length ?? 0) + (headers === undefined ? 0 : weigh(headers));
}
