/** A loop: steps that run again until an expression is true, at most so many times. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const skills = [
	defineSkill<{ topic: string }, string>({
		name: "write",
		description: "Writes a draft.",
		run: ({ topic }) => `On ${topic}`,
	}),
	defineSkill<{ text: string }, { score: number }>({
		name: "review",
		description: "Likes long texts.",
		run: ({ text }) => ({ score: Math.min(1, text.length / 40) }),
	}),
	defineSkill<{ text: string; round: number }, string>({
		name: "revise",
		description: "Adds a sentence.",
		run: ({ text, round }) => `${text}, revised ${round + 1} time(s)`,
	}),
];

const file = fileURLToPath(new URL("27-loop.yaml", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills });
const id = await orchestrator.startRun(file, { topic: "loops" });
const run = await orchestrator.waitRun(id, { timeout: "10s" });
for (const step of run.steps) console.log(`${step.id}: ${step.state}`);
console.log(run.state, run.outputs);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
draft: completed
edit: completed
edit.0.review: completed
edit.0.revise: completed
edit.1.review: completed
edit.1.revise: completed
edit.2.review: completed
edit.2.revise: completed
completed {
  text: 'On loops, revised 1 time(s), revised 2 time(s), revised 3 time(s)',
  rounds: 3
}
*/
