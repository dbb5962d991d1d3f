import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMs, toMs } from "./duration.ts";

test("a duration is said in the unit that fits, and never as 60 of a smaller one", () => {
	const said: Record<number, string> = {
		0: "0ms",
		999.6: "1.0s",
		1500: "1.5s",
		9960: "10s",
		59600: "1m00s",
		119700: "2m00s",
		3599600: "1.0h",
		90000000: "1.0d",
	};
	for (const [ms, text] of Object.entries(said)) assert.equal(formatMs(Number(ms)), text);
});

test("durations are read as people write them", () => {
	assert.deepEqual(
		["500ms", "2s", "1.5s", "5m", "24h", "7d"].map((text) => toMs(text, "it")),
		[500, 2_000, 1_500, 300_000, 86_400_000, 604_800_000],
	);
	for (const wrong of ["", "soon", "-1s", "1 s", "1w", "1e3s", "999999999999d"]) {
		assert.throws(() => toMs(wrong, "timeout"), /timeout is/);
	}
});
