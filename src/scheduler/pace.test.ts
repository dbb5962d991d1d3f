import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pace } from "./pace.ts";

/** The pace after starts at these times, read at the last of them. */
function after(times: readonly number[]): number | undefined {
	const pace = new Pace();
	for (const time of times) pace.started(time);
	return pace.everyMs(times.at(-1) ?? 0);
}
const near = (actual: number | undefined, expected: number): void =>
	assert.ok(Math.abs((actual ?? Number.NaN) - expected) < expected * 0.3, `${actual} instead of about ${expected}`);

describe("the pace of starts", () => {
	it("is unknown before the second", () => {
		assert.equal(after([]), undefined);
		assert.equal(after([5]), undefined);
	});

	it("is the time between them, whether they come each minute or many in a millisecond", () => {
		near(after([0, 60_000]), 60_000);
		near(after(Array.from({ length: 5_000 }, (_, n) => n / 10)), 0.1);
	});

	it("evens out bursts", () => {
		const bursts = Array.from({ length: 1_000 }, (_, n) => Math.floor(n / 50) * 500);
		near(after(bursts), 10);
	});

	it("follows a change within 20 seconds", () => {
		const slow = Array.from({ length: 100 }, (_, n) => n * 1_000);
		const quick = Array.from({ length: 2_000 }, (_, n) => 100_000 + n * 10);
		near(after([...slow, ...quick]), 10);
		const fast = Array.from({ length: 10_000 }, (_, n) => n);
		const later = Array.from({ length: 600 }, (_, n) => 10_000 + n * 100);
		near(after([...fast, ...later]), 100);
	});

	it("gets slower while the next start is overdue", () => {
		const pace = new Pace();
		for (const time of [0, 10, 20, 30]) pace.started(time);
		near(pace.everyMs(30), 10);
		near(pace.everyMs(4_000), 1_000);
	});
});
