/** kill -9 of a process that appends to a stream and consumes it, on SQLite, again and again on the same folder. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startTest, temporaryFolder } from "../fixture.ts";

const LIVES = 3;
const LINES_A_LIFE = 600;

interface Said {
	appended?: number;
	id?: string;
	delivered?: number;
	acked?: number;
}

/** All that it said before it was killed. */
async function live(dataDir: string, snapshotBytes: number): Promise<Said[]> {
	const module = new URL("./stream-worker.ts", import.meta.url).pathname;
	const child = spawn(process.execPath, [module, dataDir, String(snapshotBytes)], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	const closed = once(child, "close");
	const said: Said[] = [];
	for await (const line of createInterface({ input: child.stdout })) {
		if (!line.endsWith("}")) break; // the last words
		said.push(JSON.parse(line) as Said);
		if (said.length === LINES_A_LIFE) child.kill("SIGKILL");
	}
	const [, signal] = (await closed) as [number | null, string | null];
	assert.equal(signal, "SIGKILL");
	return said;
}

test("after kill -9 every acknowledged message is there, and no acknowledged delivery comes again", async (t) => {
	const dataDir = join(temporaryFolder(t), "data");
	const appended = new Map<number, string>();
	const acked = new Set<number>();
	for (let life = 0; life < LIVES; life++) {
		const said = await live(dataDir, life % 2 === 0 ? 64 * 1024 * 1024 : 4_096);
		const before = new Set(acked);
		for (const { delivered } of said) {
			assert.ok(delivered === undefined || !before.has(delivered), `${delivered} came again in life ${life}`);
		}
		for (const { appended: seq, id, acked: done } of said) {
			if (seq !== undefined) {
				assert.ok(!appended.has(seq), `${seq} was given twice`);
				appended.set(seq, id as string);
			}
			if (done !== undefined) acked.add(done);
		}
	}
	assert.ok(appended.size > LIVES && acked.size > LIVES, `${appended.size} appended, ${acked.size} acknowledged`);

	const { bus } = await startTest(t, { dataDir });
	const { lastSeq } = await bus.streams.info("orders");
	const kept = new Map<number, unknown>();
	for (let from = 1; from <= lastSeq; from += 10_000) {
		const messages = await bus.streams.read("orders", { fromSeq: from, limit: 10_000 });
		for (const { seq, data } of messages) kept.set(seq, (data as { id: string }).id);
	}
	for (const [seq, id] of appended) assert.equal(kept.get(seq), id);
	const open = new Set([...kept.keys()].filter((seq) => !acked.has(seq)));
	const [consumer] = (await bus.streams.info("orders")).consumers;
	const floor = consumer?.ackFloor ?? 0;
	const consumption = await bus.streams.consume("orders", { name: "c", maxAckPending: 100_000 });
	// Seven is the first one that nobody acknowledged; what comes is open, and starts with it.
	const sevens = [...open].filter((seq) => seq % 7 === 0);
	let left = sevens.length;
	for await (const { seq } of consumption) {
		assert.ok(!acked.has(seq), `${seq} came again`);
		if (seq % 7 === 0 && --left === 0) break;
	}
	assert.equal(floor, 6);
});
