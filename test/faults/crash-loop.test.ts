/** A task that kills its process is found and given up; those that ran beside it are not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver } from "../crash/driver.ts";
import type { Spec } from "../crash/messages.ts";

/** Starts the worker again and again until it stays. Returns how often it died. */
async function untilItStays(driver: Driver, specs: Spec[], most: number): Promise<number> {
	for (let deaths = 0; deaths <= most; deaths++) {
		await driver.start();
		driver.prepare();
		const died = driver.died().then(() => "died");
		if (deaths === 0) {
			const taken = driver.next((answer) => answer.kind === "ack");
			driver.call({ op: "submit", specs });
			await Promise.race([taken, died]);
		}
		const drained = driver.drain().then(() => "drained");
		if ((await Promise.race([died, drained])) === "drained") {
			await driver.stop();
			return deaths;
		}
	}
	return Number.POSITIVE_INFINITY;
}

const tasksOf = (driver: Driver, type: string) => driver.final.tasks.filter((task) => task.type === type);

test("a task that kills the process is given up after three deaths and keeps the dead letter", async (t) => {
	const driver = new Driver();
	t.after(() => driver.dispose());
	const deaths = await untilItStays(driver, [{ type: "deadly", input: { n: 1, waitMs: 60 } }], 5);
	const [task] = tasksOf(driver, "deadly");
	assert.equal(task?.state, "failed");
	assert.equal(task?.error?.code, "E_CRASH_LOOP");
	assert.equal(deaths, 3);
});

test("a task that kills the process before its start is on disk is given up too", async (t) => {
	const driver = new Driver();
	t.after(() => driver.dispose());
	const deaths = await untilItStays(driver, [{ type: "deadly-at-once", input: { n: 1 } }], 6);
	assert.equal(tasksOf(driver, "deadly-at-once")[0]?.error?.code, "E_CRASH_LOOP");
	assert.ok(deaths <= 4, `${deaths} deaths: one may be unknown, three are counted`);
});

test("tasks that ran beside it at every death complete", async (t) => {
	const driver = new Driver();
	t.after(() => driver.dispose());
	const innocent = { type: "slow", input: { n: 1, value: 3, waitMs: 150 } };
	const specs = [innocent, innocent, { type: "deadly", input: { n: 1, waitMs: 60 } }, innocent, innocent];
	await untilItStays(driver, specs, 8);
	assert.equal(tasksOf(driver, "deadly")[0]?.error?.code, "E_CRASH_LOOP");
	assert.deepEqual(
		tasksOf(driver, "slow").map((task) => task.state),
		["completed", "completed", "completed", "completed"],
	);
});
