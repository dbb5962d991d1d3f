/** Skills that misbehave harm nobody but their own task. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../src/index.ts";
import { busy, chatty } from "./busy-skill.ts";
import { deaf, does, echo, gate, hang, start } from "./start.ts";

const once = { retry: false } as const;

const circular: Record<string, unknown> = {};
circular.self = circular;
const unreadable = {
	get message(): string {
		throw new Error("no");
	},
};

for (const { what, thrown, message } of [
	{ what: "an error", thrown: new Error("it broke"), message: /it broke/ },
	{ what: "a text", thrown: "just text", message: /just text/ },
	{ what: "nothing", thrown: undefined, message: /undefined/ },
	{ what: "null", thrown: null, message: /null/ },
	{
		what: "an error with details that are no JSON",
		thrown: Object.assign(new Error("x"), { details: circular }),
		message: /x/,
	},
	{
		what: "an error with a BigInt in its details",
		thrown: Object.assign(new Error("x"), { details: { n: 1n } }),
		message: /x/,
	},
	{
		what: "an error with endless details",
		thrown: Object.assign(new Error("x"), { details: { text: "y".repeat(1e6) } }),
		message: /x/,
	},
	{ what: "what cannot be read", thrown: unreadable, message: /./ },
	{ what: "a proxy that is revoked", thrown: revoked(), message: /./ },
	{ what: "an error that asks for an impossible delay", thrown: new TerminalError("z"), message: /z/ },
]) {
	for (const how of ["throws", "rejects with"] as const) {
		test(`a skill that ${how} ${what} fails its task and frees its agent`, async (t) => {
			const bad = does("bad", () => {
				if (how === "throws") throw thrown;
				return Promise.reject(thrown);
			});
			const orchestrator = await start(t, { workers: 1, skills: [bad, echo] });
			const id = await orchestrator.submit({ type: "bad", ...once });
			const next = await orchestrator.submit({ type: "echo", input: 1 });
			const task = await orchestrator.wait(id, { timeout: "5s" });
			assert.equal(task.state, "failed");
			assert.match(task.error?.message ?? "", message);
			assert.equal((await orchestrator.wait(next, { timeout: "5s" })).state, "completed");
			assert.ok(JSON.stringify(task.error).length < 100_000, "the error is bounded");
		});
	}
}

function revoked(): unknown {
	const { proxy, revoke } = Proxy.revocable({}, {});
	revoke();
	return proxy;
}

for (const { what, value } of [
	{ what: "undefined", value: undefined },
	{ what: "a function", value: () => 1 },
	{ what: "NaN", value: Number.NaN },
	{ what: "a BigInt", value: 1n },
	{ what: "a circle", value: circular },
	{ what: "a Map", value: new Map() },
	{ what: "a __proto__", value: JSON.parse('{"__proto__": {"polluted": true}}') as unknown },
	{ what: "10,000 levels", value: nested(10_000) },
]) {
	test(`a skill that returns ${what} fails with E_OUTPUT_INVALID, without a second attempt`, async (t) => {
		const orchestrator = await start(t, { workers: 1, skills: [does("bad", () => value)] });
		const task = await orchestrator.wait(await orchestrator.submit({ type: "bad" }), { timeout: "5s" });
		assert.equal(task.state, "failed");
		assert.equal(task.error?.code, "E_OUTPUT_INVALID");
		assert.equal(task.attempts, 1);
		assert.equal(({} as { polluted?: boolean }).polluted, undefined);
	});
}

function nested(depth: number): unknown {
	let value: unknown = 1;
	for (let i = 0; i < depth; i++) value = [value];
	return value;
}

for (const skill of [hang, deaf]) {
	test(`a skill that is ${skill.name} ends at its timeout and gives its slot back`, async (t) => {
		const orchestrator = await start(t, { workers: 1, skills: [skill, echo] });
		const id = await orchestrator.submit({ type: skill.name, timeout: 20, ...once });
		const next = await orchestrator.submit({ type: "echo", input: 1 });
		const task = await orchestrator.wait(id, { timeout: "5s" });
		assert.equal(task.error?.code, "E_TIMEOUT");
		assert.equal((await orchestrator.wait(next, { timeout: "5s" })).state, "completed");
	});
}

test("a skill without progress ends at its idle timeout, and one with progress does not", async (t) => {
	const lively = does("lively", async (_, { progress }) => {
		for (let i = 0; i < 12; i++) {
			progress(i / 12);
			await new Promise((resolve) => setTimeout(resolve, 15));
		}
		return "done";
	});
	const orchestrator = await start(t, { skills: [hang, lively] });
	const [idle, live] = await orchestrator.submitMany([
		{ type: "hang", idleTimeout: 90, ...once },
		{ type: "lively", idleTimeout: 90, ...once },
	]);
	assert.equal((await orchestrator.wait(idle as string, { timeout: "5s" })).error?.code, "E_IDLE_TIMEOUT");
	assert.equal((await orchestrator.wait(live as string, { timeout: "5s" })).state, "completed");
});

test("the late result of an attempt that was left behind is refused and counted; the second attempt's counts", async (t) => {
	const late = gate<string>();
	const slow = does("slow", (_, { task }) => (task.attempt === 1 ? late.promise : "second"));
	const orchestrator = await start(t, { skills: [slow] });
	const id = await orchestrator.submit({ type: "slow", timeout: 20, retry: { initial: 1 } });
	const task = await orchestrator.wait(id, { timeout: "5s" });
	late.resolve("first");
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal(task.output, "second");
	assert.equal(orchestrator.task(id).output, "second");
	assert.equal(orchestrator.status().taskQueue.refusedResults, 1);
});

test("a busy loop in a thread is ended at its timeout, and others in threads and in the process go on", async (t) => {
	const orchestrator = await start(t, { skills: [busy, echo], threads: 2 });
	const stuck = await orchestrator.submit({ type: "busy", input: { forMs: 60_000 }, timeout: 300, ...once });
	const other = await orchestrator.submit({ type: "busy", input: { forMs: 5 } });
	const plain = await orchestrator.submit({ type: "echo", input: 1 });
	assert.equal((await orchestrator.wait(plain, { timeout: "1s" })).state, "completed");
	assert.equal((await orchestrator.wait(other, { timeout: "10s" })).output, "done");
	assert.equal((await orchestrator.wait(stuck, { timeout: "10s" })).error?.code, "E_TIMEOUT");
	const again = await orchestrator.submit({ type: "busy", input: { forMs: 1 } });
	assert.equal((await orchestrator.wait(again, { timeout: "10s" })).output, "done");
});

test("a skill that ends its thread fails with E_SKILL_THREAD, and the next one has a thread", async (t) => {
	const orchestrator = await start(t, { skills: [busy], threads: 1 });
	const dead = await orchestrator.submit({ type: "busy", input: { exit: true }, ...once });
	assert.equal((await orchestrator.wait(dead, { timeout: "10s" })).error?.code, "E_SKILL_THREAD");
	const next = await orchestrator.submit({ type: "busy", input: { forMs: 1 } });
	assert.equal((await orchestrator.wait(next, { timeout: "10s" })).state, "completed");
});

test("a skill in a thread is told that it is not on the bus", async (t) => {
	const orchestrator = await start(t, { skills: [chatty], threads: 1 });
	for (const verb of ["publish", "request", "subscribe", "append"]) {
		const id = await orchestrator.submit({ type: "chatty", input: verb, ...once });
		assert.equal((await orchestrator.wait(id, { timeout: "10s" })).error?.code, "E_CONFIG_INVALID", verb);
	}
});

test("one effect asked for twice at the same time happens once", async (t) => {
	let times = 0;
	const greedy = does("greedy", async (_, context) => {
		const effect = { key: "mail", describe: "send a mail", run: async () => ++times };
		return Promise.all([context.effect(effect), context.effect(effect)]);
	});
	const orchestrator = await start(t, { skills: [greedy] });
	const task = await orchestrator.wait(await orchestrator.submit({ type: "greedy" }), { timeout: "5s" });
	assert.equal(times, 1);
	assert.deepEqual(task.output, [1, 1]);
});
