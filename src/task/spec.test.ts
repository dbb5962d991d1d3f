import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasCode } from "../errors.ts";
import { type TaskSpec, toTask } from "./spec.ts";

const NOW = 1_700_000_000_000;
const make = (spec: unknown) => toTask(spec as TaskSpec, "tsk_1", NOW);

describe("a submitted task", () => {
	it("has the defaults: normal priority, three attempts, null input", () => {
		const task = make({ type: "t" });
		assert.equal(task.priority, "normal");
		assert.equal(task.input, null);
		assert.equal(task.retry, undefined, "absent: the default of three attempts");
	});

	it("shares nothing with what the caller gave", () => {
		const input = { list: [1, { deep: true }] };
		const task = make({ type: "t", input });
		(input.list[1] as { deep: boolean }).deep = false;
		assert.deepEqual(task.input, { list: [1, { deep: true }] });
	});

	it("has one attempt with retry: false", () => assert.equal(make({ type: "t", retry: false }).retry, null));

	it("is due after its delay and not before its runAt", () => {
		const runAt = new Date(NOW + 5_000).toISOString();
		assert.equal(make({ type: "t", delay: "2s" }).runAt, NOW + 2_000);
		assert.equal(make({ type: "t", delay: "2s", runAt }).runAt, NOW + 5_000);
	});

	it("has a concurrency key with the limit 1 and the policy queue, when it gives no others", () => {
		assert.deepEqual(make({ type: "t", concurrency: "k" }).concurrency, { key: "k", limit: 1, policy: "queue" });
		const full = { key: "k", limit: 3, policy: "reject" };
		assert.deepEqual(make({ type: "t", concurrency: full }).concurrency, full);
	});

	it("has its rate and its stall timeout in milliseconds, and its wake-up key as it is", () => {
		const rate = { key: "api", limit: 10, per: "1m", burst: 3 };
		const task = make({ type: "t", rate, stallTimeout: "2s", coalesce: "inbox" });
		assert.deepEqual(task.rate, { key: "api", limit: 10, perMs: 60_000, burst: 3 });
		assert.deepEqual([task.stallTimeoutMs, task.coalesceKey], [2_000, "inbox"]);
	});

	it("has the same fingerprint for the same content in another order of members", () => {
		const one = make({ type: "t", input: { a: 1, b: 2 }, idempotencyKey: "k" });
		const other = make({ idempotencyKey: "other", input: { b: 2, a: 1 }, type: "t" });
		assert.equal(one.fingerprint, other.fingerprint);
		assert.notEqual(one.fingerprint, make({ type: "t", input: { a: 1, b: 3 }, idempotencyKey: "k" }).fingerprint);
	});
});

const deep = (levels: number): unknown => {
	let value: unknown = 0;
	for (let i = 0; i < levels; i++) value = [value];
	return value;
};
const circle: Record<string, unknown> = {};
circle.self = circle;

const refused: Record<string, unknown> = {
	"an unknown field": { type: "t", prio: "high" },
	"no type": {},
	"a type that is no name": { type: "a|b" },
	"an unknown priority": { type: "t", priority: "urgent" },
	"NaN in the input": { type: "t", input: { n: Number.NaN } },
	"Infinity in the input": { type: "t", input: [Number.POSITIVE_INFINITY] },
	"a BigInt": { type: "t", input: 1n },
	"a function": { type: "t", input: { f: () => 0 } },
	"a class instance": { type: "t", input: new Map() },
	"an own __proto__ key": { type: "t", input: JSON.parse('{"__proto__": {"admin": true}}') },
	"a constructor key": { type: "t", input: { constructor: 1 } },
	"JSON 10,000 levels deep": { type: "t", input: deep(10_000) },
	"a value that holds itself": { type: "t", input: circle },
	"a duration that is none": { type: "t", timeout: "soon" },
	"a negative duration": { type: "t", timeout: -1 },
	"a time that is none": { type: "t", runAt: "tomorrow" },
	"no attempts at all": { type: "t", retry: { maxAttempts: 0 } },
	"an empty idempotency key": { type: "t", idempotencyKey: "" },
	"a concurrency key without a text": { type: "t", concurrency: "" },
	"a key with a control character": { type: "t", concurrency: "a\nb" },
	"a key of Muster's own": { type: "t", concurrency: "@muster:schedule:daily" },
	"a limit of nothing": { type: "t", concurrency: { key: "k", limit: 0 } },
	"an unknown policy": { type: "t", concurrency: { key: "k", policy: "drop" } },
	"a rate without a time": { type: "t", rate: { key: "k", limit: 1 } },
	"a wake-up with an idempotency key": { type: "t", coalesce: "k", idempotencyKey: "i" },
	"a list in place of a task": [],
	"a text in place of a task": "t",
};

describe("a submit refuses", () => {
	for (const [what, spec] of Object.entries(refused)) {
		it(what, () =>
			assert.throws(
				() => make(spec),
				(error) => hasCode(error, "E_INPUT_INVALID"),
			),
		);
	}

	it("and names the place of what is wrong", () => {
		assert.throws(
			() => make({ type: "t", input: { rows: [{ n: 1 }, { n: Number.NaN }] } }),
			/input\.rows\[1\]\.n is NaN/,
		);
	});
});
