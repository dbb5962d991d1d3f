import assert from "node:assert/strict";
import { test } from "node:test";
import { HandClock } from "../clock.ts";
import type { Event } from "../events.ts";
import { decodeBody, encodeEvent } from "../events.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Batch } from "./journal.ts";

test("facts that are too large for one row go into several, in their order, and are durable with the last one", async () => {
	const batches: Batch[] = [];
	const write = async (batch: Batch): Promise<void> => void batches.push(batch);
	const commits = new GroupCommit({ seq: 0, lastEvent: 0 }, write, new HandClock(), (error) =>
		assert.fail(String(error)),
	);
	const reason = "x".repeat(30 * 1024 * 1024);
	const events = [1, 2, 3, 4, 5].map((at): Event => ({ type: "queue.paused", at, scope: "all", reason }));
	const seq = await commits.append(events.map(encodeEvent), "fact").durable;
	assert.ok(batches.length > 1);
	assert.equal(seq, batches.length);
	assert.deepEqual(
		batches.flatMap(({ body }) => decodeBody(body).map(({ at }) => at)),
		[1, 2, 3, 4, 5],
	);
	assert.equal(commits.lastEvent, 5);
});
