import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countStart, MAX_RATES, type RateBucket, tokensAt } from "./rate.ts";

const DAY = 24 * 3_600_000;
const daily = { key: "k", limit: 1, perMs: DAY };

describe("the bucket of a rate", () => {
	it("is full for a key of which nothing has started, and fills again from the last start on", () => {
		const buckets = new Map<string, RateBucket>();
		assert.equal(tokensAt(buckets, daily, 0), 1);
		countStart(buckets, daily, 0);
		assert.deepEqual(
			[0, DAY / 2, DAY, 9 * DAY].map((now) => tokensAt(buckets, daily, now)),
			[0, 0.5, 1, 1],
		);
		assert.equal(tokensAt(buckets, daily, -DAY), 0, "the clock was put back");
	});

	it("holds what a burst has left", () => {
		const buckets = new Map<string, RateBucket>();
		const rate = { ...daily, burst: 3 };
		countStart(buckets, rate, 0);
		assert.equal(tokensAt(buckets, rate, 0), 2);
		countStart(buckets, rate, DAY / 2);
		assert.equal(tokensAt(buckets, rate, DAY), 2);
	});

	it("of a key that was forgotten gives no more than if its last start had been that of the oldest known", () => {
		const buckets = new Map<string, RateBucket>();
		for (let n = 0; n <= MAX_RATES; n++) countStart(buckets, { ...daily, key: `k${n}` }, n);
		assert.equal(buckets.size, MAX_RATES);
		assert.equal(buckets.has("k0"), false);
		assert.equal(tokensAt(buckets, { ...daily, key: "k0" }, 1 + DAY / 2), 0.5);
		countStart(buckets, { ...daily, key: "k1" }, MAX_RATES);
		assert.deepEqual([buckets.size, buckets.keys().next().value], [MAX_RATES, "k2"]);
	});
});
