import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type ErrorData, LONGEST_ASKED_DELAY_MS, RetryableError, toErrorData } from "../errors.ts";
import { backoffMs, defaultRetry, retryDelayMs } from "./retry.ts";
import type { RetryPolicy } from "./task.ts";

const failure: ErrorData = { code: "E_SKILL_FAILED", message: "no", retryable: true };
const random = fc.double({ min: 0, max: 0.999999, noNaN: true });
const policies = fc.record<RetryPolicy>({
	maxAttempts: fc.integer({ min: 1, max: 50 }),
	initialMs: fc.integer({ min: 0, max: 60_000 }),
	factor: fc.double({ min: 1, max: 10, noNaN: true }),
	capMs: fc.integer({ min: 0, max: 3_600_000 }),
	jitter: fc.constantFrom("full", "none"),
});

describe("the back-off", () => {
	it("is never negative and never above its cap, for any attempt", () => {
		fc.assert(
			fc.property(policies, fc.integer({ min: 1, max: 1_000_000 }), random, (policy, attempt, chance) => {
				const ms = backoffMs(policy, attempt, chance);
				assert.ok(ms >= 0 && ms <= policy.capMs, `${ms}`);
			}),
		);
	});

	it("never shrinks from attempt to attempt without jitter", () => {
		fc.assert(
			fc.property(policies, fc.integer({ min: 1, max: 200 }), (policy, attempt) => {
				const plain = { ...policy, jitter: "none" as const };
				assert.ok(backoffMs(plain, attempt + 1, 0) >= backoffMs(plain, attempt, 0));
			}),
		);
	});

	it("doubles by default: 1 s, 2 s, 4 s ... 30 s", () => {
		const plain = { ...defaultRetry, jitter: "none" as const };
		assert.deepEqual(
			[1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(plain, attempt, 0)),
			[1e3, 2e3, 4e3, 8e3, 16e3, 3e4],
		);
	});

	it("spreads evenly below its bound with full jitter", () => {
		assert.equal(backoffMs(defaultRetry, 2, 0), 0);
		assert.equal(backoffMs(defaultRetry, 2, 0.5), 1_000);
	});
});

describe("the next attempt", () => {
	it("is refused after the last one", () => assert.equal(retryDelayMs(defaultRetry, 3, failure, 0.5), undefined));

	it("is refused with null, which means one attempt", () =>
		assert.equal(retryDelayMs(null, 1, failure, 0.5), undefined));

	it("comes by the default policy where none is given", () => {
		assert.equal(retryDelayMs(undefined, 2, failure, 0.5), 1_000);
		assert.equal(retryDelayMs(undefined, 3, failure, 0.5), undefined);
	});

	it("is refused for an error that says that no other attempt can help", () => {
		assert.equal(retryDelayMs(defaultRetry, 1, { ...failure, retryable: false }, 0.5), undefined);
	});

	it("comes after the delay that the error carries", () => {
		assert.equal(retryDelayMs(defaultRetry, 1, { ...failure, retryAfterMs: 90_000 }, 0.5), 90_000);
	});

	it("is not put off for ever by an error that asks for it", () => {
		for (const [asked, honoured] of [
			[Number.MAX_VALUE, LONGEST_ASKED_DELAY_MS],
			[-5, 0],
		] as const) {
			const hostile = toErrorData(new RetryableError("busy", { afterMs: asked }));
			assert.equal(retryDelayMs(defaultRetry, 1, hostile, 0.5), honoured);
		}
	});
});
