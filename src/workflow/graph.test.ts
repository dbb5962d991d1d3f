import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { graphOf } from "./graph.ts";

const chain = (length: number): number[][] => Array.from({ length }, (_, i) => (i === 0 ? [] : [i - 1]));

/** What the graph has to say, worked out in the plainest way. */
function reaches(needs: readonly (readonly number[])[], later: number, earlier: number): boolean {
	const open = [...(needs[later] ?? [])];
	const seen = new Set(open);
	for (let place = open.pop(); place !== undefined; place = open.pop()) {
		for (const need of needs[place] ?? []) if (!seen.has(need) && seen.add(need)) open.push(need);
	}
	return seen.has(earlier);
}

const graphs = fc.integer({ min: 1, max: 40 }).chain((steps) => {
	const need = fc.integer({ min: 0, max: steps - 1 });
	return fc.array(fc.uniqueArray(need, { maxLength: 4 }), { minLength: steps, maxLength: steps });
});

test("who is over before whom is what following the needs gives, where no cycle is in the way", () => {
	fc.assert(
		fc.property(graphs, (drawn) => {
			const needs = drawn.map((list, place) => list.filter((need) => need !== place));
			const pairs = needs.flatMap((_, later) => needs.map((_, earlier) => ({ earlier, later })));
			const answers = graphOf(needs).precedes(pairs);
			for (const [index, { earlier, later }] of pairs.entries()) {
				const stuck = needs.some(
					(_, place) => reaches(needs, place, place) && (place === later || reaches(needs, later, place)),
				);
				assert.equal(answers[index], stuck ? undefined : reaches(needs, later, earlier));
			}
		}),
	);
});

test("the cycles are real, share no step, and none is left without them", () => {
	fc.assert(
		fc.property(graphs, (drawn) => {
			const needs = drawn.map((list, place) => list.filter((need) => need !== place));
			const { cycles } = graphOf(needs);
			const cut = new Set(cycles.flatMap((cycle) => cycle.slice(1)));
			assert.equal(
				cut.size,
				cycles.reduce((sum, cycle) => sum + cycle.length - 1, 0),
			);
			for (const cycle of cycles) {
				assert.equal(cycle[0], cycle.at(-1));
				for (const [i, place] of cycle.slice(0, -1).entries())
					assert.ok(needs[place]?.includes(cycle[i + 1] as number));
			}
			const rest = needs.map((list, place) => (cut.has(place) ? [] : list.filter((need) => !cut.has(need))));
			assert.deepEqual(graphOf(rest).cycles, []);
		}),
	);
});

const large: [string, () => number[][], number][] = [
	["a chain of 20,000 steps", () => chain(20_000), 0],
	["a circle of 20,000 steps", () => chain(20_000).map((list, i) => (i === 0 ? [19_999] : list)), 1],
	["10,000 circles of two", () => Array.from({ length: 20_000 }, (_, i) => [i ^ 1]), 10_000],
	[
		"a chain with a circle at each of 10,000 links",
		() => chain(20_000).map((list, i) => (i < 10_000 ? [i + 10_000, ...list] : [i - 10_000])),
		10_000,
	],
	["a join of 19,999 steps", () => [...Array.from({ length: 19_999 }, () => []), [...Array(19_999).keys()]], 0],
];

for (const [what, make, cycles] of large) {
	test(`${what} with a question about each step is answered quickly and in little memory`, () => {
		const needs = make();
		const memory = process.memoryUsage();
		const before = process.threadCpuUsage();
		const graph = graphOf(needs);
		assert.equal(graph.cycles.length, cycles);
		const last = needs.length - 1;
		const answers = graph.precedes(needs.map((_, earlier) => ({ earlier, later: last })));
		assert.equal(answers.filter((isBefore) => isBefore === true).length, cycles === 0 ? last : 0);
		const { user, system } = process.threadCpuUsage(before);
		assert.ok(user + system < 1_000_000, `took ${user + system} µs`);
		const after = process.memoryUsage();
		// A table of all answers would be 50 MB of bits; the heap holds what is not collected yet.
		assert.ok(after.arrayBuffers - memory.arrayBuffers < 10e6);
		assert.ok(after.heapUsed - memory.heapUsed < 100e6);
	});
}
