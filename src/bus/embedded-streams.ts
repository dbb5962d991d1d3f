/** Durable streams in the journal: what is kept is part of the state, this decides and answers. */
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import { encodeEvent } from "../events.ts";
import { firstSeq, isTooOld, knownId, messageAt } from "../fold/streams.ts";
import type { Json } from "../json.ts";
import type { Log } from "../log.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { type Append, AppendBatch, type AppendEvent } from "./append-batch.ts";
import type { Headers } from "./bus.ts";
import { EmbeddedConsumers } from "./embedded-consumers.ts";
import { checkHeaders, NO_HEADERS, takeData } from "./envelope.ts";
import { type AppendOutcome, type KeptMessage, type Stream, sizeWith } from "./record.ts";
import type {
	Appended,
	AppendOptions,
	ConsumeOptions,
	Consumption,
	DeadLetter,
	ReadOptions,
	StoredMessage,
	StreamInfo,
	StreamSpec,
	Streams,
} from "./stream.ts";
import { checkMessageId, checkNewStream, needStream, sameStream, toStream, toTime } from "./stream-limits.ts";
import { seqAt, stored, streamInfo } from "./stream-view.ts";
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
	readonly #consumers: EmbeddedConsumers;
	/** The stream that keeps a subject, or null; emptied when streams come or go. */
	readonly #routes = new Map<string, Stream | null>();
	/** One at a time, so that each sees the ones before. */
	#creating: Promise<unknown> = Promise.resolve();
	#unstored = 0;
	#failing = false;
	#closed = false;

	constructor(parts: StreamsParts) {
		this.#parts = parts;
		this.#consumers = new EmbeddedConsumers(parts);
		this.#appends = new AppendBatch({
			request: (...request) => parts.ledger.request(...request),
			applied: (names) => this.#consumers.wake(names),
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
		return this.#infoOf(needStream(this.#streams, stream.name));
	}

	async delete(name: string): Promise<void> {
		this.#checkOpen();
		const { consumers } = needStream(this.#streams, name);
		const durable = this.#parts.ledger.transact((emit) =>
			emit({ type: "stream.deleted", at: this.#parts.clock.now(), name }),
		);
		this.#routes.clear();
		for (const consumer of consumers.values()) this.#consumers.end(consumer);
		await durable;
	}

	async list(): Promise<StreamInfo[]> {
		return [...this.#streams.values()].map((stream) => this.#infoOf(stream));
	}

	async info(name: string): Promise<StreamInfo> {
		return this.#infoOf(needStream(this.#streams, name));
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
		const stream = needStream(this.#streams, name);
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
		return this.#consumers.consume(name, options);
	}

	async deleteConsumer(name: string, consumer: string): Promise<void> {
		this.#checkOpen();
		await this.#consumers.delete(name, consumer);
	}

	async deadLetters(name: string, consumer: string): Promise<DeadLetter[]> {
		return this.#consumers.deadLetters(name, consumer);
	}

	async reviveDead(name: string, consumer: string, seqs?: readonly number[]): Promise<number> {
		this.#checkOpen();
		return this.#consumers.reviveDead(name, consumer, seqs);
	}

	async dropDead(name: string, consumer: string, seqs?: readonly number[]): Promise<number> {
		this.#checkOpen();
		return this.#consumers.dropDead(name, consumer, seqs);
	}

	/** Consumers end; what they were given comes again at the next start. */
	close(): void {
		this.#closed = true;
		this.#consumers.close();
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

	#infoOf(stream: Stream): StreamInfo {
		return streamInfo(stream, this.#parts.clock.now(), (consumer) => this.#consumers.live(consumer));
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
