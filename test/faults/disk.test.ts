/** A disk that fills up under a running orchestrator, and has space again. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hasCode } from "../../src/index.ts";
import { fill, smallDisk } from "./small-disk.ts";
import { does, echo, gate, start } from "./start.ts";

const disk = smallDisk(8);
const skip = disk === undefined ? "a small disk can only be mounted by root" : false;

test("a stop on a full disk ends, and what could not be stored is done again", { skip, timeout: 60_000 }, async (t) => {
	const { folder } = disk as { folder: string };
	const begun = gate();
	const release = gate<string>();
	let runs = 0;
	const slow = does("slow", () => {
		runs++;
		begun.resolve();
		return release.promise;
	});
	const dataDir = join(folder, "stopped");
	const muster = await start(t, { dataDir, skills: [slow, echo], durability: "full" });
	const id = await muster.submit({ type: "slow" });
	await begun.promise;
	const ballast = join(folder, "ballast");
	fill(ballast);
	const filler = async (): Promise<void> => {
		for (;;) await muster.submit({ type: "nobody-can", input: "x".repeat(200_000) });
	};
	await assert.rejects(filler());
	release.resolve("x".repeat(50_000));
	await muster.shutdown({ grace: "1s" });
	rmSync(ballast);
	const again = await start(t, { dataDir, skills: [slow, echo] });
	assert.equal((await again.wait(id, { timeout: "10s" })).state, "completed");
	assert.equal(runs, 2);
	await again.shutdown();
	rmSync(dataDir, { recursive: true });
});

test("a full disk refuses submits, keeps what runs, and goes on by itself once there is space", { skip }, async (t) => {
	const { folder } = disk as { folder: string };
	const begun = gate();
	const release = gate<string>();
	const slow = does("slow", () => {
		begun.resolve();
		return release.promise;
	});
	const dataDir = join(folder, "data");
	const muster = await start(t, { dataDir, skills: [slow, echo], durability: "full" });
	const id = await muster.submit({ type: "slow" });
	await begun.promise;
	const after = await muster.submit({ type: "echo", input: "after", dependsOn: [id] });

	const ballast = join(folder, "ballast");
	fill(ballast);
	const refused: unknown[] = [];
	while (refused.length < 3) {
		// Small submits may still fit into pages that SQLite has; large ones soon do not.
		await muster
			.submit({ type: "nobody-can", input: "x".repeat(200_000) })
			.catch((error: unknown) => refused.push(error));
	}
	for (const error of refused) assert.ok(hasCode(error, "E_STORAGE_FULL"), String(error));
	release.resolve("done while full");
	assert.equal(muster.task(after).state, "blocked", "nothing follows from what is not durable");

	rmSync(ballast);
	assert.equal((await muster.wait(id, { timeout: "10s" })).output, "done while full");
	assert.equal((await muster.wait(after, { timeout: "10s" })).output, "after");
	const again = await muster.wait(await muster.submit({ type: "echo", input: 1 }), { timeout: "10s" });
	assert.equal(again.state, "completed");

	await muster.shutdown();
	const second = await start(t, { dataDir, skills: [slow, echo] });
	assert.equal(second.task(id).output, "done while full");
	const { submitted, completed, pending } = second.status().taskQueue;
	assert.equal(submitted, completed + pending, "what was refused left no trace");
});

test("a full disk refuses appends to a stream, and what was acknowledged is there", { skip }, async (t) => {
	const { folder } = disk as { folder: string };
	const dataDir = join(folder, "streams");
	const muster = await start(t, { dataDir, skills: [echo], durability: "full" });
	const { streams } = muster.bus;
	await streams.create({ name: "s", subjects: ["s"] });
	const ballast = join(folder, "ballast");
	fill(ballast);
	const kept: number[] = [];
	const appendAll = async (): Promise<void> => {
		for (;;) kept.push((await streams.append("s", "x".repeat(200_000))).seq);
	};
	await assert.rejects(appendAll(), (error) => hasCode(error, "E_STORAGE_FULL"));
	rmSync(ballast);
	const again = async (): Promise<number> => {
		for (;;) {
			const appended = await streams
				.append("s", "after")
				.catch((error: unknown) => assert.ok(hasCode(error, "E_STORAGE_FULL"), String(error)));
			if (appended !== undefined) return appended.seq;
			await new Promise((resolve) => setImmediate(resolve)); // space is found by itself
		}
	};
	kept.push(await again());
	await muster.shutdown();
	const second = await start(t, { dataDir, skills: [echo] });
	const messages = await second.bus.streams.read("s");
	assert.deepEqual(
		messages.map(({ seq }) => seq),
		kept,
	);
});
