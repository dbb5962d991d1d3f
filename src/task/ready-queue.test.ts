import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ReadyQueue } from "./ready-queue.ts";
import { createTask, type NewTask, priorities, type Task } from "./task.ts";

const task = (id: string, priority: Task["priority"]): Task =>
	createTask({ id, type: "t", input: null, priority, submittedAt: 0 } as NewTask, "ready", 0);

describe("the ready queue", () => {
	it("gives tasks by priority, then in the order they came, and never one that was deleted", () => {
		const command = fc.oneof(
			{ weight: 3, arbitrary: fc.record({ do: fc.constant("push" as const), rank: fc.nat(4), pick: fc.nat() }) },
			fc.record({ do: fc.constant("delete" as const), rank: fc.constant(0), pick: fc.nat() }),
			fc.record({ do: fc.constant("shift" as const), rank: fc.constant(0), pick: fc.nat() }),
		);
		fc.assert(
			fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
				const queue = new ReadyQueue();
				let model: { task: Task; rank: number }[] = [];
				for (const [i, { do: verb, rank, pick }] of commands.entries()) {
					if (verb === "push") {
						const fresh = task(`t${i}`, priorities[rank] as Task["priority"]);
						queue.push(fresh, i);
						model.push({ task: fresh, rank });
					} else if (verb === "delete" && model.length > 0) {
						const gone = model[pick % model.length] as { task: Task };
						assert.equal(queue.delete(gone.task), true);
						assert.equal(queue.delete(gone.task), false);
						model = model.filter((entry) => entry !== gone);
					} else if (verb === "shift" && model.length > 0) {
						const lowest = Math.min(...model.map((entry) => entry.rank));
						const wanted = model.find((entry) => entry.rank === lowest);
						assert.equal(queue.peek(lowest)?.task, wanted?.task);
						queue.shift(lowest);
						model = model.filter((entry) => entry !== wanted);
					}
					assert.equal(queue.size, model.length);
				}
			}),
		);
	});

	it("takes a task back in after it was deleted, at its new place", () => {
		const queue = new ReadyQueue();
		const [first, second] = [task("first", "normal"), task("second", "normal")];
		queue.push(first, 1);
		queue.push(second, 2);
		queue.delete(first);
		queue.push(first, 3);
		assert.equal(queue.peek(2)?.task, second);
		queue.shift(2);
		assert.equal(queue.peek(2)?.task, first);
	});
});
