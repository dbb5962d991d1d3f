/**
 * Seeds: 200 by default. One seed, or more of them:
 *   node test/sim/sim.test.ts 4711          replays seed 4711
 *   node test/sim/sim.test.ts 1 20000       runs seeds 1 to 20000
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHistory } from "./checker.ts";
import { turns, World } from "./world.ts";

const STEPS = 60;
const [from = 1, to = process.argv[2] === undefined ? 200 : from] = process.argv.slice(2).map(Number);

async function story(seed: number): Promise<{ crashes: number; refused: number; tasks: number; text: string }> {
	const world = new World(seed);
	await world.boot();
	for (let i = 0; i < STEPS; i++) await world.step();
	await world.crash();
	await world.settle();
	await turns(10);

	const events = world.history();
	const ends = checkHistory(events);
	for (const id of world.acknowledged) assert.ok(ends.has(id), `I1: ${id} was acknowledged and is lost`);
	for (const [id, end] of ends) assert.notEqual(end, "open", `L1: ${id} never ended`);
	for (const [id, times] of world.effects) assert.equal(times, 1, `I6: the effect of ${id} happened ${times} times`);
	const { submitted, completed, failed, cancelled, skipped } = world.orchestrator.status().taskQueue;
	assert.equal(submitted, ends.size, "I10");
	assert.equal(submitted, completed + failed + cancelled + skipped, "I10");
	const { crashes, refused } = world;
	return { crashes, refused, tasks: ends.size, text: JSON.stringify([...ends]) };
}

test(`every story from seed ${from} to ${to} keeps what it promised`, async (t) => {
	const sum = { crashes: 0, refused: 0, tasks: 0 };
	for (let seed = from; seed <= to; seed++) {
		try {
			const { crashes, refused, tasks } = await story(seed);
			sum.crashes += crashes;
			sum.refused += refused;
			sum.tasks += tasks;
		} catch (error) {
			throw new Error(`seed ${seed} fails; replay it with: node test/sim/sim.test.ts ${seed}`, { cause: error });
		}
	}
	t.diagnostic(`${to - from + 1} seeds, ${sum.tasks} tasks, ${sum.crashes} crashes, ${sum.refused} refused submits`);
	assert.ok(sum.crashes > 0 && sum.tasks > 0);
});

test("a seed tells the same story twice", async () => {
	const [one, two] = [await story(7), await story(7)];
	assert.equal(one.text, two.text);
});
