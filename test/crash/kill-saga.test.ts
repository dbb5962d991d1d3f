/**
 * kill -9 of a real process after an event of its run, on SQLite, with and without snapshots. A sample of the events; all:
 *   KILL_EVERY=1 node --test test/crash/kill-saga.test.ts
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deeds } from "./saga.ts";

const EVERY = Number(process.env.KILL_EVERY ?? 23);
const SNAPSHOTS = 1_024;
const NO_SNAPSHOTS = 64 * 1024 * 1024;

interface End {
	state: string;
	outputs?: unknown;
	error?: string;
	events: number;
}

/** One process; undefined when it was killed. */
async function live(
	folder: string,
	fail: string,
	killAfter: number | "",
	snapshotBytes: number,
): Promise<End | undefined> {
	const module = new URL("./saga-worker.ts", import.meta.url).pathname;
	const given = [join(folder, "data"), join(folder, "witness"), fail, String(killAfter), String(snapshotBytes)];
	const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "muster-crash-compile-cache") };
	const child = spawn(process.execPath, [module, ...given], { stdio: ["ignore", "pipe", "inherit"], env });
	let said = "";
	child.stdout.on("data", (chunk: Buffer) => {
		said += chunk.toString();
	});
	const [code, signal] = (await once(child, "close")) as [number | null, string | null];
	if (signal === "SIGKILL") return undefined;
	assert.equal(code, 0);
	return JSON.parse(said) as End;
}

function witnessed(folder: string): { deed?: string; begin?: string }[] {
	const lines = readFileSync(join(folder, "witness"), "utf8").split("\n");
	return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as { deed?: string });
}

/** Lives until it is killed, then to the end. */
async function survive(fail: string, killAfter: number | "", snapshotBytes: number): Promise<End> {
	const folder = mkdtempSync(join(tmpdir(), "muster-kill-"));
	try {
		let end = await live(folder, fail, killAfter, snapshotBytes);
		if (killAfter !== "") assert.equal(end, undefined, `not killed after ${killAfter} events`);
		end ??= await live(folder, fail, "", snapshotBytes);
		const done = witnessed(folder).flatMap(({ deed }) => deed ?? []);
		assert.deepEqual(done.sort(), deeds[fail], `after ${killAfter} events`);
		return end as End;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

for (const [name, fail] of [
	["that completes", ""],
	["that fails at its end and is undone", "no ink"],
] as const) {
	test(`a run ${name} survives kill -9 after its events, every ${EVERY}th of them`, async () => {
		const { events, ...expected } = await survive(fail, "", NO_SNAPSHOTS);
		let kills = 0;
		for (let after = 1 + (EVERY % 7); after < events; after += EVERY) {
			const { events: _, ...end } = await survive(fail, after, kills++ % 2 === 0 ? SNAPSHOTS : NO_SNAPSHOTS);
			assert.deepEqual(end, expected, `after ${after} events`);
		}
	});
}
