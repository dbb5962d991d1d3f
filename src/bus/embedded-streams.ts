/** Durable streams in the journal: what is kept is part of the state, this decides and answers. */
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import { encodeEvent } from "../events.ts";
import { firstSeq, isOpen, isTooOld, knownId, messageAt, wants } from "../fold/streams.ts";
import type { Json } from "../json.ts";
import type { Log } from "../log.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { type Append, AppendBatch, type AppendEvent } from "./append-batch.ts";
import type { Headers } from "./bus.ts";
import { type ConsumerWorld, LiveConsumer } from "./consumer.ts";
import { checkHeaders, frozen, NO_HEADERS, takeData } from "./envelope.ts";
import { type AppendOutcome, type Consumer, type KeptMessage, type Letter, type Stream, sizeWith } from "./record.ts";
import type {
	Appended,
	AppendOptions,
	ConsumeOptions,
	ConsumerInfo,
	Consumption,
	DeadLetter,
	ReadOptions,
	StoredMessage,
	StreamInfo,
	StreamSpec,
	Streams,
} from "./stream.ts";
import {
	checkMessageId,
	checkName,
	checkNewConsumer,
	checkNewStream,
	sameSettings,
	sameStream,
	toConsumer,
	toStream,
	toTime,
} from "./stream-limits.ts";
import { checkPattern, checkSubject, matcher, matches } from "./subject.ts";
import { atLeastOne } from "./subscription.ts";

const MAX_AT_ONCE = 10_000;
const DEFAULT_READ = 100;
const ROUTED_SUBJECTS = 10_000;

export interface LiveMessage {
	subject: string;
	data: Json;
	headers: Headers;
	size: number;
}

export interface StreamsParts {
	clock: Clock;
	log: Log;
	ledger: Pick<Ledger, "state" | "request" | "transact">;
	/** To those who subscribed to its subject. */
	deliver(message: LiveMessage): void;
}

export class EmbeddedStreams implements Streams {
	readonly #parts: StreamsParts;
	readonly #appends: AppendBatch;
	readonly #consumers = new Map<Consumer, LiveConsumer>();
	/** Consumers that are as old as the state that was recovered. */
	readonly #old: ReadonlySet<Consumer>;
	/** The stream that keeps a subject, or null; emptied when streams come or go. */
	readonly #routes = new Map<string, Stream | null>();
	/** One at a time, so that each sees the ones before. */
	#creating: Promise<unknown> = Promise.resolve();
	readonly #acks = new Map<LiveConsumer, number[]>();
	#acking: Promise<void> | undefined;
	#unstored = 0;
	#failing = false;
	#closed = false;

	constructor(parts: StreamsParts) {
		this.#parts = parts;
		const { streams } = parts.ledger.state;
		this.#old = new Set([...streams.values()].flatMap(({ consumers }) => [...consumers.values()]));
		this.#appends = new AppendBatch({
			request: (...request) => parts.ledger.request(...request),
			applied: (names) => this.#wake(names),
		});
	}

	/** Ordinary messages that could not be kept. */
	get unstored(): number {
		return this.#unstored;
	}

	get #streams(): ReadonlyMap<string, Stream> {
		return this.#parts.ledger.state.streams;
	}

	create(spec: StreamSpec): Promise<StreamInfo> {
		const created = this.#creating.then(() => this.#create(spec));
		this.#creating = created.catch(() => undefined);
		return created;
	}

	async #create(spec: StreamSpec): Promise<StreamInfo> {
		this.#checkOpen();
		const stream = toStream(spec);
		const known = this.#streams.get(stream.name);
		if (known !== undefined) {
			if (sameStream(known, stream)) return this.#infoOf(known);
			throw new MusterError("E_CONFLICT", `there is a stream ${stream.name} with other settings`, {
				hint: "Delete it first, with all that it keeps, or use another name.",
			});
		}
		checkNewStream(stream, this.#streams.values());
		const event: Event = { type: "stream.created", at: this.#parts.clock.now(), stream };
		await this.#parts.ledger.request([event], [encodeEvent(event)], () => this.#routes.clear());
		return this.#infoOf(this.#need(stream.name));
	}

	async delete(name: string): Promise<void> {
		this.#checkOpen();
		const { consumers } = this.#need(name);
		const durable = this.#parts.ledger.transact((emit) =>
			emit({ type: "stream.deleted", at: this.#parts.clock.now(), name }),
		);
		this.#routes.clear();
		for (const consumer of consumers.values()) this.#end(consumer);
		await durable;
	}

	async list(): Promise<StreamInfo[]> {
		return [...this.#streams.values()].map((stream) => this.#infoOf(stream));
	}

	async info(name: string): Promise<StreamInfo> {
		return this.#infoOf(this.#need(name));
	}

	async append(subject: string, data: Json, options: AppendOptions = {}): Promise<Appended> {
		this.#checkOpen();
		const [appended] = await this.#append([this.#toEvent(subject, data, options)]);
		return appended as Appended;
	}

	async appendMany(messages: Parameters<Streams["appendMany"]>[0]): Promise<Appended[]> {
		this.#checkOpen();
		if (messages.length > MAX_AT_ONCE) {
			throw new MusterError("E_INPUT_TOO_LARGE", `${messages.length} messages of at most ${MAX_AT_ONCE} at once`);
		}
		return this.#append(messages.map((message) => this.#toEvent(message.subject, message.data, message)));
	}

	#append(events: readonly AppendEvent[]): Promise<Appended[]> {
		const known = this.#known(events);
		if (known !== undefined) return Promise.resolve(known);
		return new Promise((resolve, reject) => {
			const settle: Append["settle"] = (outcomes, from) => {
				const results: Appended[] = [];
				for (const [i, event] of events.entries()) {
					const outcome = outcomes[from + i] as AppendOutcome;
					if (outcome.kind === "refused" || outcome.kind === "gone") {
						reject(refusal(event, outcome)); // the only one of its append, or all of its stream are
						continue;
					}
					if (outcome.kind === "kept") this.#parts.deliver(live(outcome.message));
					const seq = outcome.kind === "kept" ? outcome.message.seq : outcome.seq;
					results.push({ stream: event.stream, seq, duplicate: outcome.kind === "duplicate" });
				}
				resolve(results);
			};
			this.#appends.add({ events, settle, fail: reject });
		});
	}

	/** Where all of them are already: then nothing has to be written to say so. */
	#known(events: readonly AppendEvent[]): Appended[] | undefined {
		const found: Appended[] = [];
		for (const { stream, id, at } of events) {
			const record = this.#streams.get(stream);
			const seq = id === undefined || record === undefined ? undefined : knownId(record, id, at);
			if (seq === undefined) return undefined;
			found.push({ stream, seq, duplicate: true });
		}
		return found;
	}

	/** @throws E_STREAM_UNKNOWN, E_INPUT_INVALID, E_INPUT_TOO_LARGE */
	#toEvent(subject: string, given: Json, options: AppendOptions): AppendEvent {
		const { messageId, expectedLastSeq } = options;
		checkSubject(subject);
		if (messageId !== undefined) checkMessageId(messageId);
		if (expectedLastSeq !== undefined && !(Number.isSafeInteger(expectedLastSeq) && expectedLastSeq >= 0)) {
			throw new MusterError("E_INPUT_INVALID", `expectedLastSeq is ${expectedLastSeq}; it is 0, 1, 2 ...`);
		}
		const stream = this.#keeper(subject);
		if (stream === undefined) {
			throw new MusterError("E_STREAM_UNKNOWN", `no stream keeps the subject ${subject}`, {
				hint: "Create a stream with this subject first.",
			});
		}
		const headers = checkHeaders(options.headers);
		const event = this.#event(stream, { subject, headers, ...takeData(given) }, messageId);
		if (expectedLastSeq !== undefined) event.expect = expectedLastSeq;
		return event;
	}

	/** @throws E_INPUT_TOO_LARGE */
	#event(stream: Stream, { subject, data, headers, size }: LiveMessage, id?: string): AppendEvent {
		const whole = sizeWith(size, subject, headers === NO_HEADERS ? undefined : headers, id);
		if (whole > stream.maxBytes) {
			throw new MusterError(
				"E_INPUT_TOO_LARGE",
				`the message takes ${whole} bytes, the stream ${stream.name} keeps ${stream.maxBytes}`,
			);
		}
		const at = this.#parts.clock.now();
		const event: AppendEvent = { type: "stream.appended", at, stream: stream.name, subject, data };
		if (headers !== NO_HEADERS) event.headers = headers;
		if (id !== undefined) event.id = id;
		return event;
	}

	/** An ordinary message, on its way already: the stream of its subject, if there is one, keeps it as well as it can. */
	keep(message: LiveMessage): void {
		if (this.#streams.size === 0) return;
		const stream = this.#keeper(message.subject);
		if (stream === undefined) return;
		const fail = (error: unknown): void => this.#notKept(stream, error);
		try {
			const event = this.#event(stream, message);
			const settle: Append["settle"] = (outcomes, from) => {
				const outcome = outcomes[from];
				if (outcome?.kind === "kept") this.#failing = false;
				else fail(new MusterError("E_STREAM_UNKNOWN", `the stream ${stream.name} was deleted`));
			};
			this.#appends.add({ events: [event], settle, fail });
		} catch (error) {
			fail(error);
		}
	}

	#notKept(stream: Stream, error: unknown): void {
		this.#unstored++;
		if (this.#failing) return; // told of once, until it works again
		this.#failing = true;
		const { code, message } = toErrorData(error, "E_INTERNAL");
		this.#parts.log.warn("messages were published that their stream could not keep", {
			...{ stream: stream.name, code, error: message, unstored: this.#unstored },
		});
	}

	async read(name: string, options: ReadOptions = {}): Promise<StoredMessage[]> {
		const { fromSeq, fromTime, subject, limit = DEFAULT_READ } = options;
		atLeastOne(limit, MAX_AT_ONCE, "limit");
		if (subject !== undefined) checkPattern(subject);
		const stream = this.#need(name);
		const first = firstSeq(stream);
		const wanted = subject === undefined ? () => true : matcher(subject);
		const now = this.#parts.clock.now();
		let seq = fromTime === undefined ? (fromSeq ?? first) : seqAt(stream, toTime(fromTime, "fromTime"));
		if (!Number.isSafeInteger(seq)) throw new MusterError("E_INPUT_INVALID", `fromSeq is ${seq}; it is 1, 2, 3 ...`);
		const found: StoredMessage[] = [];
		for (seq = Math.max(seq, first); seq <= stream.lastSeq && found.length < limit; seq++) {
			const message = messageAt(stream, seq) as KeptMessage;
			if (wanted(message.subject) && !isTooOld(stream, message, now)) found.push(stored(stream.name, message));
		}
		return found;
	}

	async consume(name: string, options: ConsumeOptions): Promise<Consumption> {
		this.#checkOpen();
		const { signal } = options;
		signal?.throwIfAborted();
		const stream = this.#need(name);
		const wanted = toConsumer(options, (from) => startOf(stream, from));
		const known = stream.consumers.get(wanted.name);
		if (known === undefined) checkNewConsumer(stream, this.#streams.values());
		else if (known.subject !== wanted.subject || (options.from !== undefined && known.from !== wanted.from)) {
			throw new MusterError("E_CONFLICT", `${name} has a consumer ${known.name} with another subject or beginning`, {
				hint: "Use another name, or delete the consumer first.",
			});
		}
		if (known === undefined || !sameSettings(known, wanted)) {
			const at = this.#parts.clock.now();
			await this.#parts.ledger.transact((emit) =>
				emit({ type: "consumer.created", at, stream: name, consumer: wanted }),
			);
		}
		return this.#live(stream, wanted.name).begin(signal);
	}

	async deleteConsumer(name: string, consumer: string): Promise<void> {
		this.#checkOpen();
		const { record } = this.#needConsumer(name, consumer);
		const at = this.#parts.clock.now();
		const durable = this.#parts.ledger.transact((emit) =>
			emit({ type: "consumer.deleted", at, stream: name, name: consumer }),
		);
		this.#end(record);
		await durable;
	}

	async deadLetters(name: string, consumer: string): Promise<DeadLetter[]> {
		const { record } = this.#needConsumer(name, consumer);
		return [...record.letters.values()].map((letter) => ({
			...stored(name, letter),
			...{ deliveries: letter.deliveries, reason: letter.reason, deadAt: letter.deadAt },
			revived: letter.revived === true,
		}));
	}

	async reviveDead(name: string, consumer: string, seqs?: readonly number[]): Promise<number> {
		const { stream, record } = this.#needConsumer(name, consumer);
		const chosen = chooseLetters(record, seqs, ({ revived }) => !revived);
		const durable = this.#changeLetters("consumer.revived", name, consumer, chosen);
		this.#live(stream, consumer).revive(chosen);
		await durable;
		return chosen.length;
	}

	async dropDead(name: string, consumer: string, seqs?: readonly number[]): Promise<number> {
		const { record } = this.#needConsumer(name, consumer);
		const chosen = chooseLetters(record, seqs, () => true);
		await this.#changeLetters("consumer.dropped", name, consumer, chosen);
		return chosen.length;
	}

	#changeLetters(
		type: "consumer.revived" | "consumer.dropped",
		stream: string,
		consumer: string,
		seqs: number[],
	): Promise<void> {
		this.#checkOpen();
		if (seqs.length === 0) return Promise.resolve();
		const at = this.#parts.clock.now();
		return this.#parts.ledger.transact((emit) => emit({ type, at, stream, consumer, seqs }));
	}

	/** Consumers end; what they were given comes again at the next start. */
	close(): void {
		this.#closed = true;
		for (const consumer of this.#consumers.values()) consumer.close();
		this.#consumers.clear();
	}

	#wake(names: ReadonlySet<string>): void {
		for (const consumer of this.#consumers.values()) if (names.has(consumer.stream.name)) consumer.pump();
	}

	#live(stream: Stream, name: string): LiveConsumer {
		this.#checkOpen();
		const record = stream.consumers.get(name);
		if (record === undefined || this.#streams.get(stream.name) !== stream) {
			throw new MusterError("E_CONSUMER_UNKNOWN", `${stream.name} has no consumer ${name}`);
		}
		let live = this.#consumers.get(record);
		if (live === undefined) {
			const { clock, log, ledger } = this.#parts;
			const world: ConsumerWorld = {
				...{ clock, log },
				transact: (decide, kind) => ledger.transact(decide, kind),
				ack: (consumer, seq) => this.#ack(consumer, seq),
			};
			live = new LiveConsumer(stream, record, this.#old.has(record), world);
			this.#consumers.set(record, live);
		}
		return live;
	}

	#end(record: Consumer): void {
		this.#consumers.get(record)?.close();
		this.#consumers.delete(record);
	}

	/** One group of facts for all of a turn. */
	#ack(consumer: LiveConsumer, seq: number): Promise<void> {
		const seqs = this.#acks.get(consumer);
		if (seqs === undefined) this.#acks.set(consumer, [seq]);
		else seqs.push(seq);
		if (this.#acking === undefined) {
			this.#acking = Promise.resolve().then(() => this.#storeAcks());
			this.#acking.catch(() => undefined); // who waits for it hears of it; nobody has to
		}
		return this.#acking;
	}

	#storeAcks(): Promise<void> {
		const acks = [...this.#acks];
		this.#acks.clear();
		this.#acking = undefined;
		const at = this.#parts.clock.now();
		return this.#parts.ledger.transact((emit) => {
			for (const [{ stream, record }, seqs] of acks) {
				emit({ type: "consumer.acked", at, stream: stream.name, consumer: record.name, seqs });
			}
		});
	}

	#keeper(subject: string): Stream | undefined {
		let stream = this.#routes.get(subject);
		if (stream === undefined) {
			stream = this.#streams.values().find(({ subjects }) => subjects.some((kept) => matches(kept, subject))) ?? null;
			if (this.#routes.size >= ROUTED_SUBJECTS) this.#routes.clear();
			this.#routes.set(subject, stream);
		}
		return stream ?? undefined;
	}

	#need(name: string): Stream {
		checkName(name, "stream");
		const stream = this.#streams.get(name);
		if (stream === undefined) throw new MusterError("E_STREAM_UNKNOWN", `there is no stream ${name}`);
		return stream;
	}

	#needConsumer(name: string, consumer: string): { stream: Stream; record: Consumer } {
		const stream = this.#need(name);
		const record = stream.consumers.get(consumer);
		if (record === undefined) {
			throw new MusterError("E_CONSUMER_UNKNOWN", `the stream ${name} has no consumer ${JSON.stringify(consumer)}`);
		}
		return { stream, record };
	}

	#infoOf(stream: Stream): StreamInfo {
		const { name, subjects, createdAt, maxAgeMs, maxMessages, maxBytes, duplicateWindowMs } = stream;
		const now = this.#parts.clock.now();
		let tooOld = 0;
		let bytes = stream.bytes;
		for (const message of stream.messages) {
			if (!isTooOld(stream, message, now)) break;
			tooOld++;
			bytes -= message.size;
		}
		return {
			...{ name, subjects: [...subjects], createdAt: new Date(createdAt).toISOString() },
			...(maxAgeMs !== undefined && { maxAgeMs }),
			...{ maxMessages, maxBytes, duplicateWindowMs },
			...{ messages: stream.messages.length - tooOld, bytes },
			...{ firstSeq: firstSeq(stream) + tooOld, lastSeq: stream.lastSeq },
			consumers: [...stream.consumers.values()].map((consumer) => this.#consumerInfo(stream, consumer)),
		};
	}

	#consumerInfo(stream: Stream, consumer: Consumer): ConsumerInfo {
		const { name, subject, ackWaitMs, maxDeliver, backoffMs, maxAckPending, floor, letters, lettersDropped } = consumer;
		const live = this.#consumers.get(consumer);
		const now = this.#parts.clock.now();
		let pending = 0;
		const from = Math.max(live?.cursor ?? floor, firstSeq(stream) - 1) + 1;
		for (let seq = from; seq <= stream.lastSeq; seq++) {
			const message = messageAt(stream, seq) as KeptMessage;
			if (isOpen(consumer, seq) && wants(consumer, message) && !isTooOld(stream, message, now)) pending++;
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

	#checkOpen(): void {
		if (this.#closed) throw new MusterError("E_STOPPED", "the bus is closed");
	}
}

function refusal(event: AppendEvent, outcome: Extract<AppendOutcome, { kind: "refused" | "gone" }>): MusterError {
	if (outcome.kind === "gone") return new MusterError("E_STREAM_UNKNOWN", `the stream ${event.stream} was deleted`);
	return new MusterError(
		"E_CONFLICT",
		`the newest message of ${event.stream} is number ${outcome.lastSeq}, not ${event.expect}`,
		{ details: { lastSeq: outcome.lastSeq } },
	);
}

const live = ({ subject, data, headers = NO_HEADERS, size }: KeptMessage): LiveMessage => ({
	...{ subject, data, headers, size },
});

function stored(stream: string, { seq, at, subject, data, headers, id }: KeptMessage): StoredMessage {
	return {
		...{ stream, seq, at, subject, data: frozen(data) },
		headers: headers === undefined ? NO_HEADERS : Object.freeze(headers),
		...(id !== undefined && { messageId: id }),
	};
}

/** Number of the first message at or after a time; one more than the newest when there is none. */
function seqAt(stream: Stream, time: number): number {
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
function startOf(stream: Stream, from: NonNullable<ConsumeOptions["from"]>): number {
	if (from === "all") return 0;
	if (from === "new") return stream.lastSeq;
	if (typeof from === "object" && from !== null && "time" in from)
		return seqAt(stream, toTime(from.time, "from.time")) - 1;
	if (typeof from === "object" && from !== null && Number.isSafeInteger(from.seq) && from.seq >= 1) return from.seq - 1;
	throw new MusterError("E_INPUT_INVALID", "from is all, new, { seq } with a number from 1 on, or { time }");
}

function chooseLetters(
	record: Consumer,
	seqs: readonly number[] | undefined,
	which: (letter: Letter) => boolean,
): number[] {
	const wanted = seqs === undefined ? undefined : new Set(seqs);
	return [...record.letters.values()]
		.filter((letter) => which(letter) && (wanted?.has(letter.seq) ?? true))
		.map(({ seq }) => seq);
}
