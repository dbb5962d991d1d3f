/** Durable streams: what is kept, for how long, and how it is read. */
import assert from "node:assert/strict";
import { type Cases, datas, refused, type Stage, seqs } from "./stage.ts";

const orders = { name: "orders", subjects: ["orders.>"] };

const appendAll = (stage: Stage, count: number, subject = "orders.new") =>
	stage.soon(stage.bus.streams.appendMany(Array.from({ length: count }, (_, i) => ({ subject, data: { n: i + 1 } }))));

export const streamCases: Cases = {
	async "K2: appends are numbered from 1 and read back as they were, also by a new process"(stage) {
		const { streams } = stage.bus;
		await stage.soon(streams.create(orders));
		const one = await stage.soon(
			streams.append("orders.new", { text: "ü\u2028", list: [1, null] }, { headers: { h: "1" } }),
		);
		const two = await stage.soon(streams.append("orders.paid", 2, { messageId: "m-2" }));
		assert.deepEqual(
			[one, two],
			[
				{ stream: "orders", seq: 1, duplicate: false },
				{ stream: "orders", seq: 2, duplicate: false },
			],
		);
		const before = await stage.soon(streams.read("orders"));
		assert.deepEqual(datas(before), [{ text: "ü\u2028", list: [1, null] }, 2]);
		assert.deepEqual({ ...before[0]?.headers }, { h: "1" });
		assert.equal(before[1]?.messageId, "m-2");
		await stage.restart();
		assert.deepEqual(await stage.soon(stage.bus.streams.read("orders")), before);
		assert.equal((await stage.soon(stage.bus.streams.append("orders.new", 3))).seq, 3);
	},

	async "what is read cannot be changed"(stage) {
		await stage.soon(stage.bus.streams.create(orders));
		await stage.soon(stage.bus.streams.append("orders.new", { list: [1] }));
		await stage.restart();
		const [message] = await stage.soon(stage.bus.streams.read("orders"));
		assert.ok(message);
		const { list } = message.data as { list: number[] };
		assert.throws(() => list.push(2), TypeError);
	},

	async "creating a stream again changes nothing; with other settings, or on a subject of another, it is refused"(
		stage,
	) {
		const { streams } = stage.bus;
		const first = await stage.soon(streams.create({ ...orders, maxAge: "1h" }));
		await appendAll(stage, 1);
		const again = await stage.soon(streams.create({ ...orders, maxAge: 3_600_000 }));
		assert.equal(again.createdAt, first.createdAt);
		assert.equal(again.messages, 1);
		await refused(stage.soon(streams.create(orders)), "E_CONFLICT");
		for (const subject of ["orders.new", "orders.*.x", ">", "*.new"]) {
			await refused(stage.soon(streams.create({ name: "other", subjects: [subject] })), "E_CONFLICT");
		}
		await stage.soon(streams.create({ name: "other", subjects: ["orders", "ordersX.>"] }));
		assert.deepEqual((await stage.soon(streams.list())).map(({ name }) => name).sort(), ["orders", "other"]);
	},

	async "two that create the same stream at once both have it"(stage) {
		const both = [stage.bus.streams.create(orders), stage.bus.streams.create(orders)];
		const clash = stage.bus.streams.create({ name: "clash", subjects: ["orders.x"] });
		clash.catch(() => undefined);
		assert.equal((await stage.soon(Promise.all(both))).length, 2);
		await refused(stage.soon(clash), "E_CONFLICT");
	},

	async "streams that make no sense are refused"(stage) {
		const { streams } = stage.bus;
		const wrong = [
			{ ...orders, name: "no good" },
			{ ...orders, name: "" },
			{ ...orders, subjects: [] },
			{ ...orders, subjects: ["a b"] },
			{ ...orders, subjects: ["$SRV.PING"] },
			{ ...orders, subjects: ["_INBOX.>"] },
			{ ...orders, maxMessages: 0 },
			{ ...orders, maxBytes: -1 },
			{ ...orders, maxAge: "soon" },
			{ ...orders, maxAge: 0 },
		];
		for (const spec of wrong) await refused(stage.soon(streams.create(spec)), "E_INPUT_INVALID");
		await refused(stage.soon(streams.append("orders.new", 1)), "E_STREAM_UNKNOWN");
		await refused(stage.soon(streams.info("none")), "E_STREAM_UNKNOWN");
		await refused(stage.soon(streams.read("none")), "E_STREAM_UNKNOWN");
		await refused(stage.soon(streams.delete("none")), "E_STREAM_UNKNOWN");
		await refused(stage.soon(streams.consume("none", { name: "c" })), "E_STREAM_UNKNOWN");
	},

	async "all streams together are bounded"(stage) {
		const { streams } = stage.bus;
		const large = 200 * 1024 * 1024;
		await stage.soon(streams.create({ ...orders, maxBytes: large }));
		await refused(stage.soon(streams.create({ name: "b", subjects: ["b"], maxBytes: large })), "E_BUS_FULL");
		await stage.soon(streams.delete("orders"));
		await stage.soon(streams.create({ name: "b", subjects: ["b"], maxBytes: large }));
	},

	async "the oldest leave when there are too many"(stage) {
		await stage.soon(stage.bus.streams.create({ ...orders, maxMessages: 3 }));
		await appendAll(stage, 5);
		assert.deepEqual(seqs(await stage.soon(stage.bus.streams.read("orders"))), [3, 4, 5]);
		const { messages, firstSeq, lastSeq } = await stage.soon(stage.bus.streams.info("orders"));
		assert.deepEqual({ messages, firstSeq, lastSeq }, { messages: 3, firstSeq: 3, lastSeq: 5 });
		await stage.restart();
		assert.deepEqual(seqs(await stage.soon(stage.bus.streams.read("orders"))), [3, 4, 5]);
	},

	async "the oldest leave when they take too much, and one that never fits is refused"(stage) {
		await stage.soon(stage.bus.streams.create({ ...orders, maxBytes: 4_000 }));
		for (let n = 0; n < 5; n++) await stage.soon(stage.bus.streams.append("orders.new", "x".repeat(1_000)));
		const { messages, bytes } = await stage.soon(stage.bus.streams.info("orders"));
		assert.ok(bytes <= 4_000 && messages >= 2 && messages < 5, `${messages} messages of ${bytes} bytes`);
		await refused(stage.soon(stage.bus.streams.append("orders.new", "x".repeat(5_000))), "E_INPUT_TOO_LARGE");
	},

	async "the oldest leave when they are too old, whether or not anything is appended"(stage) {
		await stage.soon(stage.bus.streams.create({ ...orders, maxAge: 1_000 }));
		await appendAll(stage, 2);
		await stage.pass(600);
		await appendAll(stage, 1);
		await stage.pass(600);
		assert.deepEqual(seqs(await stage.soon(stage.bus.streams.read("orders"))), [3]);
		await stage.pass(600);
		assert.deepEqual(await stage.soon(stage.bus.streams.read("orders")), []);
		const { messages, firstSeq, lastSeq } = await stage.soon(stage.bus.streams.info("orders"));
		assert.deepEqual({ messages, firstSeq, lastSeq }, { messages: 0, firstSeq: 4, lastSeq: 3 });
	},

	async "a stream is read from a number, from a time, by subject, and no further than asked"(stage) {
		const { streams } = stage.bus;
		await stage.soon(streams.create(orders));
		await appendAll(stage, 3);
		await stage.pass(1_000);
		await appendAll(stage, 2, "orders.paid");
		const all = await stage.soon(streams.read("orders"));
		const later = all[3]?.at as number;
		const read = async (options: Parameters<typeof streams.read>[1]) =>
			seqs(await stage.soon(streams.read("orders", options)));
		assert.deepEqual(await read({ fromSeq: 2 }), [2, 3, 4, 5]);
		assert.deepEqual(await read({ fromSeq: 99 }), []);
		assert.deepEqual(await read({ fromTime: later }), [4, 5]);
		assert.deepEqual(await read({ fromTime: new Date(later - 1).toISOString() }), [4, 5]);
		assert.deepEqual(await read({ fromTime: later + 100_000 }), []);
		assert.deepEqual(await read({ subject: "*.paid" }), [4, 5]);
		assert.deepEqual(await read({ fromSeq: 2, limit: 2 }), [2, 3]);
		for (const wrong of [{ limit: 0 }, { fromTime: "soon" }, { fromSeq: 1.5 }, { subject: "a b" }]) {
			await refused(stage.soon(streams.read("orders", wrong)), "E_INPUT_INVALID");
		}
	},

	async "K5: a message id inside the window is kept once, also over a restart, and after it again"(stage) {
		await stage.soon(stage.bus.streams.create({ ...orders, duplicateWindow: 1_000 }));
		const append = () => stage.soon(stage.bus.streams.append("orders.new", 1, { messageId: "same" }));
		const first = await append();
		const second = await append();
		assert.deepEqual([first.duplicate, second.duplicate, second.seq], [false, true, first.seq]);
		await stage.restart();
		assert.equal((await append()).duplicate, true);
		await stage.pass(1_200);
		assert.deepEqual(await append(), { stream: "orders", seq: 2, duplicate: false });
	},

	async "K5: the same id twice at the same time is kept once"(stage) {
		await stage.soon(stage.bus.streams.create(orders));
		const same = { subject: "orders.new", data: 1, messageId: "same" };
		const results = await stage.soon(
			Promise.all([
				stage.bus.streams.append("orders.new", 1, { messageId: "same" }),
				stage.bus.streams.appendMany([same, same]),
			]),
		);
		const flat = results.flat();
		assert.equal(flat.filter(({ duplicate }) => !duplicate).length, 1);
		assert.ok(flat.every(({ seq }) => seq === 1));
	},

	async "an append can insist on the number of the newest message"(stage) {
		const { streams } = stage.bus;
		await stage.soon(streams.create(orders));
		assert.equal((await stage.soon(streams.append("orders.new", 1, { expectedLastSeq: 0 }))).seq, 1);
		await refused(stage.soon(streams.append("orders.new", 2, { expectedLastSeq: 0 })), "E_CONFLICT");
		const race = await stage.soon(
			Promise.allSettled([1, 2, 3].map((n) => streams.append("orders.new", n, { expectedLastSeq: 1 }))),
		);
		assert.equal(race.filter(({ status }) => status === "fulfilled").length, 1);
		assert.equal((await stage.soon(streams.info("orders"))).lastSeq, 2);
		await refused(stage.soon(streams.append("orders.new", 2, { expectedLastSeq: -1 })), "E_INPUT_INVALID");
	},

	async "an append reaches who listens, once it is kept"(stage) {
		await stage.soon(stage.bus.streams.create(orders));
		const listening = stage.bus.subscribe("orders.*");
		const { seq } = await stage.soon(stage.bus.streams.append("orders.new", { a: 1 }, { headers: { h: "1" } }));
		assert.equal(seq, 1);
		const message = await stage.one(listening);
		assert.deepEqual([message.subject, message.data, message.headers.h], ["orders.new", { a: 1 }, "1"]);
		await stage.nothing(listening);
	},

	async "an ordinary message on a subject of a stream is kept too, and comes once"(stage) {
		await stage.soon(stage.bus.streams.create(orders));
		const listening = stage.bus.subscribe("orders.*");
		stage.bus.publish("orders.new", 7);
		stage.bus.publish("elsewhere", 8);
		assert.equal((await stage.one(listening)).data, 7);
		await stage.nothing(listening);
		assert.deepEqual(datas(await stage.soon(stage.bus.streams.read("orders"))), [7]);
	},

	async "many are appended with one acknowledgement, all or none"(stage) {
		const { streams } = stage.bus;
		await stage.soon(streams.create(orders));
		await stage.soon(streams.create({ name: "mails", subjects: ["mails"] }));
		const results = await stage.soon(
			streams.appendMany(["orders.a", "mails", "orders.b"].map((subject) => ({ subject, data: subject }))),
		);
		assert.deepEqual(
			results.map(({ stream, seq }) => [stream, seq]),
			[
				["orders", 1],
				["mails", 1],
				["orders", 2],
			],
		);
		const half = [
			{ subject: "orders.c", data: 1 },
			{ subject: "nobody", data: 2 },
		];
		await refused(stage.soon(streams.appendMany(half)), "E_STREAM_UNKNOWN");
		assert.equal((await stage.soon(streams.info("orders"))).lastSeq, 2);
		assert.deepEqual(await stage.soon(streams.appendMany([])), []);
	},

	async "a stream that is deleted is gone with all of it, and its name is free"(stage) {
		await stage.soon(stage.bus.streams.create(orders));
		await appendAll(stage, 2);
		const consumption = await stage.soon(stage.bus.streams.consume("orders", { name: "c" }));
		await stage.take(consumption, 2);
		await stage.soon(stage.bus.streams.delete("orders"));
		await stage.ended(consumption);
		await refused(stage.soon(stage.bus.streams.info("orders")), "E_STREAM_UNKNOWN");
		await stage.soon(stage.bus.streams.create(orders));
		assert.equal((await appendAll(stage, 1))[0]?.seq, 1);
		await stage.restart();
		const { lastSeq, consumers } = await stage.soon(stage.bus.streams.info("orders"));
		assert.deepEqual([lastSeq, consumers], [1, []]);
	},
};
