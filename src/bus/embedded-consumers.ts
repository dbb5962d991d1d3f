/** The consumers of the embedded streams: how they begin and end, their acknowledgements, their dead letters. */
import { MusterError } from "../errors.ts";
import { type ConsumerWorld, LiveConsumer } from "./consumer.ts";
import type { StreamsParts } from "./embedded-streams.ts";
import type { Consumer, Letter, Stream } from "./record.ts";
import type { ConsumeOptions, Consumption, DeadLetter } from "./stream.ts";
import { checkNewConsumer, needStream, sameSettings, toConsumer } from "./stream-limits.ts";
import { startOf, stored } from "./stream-view.ts";

export class EmbeddedConsumers {
	readonly #parts: Pick<StreamsParts, "clock" | "log" | "ledger">;
	readonly #live = new Map<Consumer, LiveConsumer>();
	/** Those that are as old as the state that was recovered. */
	readonly #old: ReadonlySet<Consumer>;
	readonly #acks = new Map<LiveConsumer, number[]>();
	#acking: Promise<void> | undefined;
	#closed = false;

	constructor(parts: Pick<StreamsParts, "clock" | "log" | "ledger">) {
		this.#parts = parts;
		this.#old = new Set([...this.#streams.values()].flatMap(({ consumers }) => [...consumers.values()]));
	}

	get #streams(): ReadonlyMap<string, Stream> {
		return this.#parts.ledger.state.streams;
	}

	live(record: Consumer): LiveConsumer | undefined {
		return this.#live.get(record);
	}

	/** These streams have something new. */
	wake(names: ReadonlySet<string>): void {
		for (const consumer of this.#live.values()) if (names.has(consumer.stream.name)) consumer.pump();
	}

	close(): void {
		this.#closed = true;
		for (const consumer of this.#live.values()) consumer.close();
		this.#live.clear();
	}

	end(record: Consumer): void {
		this.#live.get(record)?.close();
		this.#live.delete(record);
	}

	async consume(name: string, options: ConsumeOptions): Promise<Consumption> {
		const { signal } = options;
		signal?.throwIfAborted();
		const stream = needStream(this.#streams, name);
		const known = stream.consumers.get(options.name);
		const wanted = toConsumer(options, known, (from) => startOf(stream, from));
		if (known === undefined) checkNewConsumer(stream, this.#streams.values());
		else if (wanted.subject !== known.subject || (options.from !== undefined && known.from !== wanted.from)) {
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
		return this.#begin(stream, wanted.name).begin(signal);
	}

	async delete(name: string, consumer: string): Promise<void> {
		const { record } = this.#needConsumer(name, consumer);
		const at = this.#parts.clock.now();
		const durable = this.#parts.ledger.transact((emit) =>
			emit({ type: "consumer.deleted", at, stream: name, name: consumer }),
		);
		this.end(record);
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
		this.#begin(stream, consumer).revive(chosen);
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
		if (seqs.length === 0) return Promise.resolve();
		const at = this.#parts.clock.now();
		return this.#parts.ledger.transact((emit) => emit({ type, at, stream, consumer, seqs }));
	}

	#begin(stream: Stream, name: string): LiveConsumer {
		if (this.#closed) throw new MusterError("E_STOPPED", "the bus is closed");
		const record = stream.consumers.get(name);
		if (record === undefined || this.#streams.get(stream.name) !== stream) {
			throw new MusterError("E_CONSUMER_UNKNOWN", `${stream.name} has no consumer ${name}`);
		}
		let live = this.#live.get(record);
		if (live === undefined) {
			const { clock, log, ledger } = this.#parts;
			const world: ConsumerWorld = {
				...{ clock, log },
				transact: (decide, kind) => ledger.transact(decide, kind),
				ack: (consumer, seq) => this.#ack(consumer, seq),
			};
			live = new LiveConsumer(stream, record, this.#old.has(record), world);
			this.#live.set(record, live);
		}
		return live;
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
				// Deleted, and perhaps made anew, in this very turn.
				if (this.#streams.get(stream.name)?.consumers.get(record.name) !== record) continue;
				emit({ type: "consumer.acked", at, stream: stream.name, consumer: record.name, seqs });
			}
		});
	}

	#needConsumer(name: string, consumer: string): { stream: Stream; record: Consumer } {
		const stream = needStream(this.#streams, name);
		const record = stream.consumers.get(consumer);
		if (record === undefined) {
			throw new MusterError("E_CONSUMER_UNKNOWN", `the stream ${name} has no consumer ${JSON.stringify(consumer)}`);
		}
		return { stream, record };
	}
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
