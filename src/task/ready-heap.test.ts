import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goesBefore, type Ranked, RankHeap, rankOf } from "./ready-heap.ts";
import { priorities } from "./task.ts";

const AGING_MS = 60_000;
const priority = fc.constantFrom(...priorities);
const time = fc.integer({ min: 0, max: 10_000_000 });

describe("the rank of a ready task", () => {
	it("puts a background task before all that is fresh and ready more than 4 x agingMs later", () => {
		fc.assert(
			fc.property(time, priority, fc.integer({ min: 1 }), (readyMs, other, laterMs) => {
				const background = rankOf("background", readyMs, AGING_MS, undefined);
				assert.ok(background < rankOf(other, readyMs + 4 * AGING_MS + laterMs, AGING_MS, undefined));
			}),
		);
	});

	it("puts it before all that continues something and is ready more than 8.5 x agingMs later", () => {
		fc.assert(
			fc.property(time, priority, time, fc.integer({ min: 1 }), (readyMs, other, waitedMs, laterMs) => {
				const background = rankOf("background", readyMs, AGING_MS, undefined);
				assert.ok(background < rankOf(other, readyMs + 8.5 * AGING_MS + laterMs, AGING_MS, waitedMs));
			}),
		);
	});

	it("puts what continues before what is fresh, of its priority and ready no earlier than its root was let in", () => {
		fc.assert(
			fc.property(time, priority, fc.integer({ min: 0, max: 4 * AGING_MS }), (readyMs, same, waitedMs) => {
				const fresh = rankOf(same, readyMs - waitedMs, AGING_MS, undefined);
				assert.ok(rankOf(same, readyMs, AGING_MS, waitedMs) < fresh);
			}),
		);
	});
});

describe("the heap", () => {
	it("gives its first like a sorted list, whatever is pushed, moved and removed", () => {
		const command = fc.record({
			do: fc.constantFrom("push", "push", "move", "remove"),
			rank: fc.integer({ min: 0, max: 20 }),
			pick: fc.nat(),
		});
		fc.assert(
			fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
				const heap = new RankHeap<Ranked>();
				const list: Ranked[] = [];
				for (const [ticket, { do: verb, rank, pick }] of commands.entries()) {
					const item = list[pick % Math.max(1, list.length)];
					if (verb === "push") {
						const fresh = { rank, ticket, place: -1 };
						list.push(fresh);
						heap.push(fresh);
					} else if (item === undefined) continue;
					else if (verb === "move") {
						item.rank = rank;
						heap.moved(item);
					} else {
						list.splice(list.indexOf(item), 1);
						heap.remove(item);
						heap.remove(item);
						assert.equal(item.place, -1);
					}
					const [first] = list.toSorted((a, b) => (goesBefore(a, b) ? -1 : 1));
					assert.equal(heap.first(), first);
					assert.equal(heap.size, list.length);
					assert.deepEqual(new Set(heap), new Set(list));
					const any = { rank, ticket: pick % commands.length, place: -1 };
					assert.equal(heap.countBefore(any), list.filter((other) => goesBefore(other, any)).length);
				}
			}),
		);
	});
});
