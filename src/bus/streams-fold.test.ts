/** The live streams, the fold of the journal, and a snapshot with what follows it are one and the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { turns } from "../../test/memory-host.ts";
import { HandClock } from "../clock.ts";
import { decodeBody, type Event } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { streamFolds } from "../fold/streams.ts";
import { asData } from "../journal/conformance.ts";
import { MemoryStore } from "../journal/memory.ts";
import { listSnapshots, readSnapshot, writeSnapshot } from "../journal/snapshot.ts";
import { silentLog } from "../log.ts";
import { Ledger } from "../scheduler/ledger.ts";
import { createState, type State } from "../state.ts";
import { EmbeddedBus } from "./embedded.ts";
import type { Consumption, StreamDelivery } from "./stream.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-streams-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const sink = { task: () => undefined, run: () => undefined };
const nothing = (): void => undefined;

class World {
	readonly clock = new HandClock();
	readonly store = new MemoryStore();
	readonly ledger: Ledger;
	readonly bus: EmbeddedBus;
	readonly #held: StreamDelivery[] = [];
	readonly #consumptions = new Map<string, Consumption>();
	/** Batches that wait to be written. */
	readonly #gates: (() => void)[] = [];
	#hold = false;

	constructor() {
		const open = this.store.open({ clock: this.clock, sink, onFailure: (error) => assert.fail(String(error)) });
		this.store.write = () => (this.#hold ? new Promise((resolve) => this.#gates.push(resolve)) : Promise.resolve());
		const listener = { placed: nothing, ended: nothing, runEnded: nothing, stored: nothing };
		this.ledger = new Ledger({ open, recovered: { tasks: [], runs: [] }, listener, followUp: nothing });
		this.bus = new EmbeddedBus({ clock: this.clock, log: silentLog, ledger: this.ledger });
	}

	async step(action: number, pick: number): Promise<void> {
		const { streams } = this.bus;
		const name = pick % 3 === 0 ? "b" : "a";
		const subject = `${name}.${pick % 2 === 0 ? "even" : "odd"}`;
		const held = this.#held.splice(pick % Math.max(1, this.#held.length), 1)[0];
		switch (action) {
			case 0:
				return ignore(
					streams.create({ name, subjects: [`${name}.>`], maxMessages: 5, maxAge: 500, duplicateWindow: 300 }),
				);
			case 1:
				return ignore(streams.append(subject, pick));
			case 2:
				return ignore(streams.append(subject, pick, { messageId: `id${pick % 4}` }));
			case 3:
				return ignore(streams.append(subject, pick, { expectedLastSeq: pick % 6 }));
			case 4:
				return this.bus.publish(subject, pick);
			case 5:
				return ignore(this.#consume(name, pick));
			case 6:
			case 7:
				return this.#take(pick);
			case 8:
			case 9:
				return void held?.ack();
			case 10:
				return held?.nak(pick % 40);
			case 11:
				return void held?.term("no");
			case 12:
				return ignore(pick % 2 === 0 ? streams.reviveDead(name, "all") : streams.dropDead(name, "even"));
			case 13:
				return ignore(pick % 4 === 0 ? streams.delete(name) : streams.deleteConsumer(name, "even"));
			case 14:
				this.#hold = !this.#hold;
				if (!this.#hold) for (const open of this.#gates.splice(0)) open();
				return;
			default:
				this.clock.advance(pick);
				return turns(2);
		}
	}

	/** Everything so far is stored. */
	async settle(): Promise<void> {
		this.#hold = false;
		for (let i = 0; i < 4; i++) {
			for (const open of this.#gates.splice(0)) open();
			await turns(2);
		}
	}

	async #consume(stream: string, pick: number): Promise<void> {
		const name = pick % 2 === 0 ? "even" : "all";
		const options = { name, ackWait: 50, maxDeliver: 2, ...(name === "even" && { subject: "*.even" }) };
		this.#consumptions.set(`${stream} ${name}`, await this.bus.streams.consume(stream, options));
	}

	async #take(pick: number): Promise<void> {
		const all = [...this.#consumptions.values()];
		const one = all[pick % Math.max(1, all.length)];
		void one?.[Symbol.asyncIterator]()
			.next()
			.then(({ done, value }) => {
				if (!done) this.#held.push(value);
			});
		await turns(1);
	}
}

/** It may be refused; nobody waits for it. */
function ignore(promise: Promise<unknown>): void {
	promise.catch(nothing);
}

const fold = (all: readonly Event[]): State => {
	const state = createState();
	for (const event of all) apply(state, event, sink);
	return state;
};

async function compare(world: World): Promise<void> {
	await world.settle();
	assert.deepEqual(asData(world.ledger.state), asData(fold(events(world))));
}

const events = ({ store }: World): Event[] => store.batches.flatMap(({ body }) => decodeBody(body));

test("the live state of streams is the fold of the journal, whatever was under way together", async () => {
	const actions = fc.array(fc.tuple(fc.nat(16), fc.nat(60)), { minLength: 60, maxLength: 200, size: "max" });
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(actions, fc.nat(), async (steps, cut) => {
			const world = new World();
			for (const step of [[0, 0], [0, 1], [15, 1], [5, 0], [5, 1], ...steps] as [number, number][]) {
				await world.step(...step);
				if (step[1] % 3 === 0) await turns(1);
				if (step[1] % 5 === 0) await compare(world);
			}
			await compare(world);
			await world.ledger.journal.close();
			const all = events(world);
			for (const { type } of all) seen.add(type);
			const folded = fold(all);
			const at = cut % (all.length + 1);
			const half = fold(all.slice(0, at));
			writeSnapshot(folder, { state: half, anchor: { seq: 1, lastEvent: at, hash: Buffer.alloc(32) } });
			const { state } = readSnapshot(listSnapshots(folder)[0]?.path as string);
			for (const event of all.slice(at)) apply(state, event, sink);
			assert.deepEqual(asData(state), asData(folded));
			await world.bus.close();
		}),
		{ numRuns: 100 },
	);
	assert.deepEqual([...seen].sort(), Object.keys(streamFolds).sort(), "every kind of event was among them");
});
