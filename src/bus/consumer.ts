/**
 * One consumer of the embedded streams while this process lives: what is out, what comes again, and who waits for work.
 * What it has done is in the state; this is only what is on its way, and a restart may forget it.
 *
 * From the oldest open message on, each is handed to whoever asks next, and comes again when nobody says that it is done in
 * time. A second delivery is noted in the journal before it is handed over, and so is the first one of a message that was
 * there when the process began: a message over which the process dies comes to its last delivery like any other.
 */
import type { Clock } from "../clock.ts";
import { type Duration, toMs } from "../duration.ts";
import { firstSeq, isOpen, isTooOld, messageAt, wants } from "../fold/streams.ts";
import type { Log } from "../log.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit } from "../scheduler/ledger.ts";
import { Delivery, END, type Receiver, type Source, type Taken, Taking } from "./delivery.ts";
import { type Consumer, Deque, type KeptMessage, type Stream } from "./record.ts";
import type { Consumption } from "./stream.ts";

export interface ConsumerWorld {
	clock: Clock;
	log: Log;
	/** Facts, all of one turn as one. @param kind as of the ledger */
	transact(decide: (emit: Emit) => void, kind?: "fact" | "note"): Promise<void>;
	/** Acknowledges with all others of the turn; resolves when durable. */
	ack(consumer: LiveConsumer, seq: number): Promise<void>;
}

type Taker = (result: Taken) => void;

interface Handed {
	taking: Taking;
	taker: Taker;
	delivery: Delivery;
}

const MAX_REASON = 500;

export class LiveConsumer implements Source, Receiver {
	readonly stream: Stream;
	readonly record: Consumer;
	readonly #world: ConsumerWorld;
	/** Messages up to this one were there when the process began. */
	readonly #old: number;
	readonly #alarms: Alarms;
	/** The last message that was looked at for its first delivery. */
	#cursor: number;
	/** How often each open message was delivered, of those that were. */
	readonly #counts = new Map<number, number>();
	/** Out, by number; or put off for a while. */
	readonly #out = new Set<number>();
	/** To be delivered again, in turn. */
	readonly #again = new Deque<number>();
	readonly #isAgain = new Set<number>();
	readonly #takings = new Set<Taking>();
	readonly #takers = new Deque<{ taking: Taking; taker: Taker }>();
	/** Handed over when their delivery is noted. */
	#noting: Handed[] = [];
	#missed = 0;
	#closed = false;

	/** @param old it is as old as the state that was recovered */
	constructor(stream: Stream, record: Consumer, old: boolean, world: ConsumerWorld) {
		this.stream = stream;
		this.record = record;
		this.#world = world;
		this.#old = old ? stream.lastSeq : 0;
		this.#cursor = record.floor;
		this.#alarms = new Alarms(world.clock, (_, seq) => this.#late(Number(seq)));
		for (const { seq, revived } of record.letters.values()) if (revived) this.#comesAgain(seq);
	}

	get ackPending(): number {
		return this.#out.size + this.#isAgain.size;
	}

	/** The last message that was delivered or passed over. */
	get cursor(): number {
		return this.#cursor;
	}

	begin(signal: AbortSignal | undefined): Consumption {
		const taking = new Taking(this, { stream: this.stream.name, name: this.record.name }, signal);
		this.#takings.add(taking);
		if (signal?.aborted) taking.stop();
		return taking;
	}

	take(taking: Taking): Promise<Taken> {
		return new Promise((resolve) => {
			this.#takers.push({ taking, taker: resolve });
			this.pump();
		});
	}

	leave(taking: Taking): void {
		this.#takings.delete(taking);
		for (let left = this.#takers.length; left > 0; left--) {
			const waiting = this.#takers.shift();
			if (waiting?.taking === taking) waiting.taker(END);
			else if (waiting !== undefined) this.#takers.push(waiting);
		}
	}

	/** There may be something to hand out. */
	pump(): void {
		while (!this.#closed && this.#out.size < this.record.maxAckPending) {
			const waiting = this.#takers.at(0);
			if (waiting === undefined) return;
			const message = this.#next();
			if (message === undefined) return;
			this.#takers.shift();
			this.#hand(message, waiting.taking, waiting.taker);
		}
	}

	/** Dead letters are delivered again. */
	revive(seqs: readonly number[]): void {
		for (const seq of seqs) {
			this.#forget(seq);
			this.#comesAgain(seq);
		}
		this.pump();
	}

	/** Everything ends: the stream or the consumer is gone, or the process stops. */
	close(): void {
		this.#closed = true;
		this.#alarms.stop();
		for (const taking of [...this.#takings]) taking.stop();
		for (let waiting = this.#takers.shift(); waiting; waiting = this.#takers.shift()) waiting.taker(END);
	}

	ack({ seq }: Delivery): Promise<void> {
		if (this.#closed || !this.#isOpen(seq)) return Promise.resolve();
		this.#forget(seq);
		const durable = this.#world.ack(this, seq);
		this.pump();
		return durable;
	}

	nak(delivery: Delivery, delay: Duration | undefined): void {
		const delayMs = delay === undefined ? (this.#backoff(delivery.deliveries) ?? 0) : toMs(delay, "delay");
		if (!this.#holds(delivery)) return;
		if (delivery.deliveries >= this.record.maxDeliver || delayMs === 0) this.#late(delivery.seq);
		else this.#alarms.setIn("timeout", String(delivery.seq), delayMs);
	}

	inProgress(delivery: Delivery): void {
		if (this.#holds(delivery)) this.#setAlarm(delivery);
	}

	term(delivery: Delivery, reason: string): Promise<void> {
		if (!this.#holds(delivery)) return Promise.resolve();
		const durable = this.#dies(delivery.seq, reason);
		this.pump();
		return durable;
	}

	#holds({ seq, deliveries }: Delivery): boolean {
		return !this.#closed && this.#out.has(seq) && this.#counts.get(seq) === deliveries;
	}

	#isOpen(seq: number): boolean {
		return isOpen(this.record, seq) || this.record.letters.get(seq)?.revived === true;
	}

	#find(seq: number): KeptMessage | undefined {
		const letter = this.record.letters.get(seq);
		return letter?.revived ? letter : messageAt(this.stream, seq);
	}

	#next(): KeptMessage | undefined {
		for (let seq = this.#again.shift(); seq !== undefined; seq = this.#again.shift()) {
			if (!this.#isAgain.delete(seq)) continue; // acknowledged meanwhile
			const message = this.#isOpen(seq) ? this.#find(seq) : undefined;
			if (message !== undefined) return message;
			this.#forget(seq);
			this.#missed++; // the limits of the stream have dropped it
		}
		const { stream, record } = this;
		const now = this.#world.clock.now();
		const first = firstSeq(stream);
		if (this.#cursor < first - 1) {
			this.#missed += first - 1 - this.#cursor;
			this.#cursor = first - 1;
		}
		while (this.#cursor < stream.lastSeq) {
			const seq = ++this.#cursor;
			const message = messageAt(stream, seq);
			if (message === undefined || !isOpen(record, seq) || !wants(record, message)) continue;
			if (!isTooOld(stream, message, now)) return message;
			this.#missed++;
		}
		return undefined;
	}

	#hand(message: KeptMessage, taking: Taking, taker: Taker): void {
		const { seq } = message;
		const { record } = this;
		const letter = record.letters.get(seq);
		const noted = letter?.revived ? letter.deliveries : (record.deliveries.get(seq) ?? 0);
		const count = Math.max(this.#counts.get(seq) ?? 0, noted) + 1;
		if (count > record.maxDeliver) {
			// The process died over its last delivery, or fewer are allowed now.
			this.#takers.push({ taking, taker });
			void this.#dies(seq, `delivered ${count - 1} times and never acknowledged`);
			return;
		}
		this.#counts.set(seq, count);
		this.#out.add(seq);
		const delivery = new Delivery(this, message, { stream: this.stream.name, deliveries: count, missed: this.#missed });
		this.#missed = 0;
		if (count === 1 && seq > this.#old && !letter?.revived) {
			this.#setAlarm(delivery);
			taker({ done: false, value: delivery });
			return;
		}
		this.#noting.push({ taking, taker, delivery });
		if (this.#noting.length === 1) queueMicrotask(() => void this.#note());
	}

	/** Never rejects: without a journal nothing is handed out again. */
	async #note(): Promise<void> {
		const handed = this.#noting;
		this.#noting = [];
		const { stream, record } = this;
		const deliveries = handed.map(({ delivery }): [number, number] => [delivery.seq, delivery.deliveries]);
		const at = this.#world.clock.now();
		try {
			await this.#world.transact((emit) =>
				emit({ type: "consumer.redelivered", at, stream: stream.name, consumer: record.name, deliveries }),
			);
		} catch {
			for (const { taker } of handed) taker(END);
			return;
		}
		for (const { taking, taker, delivery } of handed) {
			const holds = this.#holds(delivery); // else it was acknowledged meanwhile
			if (this.#closed || taking.stopped) {
				if (holds) this.#out.delete(delivery.seq);
				if (holds) this.#comesAgain(delivery.seq);
				taker(END);
				continue;
			}
			if (!holds) {
				this.#takers.push({ taking, taker });
				continue;
			}
			this.#setAlarm(delivery);
			taker({ done: false, value: delivery });
		}
		this.pump();
	}

	/** Nobody said in time that it is done, or somebody that it is not. */
	#late(seq: number): void {
		if (!this.#out.delete(seq)) return;
		this.#alarms.delete("timeout", String(seq));
		const count = this.#counts.get(seq) ?? 0;
		if (!this.#isOpen(seq)) this.#forget(seq);
		else if (count >= this.record.maxDeliver) void this.#dies(seq, `delivered ${count} times and never acknowledged`);
		else this.#comesAgain(seq);
		this.pump();
	}

	#dies(seq: number, reason: string): Promise<void> {
		const found = this.#find(seq);
		const deliveries = this.#counts.get(seq) ?? this.record.deliveries.get(seq) ?? 0;
		this.#forget(seq);
		if (found === undefined) return Promise.resolve(); // dropped by the limits of the stream
		const { at, subject, data, headers, id } = found;
		const message = { seq, at, subject, data, ...(headers && { headers }), ...(id !== undefined && { id }) };
		const where = { stream: this.stream.name, consumer: this.record.name };
		this.#world.log.warn("a message of a stream is dead", { ...where, seq, deliveries, reason });
		const now = this.#world.clock.now();
		return this.#world.transact((emit) =>
			emit({ type: "consumer.dead", at: now, ...where, message, deliveries, reason: reason.slice(0, MAX_REASON) }),
		);
	}

	#comesAgain(seq: number): void {
		if (this.#isAgain.has(seq)) return;
		this.#isAgain.add(seq);
		this.#again.push(seq);
	}

	#forget(seq: number): void {
		this.#out.delete(seq);
		this.#isAgain.delete(seq);
		this.#counts.delete(seq);
		this.#alarms.delete("timeout", String(seq));
	}

	#setAlarm({ seq, deliveries }: Delivery): void {
		this.#alarms.setIn("timeout", String(seq), this.#backoff(deliveries) ?? this.record.ackWaitMs);
	}

	#backoff(deliveries: number): number | undefined {
		const { backoffMs } = this.record;
		return backoffMs?.[Math.min(deliveries, backoffMs.length) - 1];
	}
}
