import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "../clock.ts";
import { Alarms } from "./alarms.ts";

test("alarms ring when their time comes, on the clock that they were set by, and not when they were deleted", () => {
	const clock = new HandClock();
	const rung: string[] = [];
	const alarms = new Alarms(clock, (kind, id) => void rung.push(`${kind} ${id}`));
	alarms.setAt("deadline", "a", clock.now() + 50);
	alarms.setIn("timeout", "b", 20);
	alarms.setIn("timeout", "c", 30);
	alarms.delete("timeout", "c");
	clock.advance(40);
	assert.deepEqual(rung, ["timeout b"]);
	clock.advance(40);
	assert.deepEqual(rung, ["timeout b", "deadline a"]);
});

test("after a stop no alarm rings, also none that is set later", () => {
	const clock = new HandClock();
	const rung: string[] = [];
	const alarms = new Alarms(clock, (kind, id) => void rung.push(`${kind} ${id}`));
	alarms.setIn("timeout", "before", 10);
	alarms.stop();
	alarms.setAt("deadline", "after", clock.now() + 10);
	clock.advance(5_000);
	assert.deepEqual(rung, []);
});
