import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Timers } from "./timers.ts";

describe("timers", () => {
	it("behave like a sorted map of deadlines, whatever is set, moved and deleted", () => {
		const key = fc.constantFrom("a", "b", "c", "d", "e");
		const command = fc.oneof(
			fc.record({ do: fc.constant("set" as const), key, at: fc.integer({ min: 0, max: 100 }) }),
			fc.record({ do: fc.constant("delete" as const), key, at: fc.constant(0) }),
			fc.record({ do: fc.constant("due" as const), key: fc.constant(""), at: fc.integer({ min: 0, max: 100 }) }),
		);
		fc.assert(
			fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
				const timers = new Timers();
				const model = new Map<string, number>();
				for (const { do: verb, key, at } of commands) {
					if (verb === "set") {
						timers.set(key, at);
						model.set(key, at);
					} else if (verb === "delete") {
						timers.delete(key);
						model.delete(key);
					} else {
						const due = [...timers.due(at)];
						const wanted = [...model].filter(([, time]) => time <= at);
						assert.deepEqual([...due].sort(), wanted.map(([name]) => name).sort());
						const times = due.map((name) => model.get(name) as number);
						assert.deepEqual(
							times,
							[...times].sort((a, b) => a - b),
						);
						for (const [name] of wanted) model.delete(name);
					}
					assert.equal(timers.next(), model.size === 0 ? undefined : Math.min(...model.values()));
					assert.equal(timers.size, model.size);
				}
			}),
		);
	});

	it("do not grow when one deadline is moved a million times", () => {
		const timers = new Timers();
		for (let i = 0; i < 1_000_000; i++) timers.set("only", i);
		assert.equal(timers.next(), 999_999);
		assert.equal(timers.size, 1);
	});
});
