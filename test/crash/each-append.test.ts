/** A stream and its consumer that lose their process after each of their events in turn lose nothing and forget nothing. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Bus } from "../../src/bus/bus.ts";
import { MemoryHost, turns } from "../memory-host.ts";

const SUBJECT = "orders.new";
const COUNT = 8;

/** What somebody outside was told. */
interface Told {
	appended: Map<string, number>;
	acked: Set<number>;
	/** Deliveries of each message, over all lives. */
	seen: Map<number, number>;
	dead: Set<number>;
}

/** Appends what was not acknowledged yet, under its id. */
async function append({ streams }: Bus, told: Told): Promise<void> {
	await streams.create({ name: "orders", subjects: ["orders.>"] });
	for (let n = 1; n <= COUNT; n++) {
		const id = `m${n}`;
		if (told.appended.has(id)) continue;
		const { seq } = await streams.append(SUBJECT, { n }, { messageId: id });
		told.appended.set(id, seq);
	}
}

/** Acknowledges, but gives every third message back once and every fifth up. */
async function consume({ streams }: Bus, told: Told): Promise<void> {
	const consumption = await streams.consume("orders", { name: "c" });
	for await (const delivery of consumption) {
		const { seq } = delivery;
		assert.ok(!told.acked.has(seq), `${seq} came again after its acknowledgement was stored`);
		assert.ok(!told.dead.has(seq), `${seq} came again after it was dead`);
		const before = told.seen.get(seq) ?? 0;
		told.seen.set(seq, before + 1);
		if (seq % 5 === 0) {
			await delivery.term("no");
			told.dead.add(seq);
		} else if (seq % 3 === 0 && before === 0) delivery.nak();
		else {
			await delivery.ack();
			told.acked.add(seq);
		}
		if (told.acked.size + told.dead.size === COUNT) return;
	}
}

async function live(t: TestContext, stored: number): Promise<{ told: Told; events: number }> {
	const host = await MemoryHost.open(t, { skills: [] });
	const told: Told = { appended: new Map(), acked: new Set(), seen: new Map(), dead: new Set() };
	let count = 0;
	let dies = false;
	host.store.write = (batch) => {
		count += batch.count;
		if (count <= stored) return Promise.resolve();
		dies = true;
		return new Promise(() => undefined);
	};
	const work = async (): Promise<void> => {
		const { bus } = host.orchestrator;
		await append(bus, told);
		await consume(bus, told);
	};
	let over = false;
	const end = (): void => {
		over = true;
	};
	void work().then(end);
	for (let i = 0; i < 2_000 && !over && !dies; i++) await turns(1);
	if (dies) {
		await turns(5);
		await host.restart();
		for (const [id, seq] of told.appended) {
			const [message] = await host.orchestrator.bus.streams.read("orders", { fromSeq: seq, limit: 1 });
			assert.deepEqual([message?.seq, message?.messageId], [seq, id], "what was acknowledged is there");
		}
		void work().then(end);
		for (let i = 0; i < 2_000 && !over; i++) await turns(1);
	}
	assert.ok(over, "it does not end");
	const letters = await host.orchestrator.bus.streams.deadLetters("orders", "c");
	assert.deepEqual(new Set(letters.map(({ seq }) => seq)), told.dead);
	const { lastSeq, consumers } = await host.orchestrator.bus.streams.info("orders");
	assert.deepEqual([lastSeq, consumers[0]?.ackFloor], [COUNT, COUNT]);
	return { told, events: count };
}

test("a stream survives the end of its process after each of its events", async (t) => {
	const { events, told } = await live(t, Number.POSITIVE_INFINITY);
	assert.deepEqual([...told.dead], [5]);
	assert.ok(events >= 18, `${events} events`);
	for (let stored = 0; stored < events; stored++) {
		const survived = await live(t, stored);
		assert.deepEqual([...survived.told.appended.values()].sort(), [1, 2, 3, 4, 5, 6, 7, 8], `after ${stored} events`);
		assert.ok([...survived.told.seen.values()].every((deliveries) => deliveries <= 3));
	}
	t.diagnostic(`${events} events`);
});
