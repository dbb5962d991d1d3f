/**
 * The bus, embedded: messages of 197 bytes from one publisher to one subscriber, requests one after the other, appends to a
 * durable stream with 4,000 under way (durability full), and a consumer that acknowledges each. Beside them Node's EventEmitter,
 * read through `events.on`: it copies nothing, bounds nothing and knows no wildcard.
 */
import { EventEmitter, on } from "node:events";
import { startOrchestrator } from "../../src/index.ts";
import { folder, input, percentile, report } from "../case.ts";

const MESSAGES = 500_000;
const REQUESTS = 20_000;
const APPENDS = 200_000;
const UNDER_WAY = 4_000;
/** Publishes of one turn: then the subscriber has its turn. */
const A_TURN = 1_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, workflows: [], workers: 2, coordinators: 0 });
const { bus } = orchestrator;

async function publishAll(publish: () => void, received: AsyncIterable<unknown>, count: number): Promise<number> {
	const started = performance.now();
	const all = (async () => {
		let got = 0;
		for await (const _ of received) if (++got === count) return;
	})();
	for (let n = 1; n <= count; n++) {
		publish();
		if (n % A_TURN === 0) await turn();
	}
	await all;
	return count / ((performance.now() - started) / 1_000);
}

async function messagesPerSecond(pattern: string, count: number): Promise<number> {
	const subscription = bus.subscribe(pattern);
	const rate = await publishAll(() => bus.publish("bench.messages", input), subscription, count);
	if (subscription.dropped > 0) throw new Error(`${subscription.dropped} messages were dropped`);
	return rate;
}

async function requestMillis(count: number): Promise<number[]> {
	const service = bus.serve({
		name: "bench",
		version: "1.0.0",
		endpoints: [{ name: "echo", handle: (message) => message.data }],
	});
	const millis: number[] = [];
	for (let n = 0; n < count; n++) {
		const asked = performance.now();
		await bus.request("bench.echo", input);
		millis.push(performance.now() - asked);
	}
	await service.stop();
	return millis;
}

async function appendsPerSecond(count: number): Promise<number> {
	const started = performance.now();
	let left = count;
	const appender = async (): Promise<void> => {
		while (left-- > 0) await bus.streams.append("orders.new", input);
	};
	await Promise.all(Array.from({ length: UNDER_WAY }, appender));
	return count / ((performance.now() - started) / 1_000);
}

async function acksPerSecond(name: string, count: number): Promise<number> {
	const consumption = await bus.streams.consume("orders", { name, maxAckPending: UNDER_WAY });
	const acks: Promise<void>[] = [];
	const started = performance.now();
	for await (const delivery of consumption) {
		acks.push(delivery.ack());
		if (acks.length === count) break;
	}
	await Promise.all(acks);
	return count / ((performance.now() - started) / 1_000);
}

await messagesPerSecond("bench.*", 50_000);
const literal = await messagesPerSecond("bench.messages", MESSAGES);
const wildcard = await messagesPerSecond("bench.>", MESSAGES);
const emitter = new EventEmitter();
const peer = await publishAll(() => emitter.emit("bench.messages", input), on(emitter, "bench.messages"), MESSAGES);
await requestMillis(2_000);
const requests = await requestMillis(REQUESTS);
await bus.streams.create({ name: "orders", subjects: ["orders.>"], maxMessages: APPENDS, maxBytes: 128 * 1024 * 1024 });
await appendsPerSecond(20_000);
const appends = await appendsPerSecond(APPENDS);
const acks = await acksPerSecond("c", APPENDS);
report([
	{ name: "bus, publish to subscriber", value: literal, unit: "/s", goal: { atLeast: 200_000 } },
	{ name: "bus, publish to subscriber of a wildcard", value: wildcard, unit: "/s" },
	{ name: "the same with EventEmitter and events.on", value: peer, unit: "/s" },
	{ name: "bus, request and reply, p50", value: percentile(requests, 0.5), unit: "ms", goal: { atMost: 0.1 } },
	{ name: "bus, request and reply, p99", value: percentile(requests, 0.99), unit: "ms" },
	{ name: "durable stream, appends acknowledged", value: appends, unit: "/s", goal: { atLeast: 50_000 } },
	{ name: "durable stream, consumed and acknowledged", value: acks, unit: "/s" },
]);
await orchestrator.shutdown();
data.remove();
