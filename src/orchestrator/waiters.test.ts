import assert from "node:assert/strict";
import { it } from "node:test";
import { HandClock } from "../clock.ts";
import { Waiters } from "./waiters.ts";

it("a wait that is late ends with its error also when nobody can say why", async () => {
	const clock = new HandClock();
	const waiters = new Waiters(clock);
	const waited = waiters.wait("tsk_1", {
		timeoutMs: 100,
		why: () => {
			throw new RangeError("Invalid time value");
		},
	});
	clock.advance(100);
	await assert.rejects(waited, { code: "E_WAIT_TIMEOUT", message: "tsk_1 was not done within 100 ms" });
});
