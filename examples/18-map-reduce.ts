/** A thousand readings in chunks of fifty, added up in a tree. A chunk that fails is named, and the rest counts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	defineSkill,
	MapReduceCoordinator,
	type MapReduceResult,
	startOrchestrator,
	TerminalError,
} from "../src/index.ts";

interface Summary {
	count: number;
	sum: number;
	highest: number;
}

const summarize = defineSkill<{ items: unknown[]; from: number }, Summary>({
	name: "summarize",
	description: "Counts and adds up a chunk of readings.",
	run({ items, from }) {
		const bad = items.findIndex((item) => typeof item !== "number");
		if (bad >= 0) throw new TerminalError(`reading ${from + bad} is ${JSON.stringify(items[bad])}`);
		const numbers = items as number[];
		return { count: items.length, sum: numbers.reduce((a, b) => a + b), highest: Math.max(...numbers) };
	},
});
const merge = defineSkill<{ values: Summary[] }, Summary>({
	name: "merge",
	description: "Makes several summaries into one.",
	run: ({ values }) =>
		values.reduce((a, b) => ({
			count: a.count + b.count,
			sum: a.sum + b.sum,
			highest: Math.max(a.highest, b.highest),
		})),
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [summarize, merge],
	customAgents: [
		new MapReduceCoordinator({
			name: "readings",
			capabilities: ["sum-up"],
			map: "summarize",
			reduce: "merge",
			fanIn: 5,
			onFailure: "best-effort",
		}),
	],
});

const items: unknown[] = Array.from({ length: 1_000 }, (_, i) => (i * 37) % 1_000);
items[425] = "n/a";
const id = await orchestrator.submit({ type: "sum-up", input: { items, chunkSize: 50 } });
const task = await orchestrator.wait(id, { timeout: "10s" });
const { output, chunks, completed, missing } = task.output as MapReduceResult;
console.log(`${completed} of ${chunks} chunks, in ${task.children?.length} tasks:`, output);
for (const { from, to, reason } of missing) console.log(`without readings ${from} to ${to - 1}: ${reason}`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
19 of 20 chunks, in 25 tasks: { count: 950, sum: 475175, highest: 999 }
without readings 400 to 449: reading 425 is "n/a"
*/
