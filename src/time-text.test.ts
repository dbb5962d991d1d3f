import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { timeText } from "./time-text.ts";

it("a time as text is the same as Date makes it, in whatever order times come", () => {
	const ms = fc.integer({ min: -1e13, max: 1e14 });
	fc.assert(
		fc.property(fc.array(fc.oneof(ms, fc.integer({ min: 1_000, max: 5_000 }))), (times) => {
			for (const time of times) assert.equal(timeText(time), new Date(time).toISOString());
		}),
	);
});
