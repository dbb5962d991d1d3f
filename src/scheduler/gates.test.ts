import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HandClock } from "../clock.ts";
import { RateGate } from "./gates.ts";

describe("the gate of a rate", () => {
	it("lets pass no more in any time than the rate gives in it and one burst, and nothing while it is frozen", () => {
		const step = fc.record({ passMs: fc.integer({ min: 0, max: 500 }), freezeMs: fc.constantFrom(0, 0, 0, 0, 700) });
		const rate = fc.record({
			...{ key: fc.constant("api"), limit: fc.integer({ min: 1, max: 20 }), perMs: fc.integer({ min: 1, max: 2_000 }) },
			burst: fc.constantFrom(undefined, 1, 5),
		});
		fc.assert(
			fc.property(
				rate,
				fc.double({ min: 0, max: 1, noNaN: true }),
				fc.array(step, { maxLength: 60 }),
				(given, full, steps) => {
					const clock = new HandClock();
					const burst = given.burst ?? 1;
					const gate = new RateGate("rate api", given, full * burst, () => clock.monotonic());
					const passed: number[] = [];
					let frozenUntil = 0;
					for (const { passMs, freezeMs } of steps) {
						clock.advance(passMs);
						const now = clock.monotonic();
						while (gate.isOpen()) {
							assert.ok(now >= frozenUntil);
							gate.take();
							passed.push(now);
						}
						if (freezeMs === 0) continue;
						gate.freeze(freezeMs);
						frozenUntil = Math.max(frozenUntil, now + freezeMs);
					}
					for (const [i, from] of passed.entries()) {
						for (const [count, until] of passed.slice(i).entries()) {
							assert.ok(count + 1 <= burst + ((until - from) * given.limit) / given.perMs + 1e-6);
						}
					}
					for (const [count, at] of passed.entries()) {
						assert.ok(count + 1 <= full * burst + (at * given.limit) / given.perMs + 1e-6, "what it begins with");
					}
				},
			),
		);
	});

	it("opens exactly when it says", () => {
		const clock = new HandClock();
		const gate = new RateGate("rate api", { key: "api", limit: 3, perMs: 1_000 }, 0, () => clock.monotonic());
		for (let n = 0; n < 100; n++) {
			clock.advance(gate.opensInMs());
			assert.ok(gate.isOpen());
			gate.take();
			assert.ok(!gate.isOpen());
		}
	});
});
