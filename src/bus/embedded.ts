/** The bus inside of one process: a publish hands the message to those who listen, and awaits nothing. */
import type { Clock } from "../clock.ts";
import { type Duration, toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Log } from "../log.ts";
import type {
	BusMessage,
	BusStats,
	Headers,
	OwnBus,
	PublishOptions,
	RequestManyOptions,
	RequestOptions,
	SubscribeOptions,
	Subscription,
} from "./bus.ts";
import { EmbeddedStreams, type StreamsParts } from "./embedded-streams.ts";
import { checkHeaders, takeData } from "./envelope.ts";
import { Gather } from "./gather.ts";
import { Interest } from "./interest.ts";
import { serviceError } from "./service-error.ts";
import { checkPattern, checkSubject, INBOX, isInbox } from "./subject.ts";
import { atLeastOne, EmbeddedSubscription } from "./subscription.ts";

const MAX_SUBSCRIPTIONS = 100_000;
const MAX_REQUESTS = 100_000;
const MAX_QUEUE_LENGTH = 128;
const DEFAULT_TIMEOUT = "5s";
const MAX_ANSWERS = 10_000;
/** Subjects that were found to be right, of late. */
const CHECKED_SUBJECTS = 10_000;

export interface EmbeddedBusParts {
	clock: Clock;
	log: Log;
	ledger: StreamsParts["ledger"];
}

/** A message on its way, before it has a receiver. */
interface Envelope {
	subject: string;
	data: Json;
	headers: Headers;
	replyTo: string | undefined;
	size: number;
}

export class EmbeddedBus implements OwnBus {
	readonly streams: EmbeddedStreams;
	readonly #clock: Clock;
	readonly #log: Log;
	readonly #interest = new Interest<EmbeddedSubscription>();
	readonly #checked = new Set<string>();
	readonly #gathers = new Map<string, Gather>();
	readonly #inbox: string;
	#requests = 0;
	#published = 0;
	#delivered = 0;
	#dropped = 0;
	#closed = false;

	constructor({ clock, log, ledger }: EmbeddedBusParts) {
		this.#clock = clock;
		this.#log = log;
		this.#inbox = `${INBOX}.${clock.randomHex(8)}.`;
		this.streams = new EmbeddedStreams({
			clock,
			log,
			ledger,
			deliver: ({ subject, data, headers, size }) =>
				void this.#hand({ subject, data, headers, size, replyTo: undefined }, undefined),
		});
	}

	publish(subject: string, data: Json, options?: PublishOptions): void {
		this.#publish(subject, data, options);
	}

	subscribe(subject: string, options: SubscribeOptions = {}): Subscription {
		this.#checkOpen();
		checkPattern(subject);
		if (options.queue !== undefined) checkQueue(options.queue);
		if (this.#interest.size >= MAX_SUBSCRIPTIONS) {
			throw new MusterError("E_BUS_FULL", `there are ${MAX_SUBSCRIPTIONS} subscriptions already`);
		}
		const onEnd = (ended: EmbeddedSubscription): void => this.#interest.delete(ended);
		const subscription = new EmbeddedSubscription(subject, options, { log: this.#log, onEnd });
		if (options.signal?.aborted) subscription.unsubscribe();
		else this.#interest.add(subscription);
		return subscription;
	}

	async request(subject: string, data: Json, options: RequestOptions = {}): Promise<BusMessage> {
		const { answers, timeoutMs } = await this.#ask(subject, data, { ...options, max: 1 }, true);
		const [answer] = answers;
		if (answer === undefined) {
			throw new MusterError("E_WAIT_TIMEOUT", `nobody answered on ${subject} within ${timeoutMs} ms`);
		}
		const failure = serviceError(answer);
		if (failure !== undefined) throw failure;
		return answer;
	}

	async requestMany(subject: string, data: Json, options: RequestManyOptions = {}): Promise<BusMessage[]> {
		return (await this.#ask(subject, data, options, false)).answers;
	}

	stats(): BusStats {
		return {
			subscriptions: this.#interest.size,
			published: this.#published,
			delivered: this.#delivered,
			dropped: this.#dropped,
			unstored: this.streams.unstored,
		};
	}

	/** Subscriptions, consumers and requests end; nothing is taken any more. */
	async close(): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		for (const subscription of this.#interest.all()) subscription.unsubscribe();
		for (const gather of [...this.#gathers.values()]) gather.fail(closed());
		this.streams.close();
	}

	#publish(subject: string, given: Json, options: PublishOptions | undefined, gather?: Gather): number {
		this.#checkOpen();
		this.#checkSubject(subject);
		const { data, size } = takeData(given);
		const headers = checkHeaders(options?.headers);
		const replyTo = options?.replyTo;
		if (replyTo !== undefined) this.#checkSubject(replyTo);
		this.#published++;
		const envelope = { subject, data, headers, replyTo, size };
		if (isInbox(subject)) return this.#answer(envelope);
		this.streams.keep(envelope);
		return this.#hand(envelope, gather);
	}

	/** Subjects repeat; a right one is looked at once. */
	#checkSubject(subject: string): void {
		if (this.#checked.has(subject)) return;
		checkSubject(subject);
		if (this.#checked.size >= CHECKED_SUBJECTS) this.#checked.clear();
		this.#checked.add(subject);
	}

	/** Returns how many took it in. */
	#hand(envelope: Envelope, gather: Gather | undefined): number {
		const { each, groups } = this.#interest.route(envelope.subject);
		let taken = 0;
		for (const subscription of each) if (this.#give(subscription, envelope, gather)) taken++;
		for (const group of groups) {
			// The next one in turn; one that has no room lets the others go first.
			const { members } = group;
			let chosen = members[group.turn++ % members.length] as EmbeddedSubscription;
			for (let i = 1; i < members.length && !chosen.hasRoom(envelope.size); i++) {
				chosen = members[group.turn++ % members.length] as EmbeddedSubscription;
			}
			if (this.#give(chosen, envelope, gather)) taken++;
		}
		this.#delivered += taken;
		return taken;
	}

	#give(subscription: EmbeddedSubscription, envelope: Envelope, gather: Gather | undefined): boolean {
		const taken = subscription.deliver(envelope.size, (missed) => new Message(this, envelope, missed, gather));
		if (!taken) this.#dropped++;
		return taken;
	}

	#answer(envelope: Envelope): number {
		const gather = this.#gathers.get(envelope.subject);
		if (gather === undefined) return 0; // too late
		gather.add(new Message(this, envelope, 0, undefined));
		return 1;
	}

	async #ask(
		subject: string,
		data: Json,
		{ timeout = DEFAULT_TIMEOUT, headers, signal, max = MAX_ANSWERS }: RequestManyOptions,
		needsOne: boolean,
	): Promise<{ answers: BusMessage[]; timeoutMs: number }> {
		this.#checkOpen();
		signal?.throwIfAborted();
		this.#checkSubject(subject);
		atLeastOne(max, MAX_ANSWERS, "max");
		const timeoutMs = toMs(timeout as Duration, "timeout");
		const { each, groups } = this.#interest.route(subject);
		if (needsOne && each.length + groups.length === 0) {
			throw new MusterError("E_NO_RESPONDERS", `nobody listens on ${subject}`);
		}
		if (this.#gathers.size >= MAX_REQUESTS) {
			throw new MusterError("E_BUS_FULL", `${MAX_REQUESTS} requests wait for their answers already`);
		}
		const replyTo = this.#inbox + String(++this.#requests);
		const onEnd = (): void => void this.#gathers.delete(replyTo);
		const gather = new Gather({ clock: this.#clock, timeoutMs, max, signal, onEnd });
		this.#gathers.set(replyTo, gather);
		try {
			const reached = this.#publish(subject, data, { replyTo, ...(headers && { headers }) }, gather);
			if (!needsOne) gather.expect(reached);
		} catch (error) {
			gather.fail(error);
		}
		await gather.done;
		return { answers: gather.answers, timeoutMs };
	}

	#checkOpen(): void {
		if (this.#closed) throw closed();
	}
}

/** One receiver's own. */
class Message implements BusMessage {
	readonly subject: string;
	readonly data: Json;
	readonly headers: Headers;
	declare readonly replyTo?: string;
	readonly missed: number;
	readonly #bus: EmbeddedBus;
	/** Told once when this receiver has given its last answer. */
	#gather: Gather | undefined;

	constructor(bus: EmbeddedBus, envelope: Envelope, missed: number, gather: Gather | undefined) {
		this.subject = envelope.subject;
		this.data = envelope.data;
		this.headers = envelope.headers;
		if (envelope.replyTo !== undefined) this.replyTo = envelope.replyTo;
		this.missed = missed;
		this.#bus = bus;
		this.#gather = gather;
	}

	respond(data: Json, { headers, more = false }: { headers?: Headers; more?: boolean } = {}): void {
		if (this.replyTo === undefined) return;
		this.#bus.publish(this.replyTo, data, headers && { headers });
		if (more) return;
		this.#gather?.answered();
		this.#gather = undefined;
	}
}

function checkQueue(queue: string): void {
	if (typeof queue === "string" && /^[^\s*>]+$/.test(queue) && queue.length <= MAX_QUEUE_LENGTH) return;
	throw new MusterError("E_INPUT_INVALID", "the name of a queue group is text without white space and wildcards");
}

const closed = (): MusterError => new MusterError("E_STOPPED", "the bus is closed");
