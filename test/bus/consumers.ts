/** Consumers of durable streams: acknowledgement, redelivery, dead letters. */
import assert from "node:assert/strict";
import type { ConsumeOptions, Consumption } from "../../src/bus/stream.ts";
import { type Cases, refused, type Stage, seqs } from "./stage.ts";

const work = { name: "work", subjects: ["work.>"] };

/** A stream with so many messages. */
async function filled(stage: Stage, count: number): Promise<void> {
	await stage.soon(stage.bus.streams.create(work));
	await append(stage, count);
}

const append = (stage: Stage, count: number, subject = "work.do") =>
	stage.soon(stage.bus.streams.appendMany(Array.from({ length: count }, (_, i) => ({ subject, data: i }))));

const consume = (stage: Stage, options: Partial<ConsumeOptions> = {}): Promise<Consumption> =>
	stage.soon(stage.bus.streams.consume("work", { name: "c", ...options }));

const consumerInfo = async (stage: Stage) => (await stage.soon(stage.bus.streams.info("work"))).consumers[0];

export const consumerCases: Cases = {
	async "K3: a consumer gets all there is, in order, and what comes"(stage) {
		await filled(stage, 3);
		const consumption = await consume(stage);
		const got = await stage.acked(consumption, 3);
		assert.deepEqual(seqs(got), [1, 2, 3]);
		assert.ok(got.every(({ deliveries, missed, stream }) => deliveries === 1 && missed === 0 && stream === "work"));
		const next = stage.one(consumption);
		await append(stage, 1);
		assert.equal((await next).seq, 4);
	},

	async "a new consumer begins where it is told to"(stage) {
		await filled(stage, 2);
		await stage.pass(1_000);
		await append(stage, 2);
		const [, , third] = await stage.soon(stage.bus.streams.read("work"));
		const from = async (name: string, where: NonNullable<ConsumeOptions["from"]>) =>
			(await stage.one(await consume(stage, { name, from: where }))).seq;
		assert.equal(await from("a", "all"), 1);
		assert.equal(await from("b", { seq: 2 }), 2);
		assert.equal(await from("c", { time: third?.at as number }), 3);
		const fresh = await consume(stage, { name: "d", from: "new" });
		await append(stage, 1);
		assert.equal((await stage.one(fresh)).seq, 5);
		for (const wrong of [{ seq: 0 }, { seq: 1.5 }, { time: "soon" }, "old"]) {
			const name = "e";
			await refused(consume(stage, { name, from: wrong as "all" }), "E_INPUT_INVALID");
		}
	},

	async "K4: what is acknowledged never comes again, what is not does, also in a new process"(stage) {
		await filled(stage, 5);
		const first = await stage.take(await consume(stage), 5);
		for (const delivery of first) if (delivery.seq % 2 === 1) await stage.soon(delivery.ack());
		assert.equal((await consumerInfo(stage))?.ackFloor, 1);
		await stage.restart();
		const again = await consume(stage);
		assert.deepEqual(seqs(await stage.acked(again, 2)), [2, 4]);
		await stage.nothing(again);
		assert.equal((await consumerInfo(stage))?.ackFloor, 5);
		await stage.restart();
		await stage.nothing(await consume(stage));
	},

	async "what is not acknowledged in time comes again"(stage) {
		await filled(stage, 2);
		const consumption = await consume(stage, { ackWait: 1_000 });
		const [one, two] = await stage.take(consumption, 2);
		await stage.soon(two?.ack() as Promise<void>);
		await stage.pass(500);
		assert.equal((await consumerInfo(stage))?.ackPending, 1);
		const next = stage.one(consumption);
		await stage.pass(700);
		const again = await next;
		assert.deepEqual([again.seq, again.deliveries], [1, 2]);
		// The first one was slow, not wrong: its acknowledgement counts.
		await stage.soon(one?.ack() as Promise<void>);
		await stage.pass(2_000);
		await stage.nothing(consumption);
	},

	async "who is still at it gets more time"(stage) {
		await filled(stage, 1);
		const consumption = await consume(stage, { ackWait: 1_000 });
		const delivery = await stage.one(consumption);
		for (let i = 0; i < 3; i++) {
			await stage.pass(800);
			delivery.inProgress();
		}
		await stage.soon(delivery.ack());
		await stage.pass(2_000);
		await stage.nothing(consumption);
	},

	async "what is given back comes again at once, or after a while"(stage) {
		await filled(stage, 2);
		const consumption = await consume(stage);
		const [one, two] = await stage.take(consumption, 2);
		one?.nak();
		two?.nak(1_000);
		const again = await stage.one(consumption);
		assert.deepEqual([again.seq, again.deliveries], [1, 2]);
		await stage.soon(again.ack());
		const later = stage.one(consumption);
		await stage.pass(1_200);
		assert.equal((await later).seq, 2);
	},

	async "a nak of an earlier delivery changes nothing"(stage) {
		await filled(stage, 1);
		const consumption = await consume(stage);
		const first = await stage.one(consumption);
		first.nak();
		const second = await stage.one(consumption);
		first.nak();
		await stage.soon(first.term());
		await stage.soon(second.ack());
		await stage.nothing(consumption);
		assert.equal((await consumerInfo(stage))?.deadLetters, 0);
	},

	async "waits grow with the deliveries when a back-off says so"(stage) {
		await filled(stage, 1);
		const consumption = await consume(stage, { backoff: [100, 1_000] });
		(await stage.one(consumption)).nak();
		let next = stage.one(consumption);
		await stage.pass(200);
		assert.equal((await next).deliveries, 2);
		next = stage.one(consumption);
		await stage.pass(500);
		assert.equal((await consumerInfo(stage))?.ackPending, 1);
		await stage.pass(700);
		assert.equal((await next).deliveries, 3);
	},

	async "K3: after its last delivery a message is a dead letter, which can be delivered again or dropped"(stage) {
		await filled(stage, 2);
		const consumption = await consume(stage, { maxDeliver: 2, ackWait: 1_000 });
		const [one, two] = await stage.take(consumption, 2);
		await stage.soon(two?.ack() as Promise<void>);
		one?.nak();
		const again = await stage.one(consumption);
		assert.equal(again.deliveries, 2);
		await stage.pass(1_200);
		const letters = await stage.soon(stage.bus.streams.deadLetters("work", "c"));
		assert.deepEqual(
			letters.map(({ seq, deliveries, data, revived }) => ({ seq, deliveries, data, revived })),
			[{ seq: 1, deliveries: 2, data: 0, revived: false }],
		);
		assert.equal((await consumerInfo(stage))?.ackFloor, 2);
		assert.equal(await stage.soon(stage.bus.streams.reviveDead("work", "c")), 1);
		assert.equal(await stage.soon(stage.bus.streams.reviveDead("work", "c")), 0);
		const revived = await stage.one(consumption);
		assert.deepEqual([revived.seq, revived.deliveries], [1, 1]);
		await stage.soon(revived.term("it never works"));
		const [dead] = await stage.soon(stage.bus.streams.deadLetters("work", "c"));
		assert.deepEqual([dead?.reason, dead?.revived], ["it never works", false]);
		assert.equal(await stage.soon(stage.bus.streams.dropDead("work", "c", [99])), 0);
		assert.equal(await stage.soon(stage.bus.streams.dropDead("work", "c", [1])), 1);
		assert.deepEqual(await stage.soon(stage.bus.streams.deadLetters("work", "c")), []);
		await stage.nothing(consumption);
	},

	async "a dead letter that works at last is gone"(stage) {
		await filled(stage, 1);
		const consumption = await consume(stage);
		await stage.soon((await stage.one(consumption)).term());
		await stage.restart();
		assert.equal(await stage.soon(stage.bus.streams.reviveDead("work", "c", [1])), 1);
		await stage.restart();
		await stage.acked(await consume(stage), 1);
		assert.deepEqual(await stage.soon(stage.bus.streams.deadLetters("work", "c")), []);
		await stage.restart();
		await stage.nothing(await consume(stage));
	},

	async "a dead letter outlives the limits of its stream"(stage) {
		await stage.soon(stage.bus.streams.create({ ...work, maxMessages: 2 }));
		await append(stage, 1);
		const consumption = await consume(stage);
		await stage.soon((await stage.one(consumption)).term("no"));
		await append(stage, 5);
		await stage.restart();
		const [letter] = await stage.soon(stage.bus.streams.deadLetters("work", "c"));
		assert.deepEqual([letter?.seq, letter?.reason, letter?.subject], [1, "no", "work.do"]);
		await stage.soon(stage.bus.streams.reviveDead("work", "c"));
		assert.equal((await stage.one(await consume(stage))).seq, 1);
	},

	async "over how many processes a message is delivered is counted"(stage) {
		await filled(stage, 1);
		const counts: number[] = [];
		for (let process = 0; process < 10; process++) {
			const consumption = await consume(stage, { maxDeliver: 3 });
			const letters = await stage.soon(stage.bus.streams.deadLetters("work", "c"));
			if (letters.length > 0) break;
			const next = consumption[Symbol.asyncIterator]().next();
			for (let i = 0; i < 5; i++) await stage.pass(0);
			if ((await consumerInfo(stage))?.ackPending === 0) break;
			counts.push((await stage.soon(next)).value.deliveries);
			await stage.restart();
		}
		assert.equal(counts.at(-1), 3, `it was delivered ${counts}`);
		assert.ok(counts.length <= 4, "at most one delivery is not counted");
		const [letter] = await stage.soon(stage.bus.streams.deadLetters("work", "c"));
		assert.equal(letter?.deliveries, 3);
	},

	async "two of one name share the work"(stage) {
		await filled(stage, 10);
		const [one, other] = [await consume(stage), await consume(stage)];
		const got = new Map<Consumption, number[]>([
			[one, []],
			[other, []],
		]);
		for (const [consumption, seen] of got) {
			void (async () => {
				for await (const delivery of consumption) {
					seen.push(delivery.seq);
					await delivery.ack();
				}
			})();
		}
		for (let i = 0; i < 50 && [...got.values()].flat().length < 10; i++) await stage.pass(0);
		const all = [...got.values()];
		assert.deepEqual(
			all.flat().sort((a, b) => a - b),
			Array.from({ length: 10 }, (_, i) => i + 1),
		);
		assert.ok(all.every((seen) => seen.length > 0));
	},

	async "two of different names get all of it each"(stage) {
		await filled(stage, 3);
		for (const name of ["a", "b"])
			assert.deepEqual(seqs(await stage.acked(await consume(stage, { name }), 3)), [1, 2, 3]);
	},

	async "a consumer of some subjects gets those alone"(stage) {
		await filled(stage, 2);
		await append(stage, 2, "work.other.x");
		await append(stage, 1);
		const consumption = await consume(stage, { subject: "work.other.>" });
		assert.deepEqual(seqs(await stage.acked(consumption, 2)), [3, 4]);
		await stage.nothing(consumption);
		assert.equal((await consumerInfo(stage))?.ackFloor, 5);
	},

	async "no more are out than allowed"(stage) {
		await filled(stage, 5);
		const consumption = await consume(stage, { maxAckPending: 2 });
		const [one] = await stage.take(consumption, 2);
		const next = stage.one(consumption);
		next.catch(() => undefined);
		for (let i = 0; i < 5; i++) await stage.pass(0);
		const { ackPending, pending } = (await consumerInfo(stage)) ?? {};
		assert.deepEqual({ ackPending, pending }, { ackPending: 2, pending: 3 });
		await stage.soon(one?.ack() as Promise<void>);
		assert.equal((await next).seq, 3);
	},

	async "a consumer is told what the limits of the stream took from it"(stage) {
		await stage.soon(stage.bus.streams.create({ ...work, maxMessages: 3 }));
		const consumption = await consume(stage);
		await append(stage, 10);
		const got = await stage.take(consumption, 3);
		assert.deepEqual(
			got.map(({ seq, missed }) => [seq, missed]),
			[
				[8, 7],
				[9, 0],
				[10, 0],
			],
		);
	},

	async "stopping ends the iteration, and what was out comes again to another of the name"(stage) {
		await filled(stage, 2);
		const controller = new AbortController();
		const first = await consume(stage, { ackWait: 1_000, signal: controller.signal });
		await stage.one(first);
		const waiting = first[Symbol.asyncIterator]();
		controller.abort();
		assert.equal((await stage.soon(waiting.next())).done, true);
		const second = await consume(stage, { ackWait: 1_000 });
		assert.equal((await stage.one(second)).seq, 2);
		const next = stage.one(second);
		await stage.pass(1_200);
		const { seq, deliveries } = await next;
		assert.deepEqual([seq, deliveries], [1, 2]);
	},

	async "an iteration that waits ends when it is stopped, though another waits before it"(stage) {
		await filled(stage, 0);
		const [first, second] = [await consume(stage), await consume(stage)];
		const next = first[Symbol.asyncIterator]().next();
		const waiting = second[Symbol.asyncIterator]().next();
		second.stop();
		assert.equal((await stage.soon(waiting)).done, true);
		await append(stage, 1);
		assert.equal((await stage.soon(next)).value.seq, 1);
	},

	async "a consumer keeps its place with other settings, but not with another subject or beginning"(stage) {
		await filled(stage, 3);
		await stage.acked(await consume(stage), 1);
		const changed = await consume(stage, { ackWait: 500, maxDeliver: 9, backoff: [5] });
		assert.equal((await stage.one(changed)).seq, 2);
		const { ackWaitMs, maxDeliver, backoffMs, ackFloor } = (await consumerInfo(stage)) ?? {};
		assert.deepEqual(
			{ ackWaitMs, maxDeliver, backoffMs, ackFloor },
			{ ackWaitMs: 500, maxDeliver: 9, backoffMs: [5], ackFloor: 1 },
		);
		await consume(stage);
		assert.equal((await consumerInfo(stage))?.ackWaitMs, 500, "what is not asked for stays");
		await refused(consume(stage, { subject: "work.x" }), "E_CONFLICT");
		await refused(consume(stage, { from: "new" }), "E_CONFLICT");
	},

	async "a consumer that is deleted is forgotten"(stage) {
		await filled(stage, 2);
		const consumption = await consume(stage);
		await stage.acked(consumption, 2);
		await stage.soon(stage.bus.streams.deleteConsumer("work", "c"));
		await stage.ended(consumption);
		await refused(stage.soon(stage.bus.streams.deleteConsumer("work", "c")), "E_CONSUMER_UNKNOWN");
		await refused(stage.soon(stage.bus.streams.deadLetters("work", "c")), "E_CONSUMER_UNKNOWN");
		assert.equal((await stage.one(await consume(stage))).seq, 1);
	},

	async "consumers that make no sense are refused"(stage) {
		await filled(stage, 1);
		const wrong: Partial<ConsumeOptions>[] = [
			{ name: "a b" },
			{ name: "" },
			{ subject: "a b" },
			{ ackWait: 0 },
			{ ackWait: "soon" },
			{ maxDeliver: 0 },
			{ maxAckPending: 0 },
			{ backoff: [] },
			{ backoff: ["soon"] },
		];
		for (const options of wrong) await refused(consume(stage, options), "E_INPUT_INVALID");
		assert.deepEqual((await stage.soon(stage.bus.streams.info("work"))).consumers, []);
	},
};
