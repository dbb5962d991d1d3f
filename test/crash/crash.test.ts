/**
 * kill -9 at random moments under load, on one data folder, again and again. More cycles:
 *   CRASH_CYCLES=1000 CRASH_SEED=7 node --test test/crash/crash.test.ts
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { check } from "./checker.ts";
import { Driver, seeded } from "./driver.ts";
import { sendAgain, sendSome } from "./load.ts";

const CYCLES = Number(process.env.CRASH_CYCLES ?? 55);
const SEED = Number(process.env.CRASH_SEED ?? 1);

async function killAgainAndAgain(driver: Driver, cycles: number, random: () => number): Promise<void> {
	for (let cycle = 1; cycle <= cycles; cycle++) {
		await driver.start();
		driver.prepare();
		sendAgain(driver);
		// The moment of the kill is time on purpose: it must not stand in any relation to what the worker does.
		const lives = 5 + random() * 120;
		const until = performance.now() + lives;
		while (performance.now() < until) {
			for (let i = 0; i < 2; i++) sendSome(driver, random);
			await pause(Math.max(0, Math.min(until - performance.now(), random() * 12)));
		}
		await driver.kill(cycle);
	}
	await driver.start();
	sendAgain(driver);
	await driver.drain();
}

for (const [name, options] of [
	["with one long journal", {}],
	["with snapshots and retention at every turn", { snapshotBytes: 20_000, keepJournalBytes: 2 ** 40 }],
] as const) {
	const cycles = Math.ceil(CYCLES / 2);
	test(`${cycles} times kill -9 lose nothing and repeat nothing, ${name}`, async (t) => {
		const driver = new Driver(options);
		t.after(() => driver.dispose());
		await killAgainAndAgain(driver, cycles, seeded(SEED));
		const problems = check(driver.log, driver.witnessed());
		const calls = driver.log.filter((entry) => entry.what === "ack").length;
		const slowest = Math.max(...driver.starts);
		t.diagnostic(
			`${cycles} kills, ${driver.calls} calls, ${calls} acknowledged, slowest start ${slowest.toFixed(0)} ms`,
		);
		assert.deepEqual(
			problems.slice(0, 20),
			[],
			`CRASH_SEED=${SEED} CRASH_CYCLES=${CYCLES} node --test test/crash/crash.test.ts`,
		);
		await driver.stop();
	});
}
