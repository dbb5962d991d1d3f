/** Request and reply, services, discovery. */
import assert from "node:assert/strict";
import type { discover } from "../../src/bus/service.ts";
import { MusterError } from "../../src/errors.ts";
import type { Json } from "../../src/json.ts";
import { type Cases, datas, refused, type Stage } from "./stage.ts";

/** Answers everything on a subject. */
function echo(stage: Stage, subject: string, answer: (data: Json) => Json = (data) => data): void {
	const subscription = stage.bus.subscribe(subject);
	void (async () => {
		for await (const message of subscription) message.respond(answer(message.data), { headers: { by: "echo" } });
	})();
}

const answersOf = async (stage: Stage, subject: string) =>
	datas(await stage.soon(stage.bus.requestMany(subject, null, { max: 1 }))).at(0) as Record<string, unknown>;

export const requestCases: Cases = {
	async "a request gets the answer, with its headers"(stage) {
		echo(stage, "echo");
		const answer = await stage.soon(stage.bus.request("echo", { a: [1] }));
		assert.deepEqual(answer.data, { a: [1] });
		assert.equal(answer.headers.by, "echo");
	},

	async "each of many requests at the same time gets its own answer"(stage) {
		echo(stage, "echo");
		const all = Array.from({ length: 50 }, (_, i) => stage.bus.request("echo", i));
		assert.deepEqual(datas(await stage.soon(Promise.all(all))), [...all.keys()]);
	},

	async "a request that nobody can hear is refused at once"(stage) {
		await refused(stage.soon(stage.bus.request("nobody", 1)), "E_NO_RESPONDERS");
		const gone = stage.bus.subscribe("gone");
		gone.unsubscribe();
		await refused(stage.soon(stage.bus.request("gone", 1)), "E_NO_RESPONDERS");
	},

	async "a request that nobody answers ends at its deadline"(stage) {
		stage.bus.subscribe("silent");
		const asked = stage.bus.request("silent", 1, { timeout: 200 });
		asked.catch(() => undefined);
		await stage.pass(300);
		await refused(stage.soon(asked), "E_WAIT_TIMEOUT");
	},

	async "a signal ends a request with its reason"(stage) {
		stage.bus.subscribe("silent");
		const controller = new AbortController();
		const asked = stage.bus.request("silent", 1, { signal: controller.signal });
		controller.abort(new MusterError("E_CANCELLED", "enough"));
		await refused(stage.soon(asked), "E_CANCELLED");
		await refused(stage.soon(stage.bus.request("silent", 1, { signal: controller.signal })), "E_CANCELLED");
	},

	async "the first answer counts, later ones go nowhere"(stage) {
		const [one, other] = [stage.bus.subscribe("a"), stage.bus.subscribe("a")];
		const asked = stage.bus.request("a", null);
		(await stage.one(other)).respond("second asked");
		assert.equal((await stage.soon(asked)).data, "second asked");
		(await stage.one(one)).respond("too late");
	},

	async "an answer may come later, from anywhere"(stage) {
		const subscription = stage.bus.subscribe("a");
		const asked = stage.bus.request("a", null);
		const { replyTo } = await stage.one(subscription);
		assert.ok(replyTo);
		await stage.pass(0);
		stage.bus.publish(replyTo, "later");
		assert.equal((await stage.soon(asked)).data, "later");
	},

	async "a message that wants no answer can be responded to in vain"(stage) {
		const subscription = stage.bus.subscribe("a");
		stage.bus.publish("a", 1);
		(await stage.one(subscription)).respond("nobody listens");
	},

	async "many answers are gathered until there are enough"(stage) {
		for (const name of ["x", "y", "z"]) echo(stage, "all", () => name);
		const two = await stage.soon(stage.bus.requestMany("all", null, { max: 2 }));
		assert.equal(two.length, 2);
		const three = await stage.soon(stage.bus.requestMany("all", null, { max: 3 }));
		assert.deepEqual(datas(three).sort(), ["x", "y", "z"]);
	},

	async "answers are gathered until the deadline when somebody says nothing"(stage) {
		stage.bus.subscribe("all");
		echo(stage, "all", () => "one");
		const gathered = stage.bus.requestMany("all", null, { timeout: 200 });
		await stage.pass(300);
		assert.deepEqual(datas(await stage.soon(gathered)), ["one"]);
	},

	async "one may give several answers"(stage) {
		const subscription = stage.bus.subscribe("list");
		const gathered = stage.bus.requestMany("list", null, { timeout: 200 });
		const message = await stage.one(subscription);
		for (const n of [1, 2, 3]) message.respond(n, { more: n < 3 });
		await stage.pass(300);
		assert.deepEqual(datas(await stage.soon(gathered)), [1, 2, 3]);
	},

	async "nobody to answer many is no error"(stage) {
		const gathered = stage.bus.requestMany("nobody", null, { timeout: 200 });
		await stage.pass(300);
		assert.deepEqual(await stage.soon(gathered), []);
	},
};

export const serviceCases: Cases = {
	async "a service answers, and what it throws reaches the one who asked with its code"(stage) {
		stage.serve({
			name: "math",
			endpoints: [
				{ name: "double", handle: ({ data }) => Number(data) * 2 },
				{
					name: "never",
					handle: () => {
						throw new MusterError("E_DENIED", "not\r\ntoday");
					},
				},
				{ name: "broken", subject: "other.place", handle: () => Promise.reject(new Error("oh")) },
			],
		});
		assert.equal((await stage.soon(stage.bus.request("math.double", 4))).data, 8);
		await refused(stage.soon(stage.bus.request("math.never", 4)), "E_DENIED");
		await refused(stage.soon(stage.bus.request("other.place", 4)), "E_SERVICE_FAILED");
	},

	async "ping, info and stats have the shapes of NATS services, by all, by name and by id"(stage) {
		const { id } = stage.serve({
			...{ name: "math", description: "Numbers.", metadata: { room: "1" } },
			endpoints: [{ name: "double", handle: ({ data }) => Number(data) * 2 }],
		});
		await stage.soon(stage.bus.request("math.double", 1));
		const identity = { name: "math", id, version: "1.0.0", metadata: { room: "1", capabilities: "double" } };
		const place = { name: "double", subject: "math.double", queue_group: "q" };
		for (const tail of ["math", `math.${id}`]) {
			assert.deepEqual(await answersOf(stage, `$SRV.PING.${tail}`), {
				type: "io.nats.micro.v1.ping_response",
				...identity,
			});
			assert.deepEqual(await answersOf(stage, `$SRV.INFO.${tail}`), {
				...{ type: "io.nats.micro.v1.info_response", ...identity, description: "Numbers." },
				endpoints: [place],
			});
			const { started, endpoints, ...stats } = await answersOf(stage, `$SRV.STATS.${tail}`);
			assert.deepEqual(stats, { type: "io.nats.micro.v1.stats_response", ...identity });
			assert.ok(!Number.isNaN(Date.parse(String(started))));
			const [{ processing_time, average_processing_time, ...counted }] = endpoints as [Record<string, unknown>];
			assert.deepEqual(counted, { ...place, num_requests: 1, num_errors: 0, last_error: "" });
			assert.ok(Number(processing_time) >= 0 && Number(average_processing_time) >= 0);
		}
		const everybody = await stage.discover();
		assert.ok(everybody.some((found) => found.id === id));
	},

	async "instances of one service share its requests"(stage) {
		const instances = [1, 2].map(() =>
			stage.serve({ name: "shared", endpoints: [{ name: "do", handle: () => null }] }),
		);
		await stage.soon(Promise.all(Array.from({ length: 20 }, () => stage.bus.request("shared.do", null))));
		const counts = instances.map((instance) => instance.stats()[0]?.num_requests ?? 0);
		assert.equal(
			counts.reduce((sum, count) => sum + count),
			20,
		);
		assert.ok(counts.every((count) => count > 0));
	},

	async "who can do something is found by it"(stage) {
		stage.serve({ name: "one", capabilities: ["cook", "a,b%"], endpoints: [] });
		stage.serve({
			name: "two",
			endpoints: [
				{ name: "cook", handle: () => null },
				{ name: "wash", handle: () => null },
			],
		});
		const names = async (query: Parameters<typeof discover>[1]) =>
			(await stage.discover(query)).map(({ name }) => name);
		assert.deepEqual(await names({ capability: "cook" }), ["one", "two"]);
		assert.deepEqual(await names({ capability: "wash" }), ["two"]);
		assert.deepEqual(await names({ capability: "a,b%" }), ["one"]);
		assert.deepEqual(await names({ capability: "a" }), []);
		assert.deepEqual(await names({ name: "one" }), ["one"]);
		assert.deepEqual(await names({ name: "three" }), []);
	},

	async "a service that stops answers what it has and is found no more"(stage) {
		const gate = Promise.withResolvers<Json>();
		const service = stage.serve({ name: "slow", endpoints: [{ name: "do", handle: () => gate.promise }] });
		const asked = stage.bus.request("slow.do", null);
		await stage.pass(0);
		const stopped = service.stop();
		await refused(stage.soon(stage.bus.request("slow.do", null)), "E_NO_RESPONDERS");
		gate.resolve("done");
		assert.equal((await stage.soon(asked)).data, "done");
		await stage.soon(stopped);
		assert.ok(!(await stage.discover()).some(({ name }) => name === "slow"));
	},

	async "what answers nonsense is not found, and disturbs nobody"(stage) {
		stage.serve({ name: "fine", endpoints: [] });
		for (const nonsense of [
			null,
			7,
			[],
			{},
			{ type: "io.nats.micro.v1.info_response" },
			{ type: 1, name: "x", id: "y" },
		]) {
			const subscription = stage.bus.subscribe("$SRV.INFO");
			void (async () => {
				for await (const message of subscription) message.respond(nonsense as Json);
			})();
		}
		assert.ok((await stage.discover()).some(({ name }) => name === "fine"));
	},
};
