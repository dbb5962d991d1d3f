/** Publish and subscribe. */
import assert from "node:assert/strict";
import type { Json } from "../../src/json.ts";
import { type Cases, datas, throwsCode } from "./stage.ts";

export const messageCases: Cases = {
	async "a message reaches each who listens on its subject, with its headers, in the order of publishing"(stage) {
		const [one, other] = [stage.bus.subscribe("a.b"), stage.bus.subscribe("a.b")];
		const elsewhere = stage.bus.subscribe("a.c");
		for (const n of [1, 2, 3]) stage.bus.publish("a.b", { n }, { headers: { "X-N": String(n) } });
		for (const subscription of [one, other]) {
			const got = await stage.take(subscription, 3);
			assert.deepEqual(datas(got), [{ n: 1 }, { n: 2 }, { n: 3 }]);
			assert.deepEqual({ ...got[1]?.headers }, { "X-N": "2" });
			assert.equal(got[0]?.subject, "a.b");
			assert.equal(got[0]?.replyTo, undefined);
		}
		await stage.nothing(elsewhere);
	},

	async "who listens later does not hear of what was before"(stage) {
		stage.bus.publish("a", 1);
		const late = stage.bus.subscribe("a");
		stage.bus.publish("a", 2);
		assert.equal((await stage.one(late)).data, 2);
	},

	async "* stands for one token, > at the end for one or more"(stage) {
		const patterns = ["a.*.c", "a.>", "*.b.c", ">", "a.b.c", "*", "a.*"];
		const listening = patterns.map((pattern) => ({
			pattern,
			subscription: stage.bus.subscribe(pattern),
			got: [] as string[],
		}));
		for (const subject of ["a", "a.b", "a.b.c", "a.b.c.d", "x.b.c"]) stage.bus.publish(subject, null);
		await stage.pass(0);
		for (const { subscription, got } of listening) {
			void (async () => {
				for await (const { subject } of subscription) got.push(subject);
			})();
		}
		for (let i = 0; i < 5; i++) await stage.pass(0);
		assert.deepEqual(Object.fromEntries(listening.map(({ pattern, got }) => [pattern, got])), {
			"a.*.c": ["a.b.c"],
			"a.>": ["a.b", "a.b.c", "a.b.c.d"],
			"*.b.c": ["a.b.c", "x.b.c"],
			">": ["a", "a.b", "a.b.c", "a.b.c.d", "x.b.c"],
			"a.b.c": ["a.b.c"],
			"*": ["a"],
			"a.*": ["a.b"],
		});
	},

	async "a wildcard in the first token hears nothing of the bus itself"(stage) {
		const all = stage.bus.subscribe(">");
		const service = stage.bus.subscribe("$SRV.PING.somebody");
		const asked = stage.bus.requestMany("$SRV.PING.somebody", null, { max: 1 });
		(await stage.one(service)).respond("here");
		assert.deepEqual(datas(await stage.soon(asked)), ["here"]);
		stage.bus.publish("own", 1);
		assert.equal((await stage.one(all)).subject, "own");
	},

	async "B2: of a queue group one gets a message, and all outside of it their own"(stage) {
		const members = [1, 2, 3].map(() => stage.bus.subscribe("work", { queue: "workers" }));
		const other = stage.bus.subscribe("work", { queue: "audit" });
		const alone = stage.bus.subscribe("work");
		const got = members.map((): Json[] => []);
		for (const [i, member] of members.entries()) {
			void (async () => {
				for await (const { data } of member) got[i]?.push(data);
			})();
		}
		const sent = Array.from({ length: 30 }, (_, i) => i);
		for (const n of sent) stage.bus.publish("work", n);
		assert.deepEqual(datas(await stage.take(other, 30)), sent);
		assert.deepEqual(datas(await stage.take(alone, 30)), sent);
		await stage.pass(0);
		assert.deepEqual(
			got.flat().sort((a, b) => Number(a) - Number(b)),
			sent,
		);
		assert.ok(got.filter((each) => each.length > 0).length > 1, "more than one of them works");
	},

	async "a member of a queue group that leaves gets nothing more, the others get it"(stage) {
		const [first, second] = [1, 2].map(() => stage.bus.subscribe("work", { queue: "q" }));
		first?.unsubscribe();
		await stage.pass(0);
		for (const n of [1, 2, 3]) stage.bus.publish("work", n);
		assert.ok(second);
		assert.deepEqual(datas(await stage.take(second, 3)), [1, 2, 3]);
	},

	async "B3: what one does to a message no other sees, neither who sent it nor who got it"(stage) {
		const [one, other] = [stage.bus.subscribe("a"), stage.bus.subscribe("a")];
		const data = { list: [1, { deep: true }] };
		const headers = { h: "1" };
		stage.bus.publish("a", data, { headers });
		data.list.push(2);
		headers.h = "2";
		const message = await stage.one(one);
		const list = (message.data as { list: Json[] }).list;
		assert.throws(() => list.push(3), TypeError);
		assert.throws(() => {
			(list[1] as { deep: boolean }).deep = false;
		}, TypeError);
		const second = await stage.one(other);
		assert.deepEqual(second.data, { list: [1, { deep: true }] });
		assert.deepEqual({ ...second.headers }, { h: "1" });
	},

	async "leaving the loop unsubscribes"(stage) {
		const subscription = stage.bus.subscribe("a");
		for (const n of [1, 2, 3]) stage.bus.publish("a", n);
		await stage.pass(0);
		for await (const { data } of subscription) if (data === 2) break;
		stage.bus.publish("a", 4);
		await stage.ended(subscription);
		assert.equal(stage.bus.stats().subscriptions, stage.subscriptions);
	},

	async "unsubscribing lets go what waits, draining gives it out first"(stage) {
		const [left, drained] = [stage.bus.subscribe("a"), stage.bus.subscribe("a")];
		for (const n of [1, 2]) stage.bus.publish("a", n);
		await stage.pass(0);
		left.unsubscribe();
		await stage.ended(left);
		const over = drained.drain();
		stage.bus.publish("a", 3);
		assert.deepEqual(datas(await stage.take(drained, 2)), [1, 2]);
		await stage.ended(drained);
		await stage.soon(over);
	},

	async "a signal ends a subscription, and one that was given too late ends it at once"(stage) {
		const controller = new AbortController();
		const subscription = stage.bus.subscribe("a", { signal: controller.signal });
		const waiting = subscription[Symbol.asyncIterator]().next();
		controller.abort();
		assert.equal((await stage.soon(waiting)).done, true);
		await stage.ended(stage.bus.subscribe("a", { signal: controller.signal }));
		assert.equal(stage.bus.stats().subscriptions, stage.subscriptions);
	},

	async "several may wait for the next message of one subscription"(stage) {
		const iterator = stage.bus.subscribe("a")[Symbol.asyncIterator]();
		const both = Promise.all([iterator.next(), iterator.next()]);
		stage.bus.publish("a", 1);
		stage.bus.publish("a", 2);
		assert.deepEqual(
			(await stage.soon(both)).map(({ value }) => value.data),
			[1, 2],
		);
	},

	async "B4: a slow subscriber loses the newest beyond its bound and is told before which message"(stage) {
		const slow = stage.bus.subscribe("a", { maxPending: 3 });
		const fast = stage.bus.subscribe("a");
		for (let n = 1; n <= 10; n++) stage.bus.publish("a", n);
		await stage.pass(0);
		assert.equal(slow.dropped, 7);
		assert.equal(slow.pending, 3);
		const waited = await stage.take(slow, 3);
		assert.deepEqual(datas(waited), [1, 2, 3]);
		assert.ok(waited.every(({ missed }) => missed === 0));
		stage.bus.publish("a", 11);
		stage.bus.publish("a", 12);
		const after = await stage.take(slow, 2);
		assert.deepEqual(datas(after), [11, 12]);
		assert.deepEqual(
			after.map(({ missed }) => missed),
			[7, 0],
		);
		assert.equal((await stage.take(fast, 12)).at(-1)?.missed, 0);
		assert.equal(fast.dropped, 0);
	},

	async "B4: the bound counts bytes too, and one message always fits"(stage) {
		const slow = stage.bus.subscribe("a", { maxPendingBytes: 10_000 });
		stage.bus.publish("a", "x".repeat(50_000));
		stage.bus.publish("a", "y".repeat(500));
		await stage.pass(0);
		assert.equal(String((await stage.one(slow)).data).length, 50_000);
		assert.equal(slow.dropped, 1);
	},

	async "subjects that are none are refused"(stage) {
		const wrong = [
			"",
			".",
			"a.",
			".a",
			"a..b",
			"a b",
			"a\tb",
			"a\nb",
			"a\u0000b",
			"a\u2028b",
			"x".repeat(257),
			"$SYS.a",
			"$JS",
			"$",
		];
		for (const subject of [...wrong, 7 as unknown as string, undefined as unknown as string]) {
			throwsCode(() => stage.bus.publish(subject, null), "E_INPUT_INVALID");
			throwsCode(() => stage.bus.subscribe(subject), "E_INPUT_INVALID");
		}
		for (const subject of ["a.*", "*", ">", "a.>", "a*", "a.b>"]) {
			throwsCode(() => stage.bus.publish(subject, null), "E_INPUT_INVALID");
		}
		for (const pattern of ["a.>.b", ">.a", "a*.b", "a.b>", "**", "_INBOX.>", "_INBOX"]) {
			throwsCode(() => stage.bus.subscribe(pattern), "E_INPUT_INVALID");
		}
		throwsCode(() => stage.bus.publish("a", null, { replyTo: "not right" }), "E_INPUT_INVALID");
		throwsCode(() => stage.bus.subscribe("a", { queue: "not right" }), "E_INPUT_INVALID");
		throwsCode(() => stage.bus.subscribe("a", { maxPending: 0 }), "E_INPUT_INVALID");
	},

	async "subjects of any script and length up to the bound are taken"(stage) {
		for (const subject of ["größe.数量.😀", "x".repeat(256), "a-b_c/d:e", "A.a", "__proto__.constructor"]) {
			const subscription = stage.bus.subscribe(subject);
			stage.bus.publish(subject, subject);
			assert.equal((await stage.one(subscription)).data, subject);
		}
	},

	async "data that is no JSON, or too much of it, is refused"(stage) {
		const circle: Record<string, unknown> = {};
		circle.self = circle;
		for (const data of [undefined, Number.NaN, 1n, () => 1, new Map(), { a: Number.POSITIVE_INFINITY }, circle]) {
			throwsCode(() => stage.bus.publish("a", data as Json), "E_INPUT_INVALID");
		}
		throwsCode(() => stage.bus.publish("a", "x".repeat(2 * 1024 * 1024)), "E_INPUT_TOO_LARGE");
	},

	async "headers that could break a protocol, or too many of them, are refused"(stage) {
		const wrong = [
			{ "a b": "1" },
			{ "": "1" },
			{ "a:": "1" },
			{ "a\r\n": "1" },
			{ a: "1\r\nb: 2" },
			{ a: "\u0000" },
			{ a: 1 },
		];
		for (const headers of [...wrong, "text", [1], JSON.parse('{"__proto__":"1"}') as object]) {
			throwsCode(() => stage.bus.publish("a", null, { headers: headers as Record<string, string> }), "E_INPUT_INVALID");
		}
		const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`h${i}`, "1"]));
		throwsCode(() => stage.bus.publish("a", null, { headers: many }), "E_INPUT_TOO_LARGE");
		throwsCode(() => stage.bus.publish("a", null, { headers: { a: "x".repeat(100_000) } }), "E_INPUT_TOO_LARGE");
	},
};
