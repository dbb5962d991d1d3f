/** One agent, so the order shows: a higher priority first, and a task only after those it depends on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const order: string[] = [];
const note = defineSkill<string, null>({
	name: "note",
	description: "Notes when it ran.",
	run(text) {
		order.push(text);
		return null;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [note], workers: 1, coordinators: 0 });

// One batch has one acknowledgement, all or nothing; #0 is the first task of the batch.
const ids = await orchestrator.submitMany([
	{ type: "note", input: "background", priority: "background" },
	{ type: "note", input: "normal" },
	{ type: "note", input: "critical", priority: "critical" },
	{ type: "note", input: "after background, although critical", priority: "critical", dependsOn: ["#0"] },
]);

// Why a task does not run is never a guess.
console.log(orchestrator.task(ids[3] as string).waiting?.reason);
for (const id of ids) await orchestrator.wait(id, { timeout: "10s" });
console.log(order.join("\n"));
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
dependency
critical
normal
background
after background, although critical
*/
