/** What a case of the bus's conformance suite has in hand. */
import assert from "node:assert/strict";
import type { Bus } from "../../src/bus/bus.ts";
import {
	type DiscoverQuery,
	discover,
	type Found,
	type Service,
	type ServiceSpec,
	serve,
} from "../../src/bus/service.ts";
import type { Consumption, StreamDelivery } from "../../src/bus/stream.ts";
import { HandClock } from "../../src/clock.ts";
import { type ErrorCode, hasCode } from "../../src/errors.ts";
import { silentLog } from "../../src/log.ts";

/** One bus with its own streams, empty at first. */
export interface BusUnderTest {
	bus: Bus;
	/** Lets so many milliseconds pass for the bus, with all that follows; 0: only what follows already. */
	pass(ms: number): Promise<void>;
	/** The bus as a new process finds it: what was durable is there, and nobody listens. */
	restart(): Promise<Bus>;
}

export type Case = (stage: Stage) => Promise<void>;
export type Cases = Readonly<Record<string, Case>>;

const MOST_WAITS = 100;

export class Stage {
	bus: Bus;
	/** Those of the bus itself. */
	readonly subscriptions: number;
	readonly #under: BusUnderTest;

	constructor(under: BusUnderTest) {
		this.#under = under;
		this.bus = under.bus;
		this.subscriptions = under.bus.stats().subscriptions;
	}

	pass(ms: number): Promise<void> {
		return this.#under.pass(ms);
	}

	async restart(): Promise<void> {
		this.bus = await this.#under.restart();
	}

	/** What comes without any time passing. */
	async soon<T>(promise: Promise<T>): Promise<T> {
		let settled = false;
		const end = (): void => {
			settled = true;
		};
		promise.then(end, end);
		for (let i = 0; i < MOST_WAITS && !settled; i++) await this.pass(0);
		assert.ok(settled, "it does not come");
		return promise;
	}

	/** The next so many of anything that comes one after the other, without ending it. */
	async take<T>(from: AsyncIterable<T>, count: number): Promise<T[]> {
		const iterator = from[Symbol.asyncIterator]();
		const taken: T[] = [];
		while (taken.length < count) {
			const { done, value } = await this.soon(iterator.next());
			assert.ok(!done, `it ended after ${taken.length}`);
			taken.push(value);
		}
		return taken;
	}

	async one<T>(from: AsyncIterable<T>): Promise<T> {
		return (await this.take(from, 1))[0] as T;
	}

	/** Nothing comes; what would come later is taken by nobody else. */
	async nothing(from: AsyncIterable<unknown>): Promise<void> {
		let came = false;
		const next = from[Symbol.asyncIterator]().next();
		void next.then(({ done }) => {
			came = done !== true;
		});
		for (let i = 0; i < 5; i++) await this.pass(0);
		assert.equal(came, false, "something came");
	}

	async ended(from: AsyncIterable<unknown>): Promise<void> {
		const { done } = await this.soon(from[Symbol.asyncIterator]().next());
		assert.equal(done, true, "it goes on");
	}

	async acked(from: Consumption, count: number): Promise<StreamDelivery[]> {
		const deliveries = await this.take(from, count);
		await this.soon(Promise.all(deliveries.map((delivery) => delivery.ack())));
		return deliveries;
	}

	/** Waits as long as it has to. */
	async discover(query: DiscoverQuery = {}): Promise<Found[]> {
		const found = discover(this.bus, { timeout: 200, ...query });
		await this.pass(300);
		return this.soon(found);
	}

	serve(spec: Omit<ServiceSpec, "version">): Service {
		return serve(this.bus, { version: "1.0.0", ...spec }, { clock: new HandClock(0, ++seeds), log: silentLog });
	}
}

/** Services need ids that differ. */
let seeds = 0;

export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
	await assert.rejects(promise, (error) => {
		assert.ok(hasCode(error, code), `${code} was expected, not ${String(error)}`);
		return true;
	});
}

export const throwsCode = (call: () => unknown, code: ErrorCode): void =>
	assert.throws(call, (error) => {
		assert.ok(hasCode(error, code), `${code} was expected, not ${String(error)}`);
		return true;
	});

export const seqs = (messages: readonly { seq: number }[]): number[] => messages.map(({ seq }) => seq);
export const datas = (messages: readonly { data: unknown }[]): unknown[] => messages.map(({ data }) => data);
