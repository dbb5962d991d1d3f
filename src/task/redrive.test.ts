import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hasCode } from "../errors.ts";
import { checkRedrivable, redriveId, redriveOf } from "./redrive.ts";
import { createTask, type NewTask, type Task } from "./task.ts";

const AT = 1_700_000_000_000;
const over = (more: Partial<NewTask> = {}, state: Task["state"] = "failed"): Task =>
	createTask({ id: "tsk_1", type: "t", input: { n: 1 }, priority: "high", submittedAt: AT, ...more }, state, 0);

describe("the id of a task done again", () => {
	it("counts, and stays short however often it is done again", () => {
		const ids = ["tsk_1"];
		while (ids.length < 5) ids.push(redriveId(ids.at(-1) as string));
		assert.deepEqual(ids, ["tsk_1", "tsk_1.r", "tsk_1.r2", "tsk_1.r3", "tsk_1.r4"]);
	});

	it("is another one for each task of a chain, and of each chain", () => {
		const id = fc.stringMatching(/^tsk_[0-9a-z]{1,16}$/);
		fc.assert(
			fc.property(id, id, fc.nat(50), fc.nat(50), (a, b, n, m) => {
				const far = (from: string, steps: number): string => (steps === 0 ? from : far(redriveId(from), steps - 1));
				assert.equal(far(a, n) === far(b, m), a === b && n === m);
			}),
		);
	});
});

describe("a task done again", () => {
	it("has the same limits and needs, and remembers what it does again", () => {
		const limits = {
			concurrency: { key: "k", limit: 2, policy: "queue" as const },
			rate: { key: "r", limit: 1, perMs: 5 },
		};
		const again = redriveOf(over({ ...limits, retry: null, timeoutMs: 7, group: "g" }), { input: 2, at: AT + 1 });
		assert.deepEqual([again.id, again.retryOf, again.input, again.submittedAt], ["tsk_1.r", "tsk_1", 2, AT + 1]);
		assert.deepEqual({ concurrency: again.concurrency, rate: again.rate }, limits);
		assert.deepEqual([again.retry, again.timeoutMs, again.group, again.priority], [null, 7, "g", "high"]);
	});

	it("leaves its keys and the times that have passed behind", () => {
		const old = over({ idempotencyKey: "k", fingerprint: "f", coalesceKey: "c", deadline: AT + 5, runAt: AT + 1 });
		const again = redriveOf(old, { input: null, at: AT + 10 });
		assert.deepEqual(
			[again.idempotencyKey, again.fingerprint, again.coalesceKey, again.deadline, again.runAt],
			[undefined, undefined, undefined, undefined, undefined],
		);
		assert.equal(redriveOf(old, { input: null, at: AT }).deadline, AT + 5);
	});

	it("is refused while it may still complete, when it did, and when it belongs to something else", () => {
		const refused: Task[] = [
			over({}, "ready"),
			over({}, "completed"),
			over({ run: { id: "run_1", step: "s", index: 0 } }),
			over({ parent: "tsk_0" }),
		];
		for (const task of refused)
			assert.throws(
				() => checkRedrivable(task),
				(error) => hasCode(error, "E_CONFLICT"),
			);
		for (const state of ["failed", "cancelled", "skipped"] as const) checkRedrivable(over({}, state));
	});
});
