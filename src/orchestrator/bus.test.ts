/** The bus as skills, agents and the orchestrator have it; what it says of itself; and what it does without space. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { BaseAgent } from "../agent/base-agent.ts";
import { hasCode, MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type Log, silentLog } from "../log.ts";
import type { Assignment } from "../scheduler/performer.ts";
import type { SkillBus } from "../skill/skill.ts";
import { defineSkill, type SkillContext } from "../skill/skill.ts";

const code = (wanted: string) => (error: unknown) => hasCode(error, wanted as "E_STOPPED");

/** A log that keeps its warnings. */
function listeningLog(): { log: Log; warnings: { message: string; fields?: Record<string, Json> | undefined }[] } {
	const warnings: { message: string; fields?: Record<string, Json> | undefined }[] = [];
	const log: Log = {
		...silentLog,
		warn: (message, fields) => void warnings.push({ message, fields }),
		child: () => log,
	};
	return { log, warnings };
}

describe("a skill on the bus", () => {
	it("asks, tells, listens and appends, and what it listens to ends with its attempt", async (t) => {
		const kept: SkillBus[] = [];
		const talk = defineSkill({
			name: "talk",
			description: "Talks.",
			async run(_, { bus }) {
				kept.push(bus);
				const news = bus.subscribe("news");
				bus.publish("ready", "yes");
				const answer = await bus.request("adder.add", [1, 2]);
				const { seq } = await bus.streams.append("log.talk", "said");
				for await (const { data } of news) return { answer: answer.data, seq, data };
				return null;
			},
		});
		const host = await MemoryHost.open(t, { skills: [talk] });
		const { orchestrator } = host;
		const { bus } = orchestrator;
		await bus.streams.create({ name: "log", subjects: ["log.>"] });
		bus.serve({
			name: "adder",
			version: "1.0.0",
			endpoints: [{ name: "add", handle: ({ data }) => (data as number[]).length }],
		});
		const before = bus.stats().subscriptions;
		const listening = bus.subscribe("ready");
		const id = await orchestrator.submit({ type: "talk" });
		for await (const _ of listening) break;
		bus.publish("news", "it rains");
		const { output } = await orchestrator.wait(id);
		assert.deepEqual(output, { answer: 2, seq: 1, data: "it rains" });
		assert.equal(bus.stats().subscriptions, before);
		assert.throws(() => kept[0]?.publish("late", 1), code("E_CANCELLED"));
		assert.throws(() => kept[0]?.subscribe("late"), code("E_CANCELLED"));
	});

	it("hears of its cancel in what it waits for, and sends nothing more", async (t) => {
		const thrown: unknown[] = [];
		const begun = Promise.withResolvers<void>();
		const wait = defineSkill({
			name: "wait",
			description: "Waits for an answer.",
			async run(_, { bus }) {
				const asked = bus.request("silent", null);
				begun.resolve();
				await asked.catch((error: unknown) => thrown.push(error));
				try {
					bus.publish("after", null);
				} catch (error) {
					thrown.push(error);
				}
				return null;
			},
		});
		const host = await MemoryHost.open(t, { skills: [wait] });
		const { orchestrator } = host;
		const after = orchestrator.bus.subscribe("after");
		orchestrator.bus.subscribe("silent");
		const id = await orchestrator.submit({ type: "wait" });
		await begun.promise;
		await orchestrator.cancel(id);
		assert.equal(thrown.length, 2);
		assert.ok(thrown.every(code("E_CANCELLED")));
		assert.equal(after.pending, 0);
	});
});

class Speaker extends BaseAgent {
	readonly kind = "specialized";

	override async perform({ input }: Assignment, { bus }: SkillContext): Promise<unknown> {
		bus.publish("spoken", input);
		return null;
	}
}

describe("agents on the bus", () => {
	it("use it through their context", async (t) => {
		const { orchestrator } = await MemoryHost.open(t, { skills: [] });
		await orchestrator.addAgent(new Speaker({ name: "speaker", capabilities: ["speak"] }));
		const spoken = orchestrator.bus.subscribe("spoken");
		await orchestrator.wait(await orchestrator.submit({ type: "speak", input: "hello" }));
		for await (const { data } of spoken) {
			assert.equal(data, "hello");
			break;
		}
	});

	it("are found by what they can do, all 620 behind nine subscriptions, and no more when they are gone", async (t) => {
		const { orchestrator } = await MemoryHost.open(t, { skills: [] });
		const { bus } = orchestrator;
		for (let n = 1; n < 620; n++) {
			const capabilities = n % 2 === 0 ? ["speak", "sing"] : ["speak"];
			await orchestrator.addAgent(new Speaker({ name: `speaker ${n}`, capabilities }));
		}
		assert.equal(bus.stats().subscriptions, 9);
		const all = await bus.discover();
		assert.equal(all.length, 620);
		assert.equal(new Set(all.map(({ id }) => id)).size, 620);
		const singers = await bus.discover({ capability: "sing" });
		assert.equal(singers.length, 309);
		const { metadata, capabilities, name } = singers[0] as (typeof singers)[number];
		assert.deepEqual([name, capabilities], ["muster-agent", ["speak", "sing"]]);
		assert.deepEqual([metadata.agent, metadata.kind, metadata.state], ["speaker 10", "specialized", "ready"]);
		const one = await bus.requestMany(`$SRV.PING.muster-agent.${singers[0]?.id}`, null);
		assert.equal(one.length, 1);
		for (const { metadata: of } of singers) await orchestrator.removeAgent(of.agent as string);
		assert.deepEqual(await bus.discover({ capability: "sing" }), []);
		assert.equal((await bus.discover({ name: "muster-agent" })).length, 311);
	});
});

describe("the end of the bus", () => {
	it("ends subscriptions, consumers and requests, and takes nothing any more", async (t) => {
		const { orchestrator } = await MemoryHost.open(t, { skills: [] });
		const { bus } = orchestrator;
		await bus.streams.create({ name: "s", subjects: ["s"] });
		const ends = [bus.subscribe("a"), await bus.streams.consume("s", { name: "c" })].map(async (each) => {
			for await (const _ of each) assert.fail("nothing comes");
		});
		const silent = bus.subscribe("silent");
		const asked = bus.request("silent", 1);
		const refused = assert.rejects(asked, code("E_STOPPED"));
		await turns(1);
		assert.equal(silent.pending, 1);
		await orchestrator.shutdown();
		await refused;
		assert.throws(() => bus.publish("a", 1), code("E_STOPPED"));
		assert.throws(() => bus.subscribe("a"), code("E_STOPPED"));
		for (const late of [
			() => bus.request("a", 1),
			() => bus.streams.append("s", 1),
			() => bus.streams.create({ name: "t", subjects: ["t"] }),
			() => bus.streams.consume("s", { name: "c" }),
		]) {
			await assert.rejects(late, code("E_STOPPED"));
		}
		await Promise.all(ends);
	});
});

describe("a slow subscriber", () => {
	it("is warned of once for each time that it falls behind", async (t) => {
		const { log, warnings } = listeningLog();
		const { orchestrator } = await MemoryHost.open(t, { skills: [], log });
		const slow = orchestrator.bus.subscribe("a", { maxPending: 2, queue: "q" });
		const iterator = slow[Symbol.asyncIterator]();
		const fallBehind = (): void => {
			for (let n = 0; n < 5; n++) orchestrator.bus.publish("a", n);
		};
		fallBehind();
		fallBehind();
		assert.equal(warnings.length, 1);
		assert.deepEqual(warnings[0]?.fields, { subject: "a", queue: "q", pending: 2, dropped: 1 });
		await iterator.next();
		fallBehind();
		assert.equal(warnings.length, 1, "it has not caught up");
		await iterator.next();
		await iterator.next();
		fallBehind();
		assert.equal(warnings.length, 2);
		assert.equal(orchestrator.bus.stats().dropped, slow.dropped);
	});

	it("costs its queue group nothing: another member gets what it has no room for", async (t) => {
		const { orchestrator } = await MemoryHost.open(t, { skills: [] });
		const slow = orchestrator.bus.subscribe("a", { maxPending: 2, queue: "q" });
		const other = orchestrator.bus.subscribe("a", { queue: "q" });
		for (let n = 0; n < 20; n++) orchestrator.bus.publish("a", n);
		assert.deepEqual([slow.pending, other.pending], [2, 18]);
		assert.equal(slow.dropped + other.dropped, 0);
	});
});

describe("streams without space", () => {
	it("refuse appends, deliver ordinary messages and say that they are not kept, and keep acknowledgements", async (t) => {
		const { log, warnings } = listeningLog();
		const host = await MemoryHost.open(t, { skills: [], log });
		const { bus } = host.orchestrator;
		await bus.streams.create({ name: "s", subjects: ["s.>"] });
		await bus.streams.appendMany([1, 2, 3].map((data) => ({ subject: "s.a", data })));
		const deliveries = (await bus.streams.consume("s", { name: "c" }))[Symbol.asyncIterator]();
		const first = (await deliveries.next()).value;
		host.store.write = () => Promise.reject(new MusterError("E_STORAGE_FULL", "full"));
		const listening = bus.subscribe("s.*");
		await assert.rejects(bus.streams.append("s.a", 4), code("E_STORAGE_FULL"));
		for (const n of [5, 6]) bus.publish("s.b", n);
		await turns(5);
		assert.equal(listening.pending, 2, "who listens got them");
		assert.equal(bus.stats().unstored, 2);
		assert.equal(warnings.filter(({ message }) => message.includes("could not keep")).length, 1);
		let acknowledged = false;
		void first.ack().then(() => {
			acknowledged = true;
		});
		await turns(5);
		assert.equal(acknowledged, false, "it is not durable");
		host.store.write = () => Promise.resolve();
		await host.pass(2_000);
		assert.equal(acknowledged, true);
		assert.equal((await bus.streams.append("s.a", 7)).seq, 4, "what was refused left no trace");
		await host.restart();
		const again = await host.orchestrator.bus.streams.consume("s", { name: "c" });
		for await (const { seq } of again) {
			assert.equal(seq, 2);
			break;
		}
	});

	it("take no more than so much at a time", async (t) => {
		const host = await MemoryHost.open(t, { skills: [] });
		const { bus } = host.orchestrator;
		await bus.streams.create({ name: "s", subjects: ["s"] });
		const gate = Promise.withResolvers<void>();
		host.store.write = () => gate.promise;
		const large = "x".repeat(1_000_000);
		const all = Array.from({ length: 80 }, () => bus.streams.append("s", large));
		const settled = Promise.allSettled(all);
		for (const append of all.slice(70)) await assert.rejects(append, code("E_BUS_FULL"));
		gate.resolve();
		assert.ok((await settled).some(({ status }) => status === "fulfilled"));
		await bus.streams.append("s", large);
	});
});
