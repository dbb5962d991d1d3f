/** A workflow from a YAML file: a fan-out over a list, a step that needs it, and one that its condition skips. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineSkill, startOrchestrator } from "../src/index.ts";

interface Measured {
	text: string;
	characters: number;
}

const skills = [
	defineSkill<{ text: string }, Measured>({
		name: "measure",
		description: "Counts the characters of a text.",
		run: ({ text }) => ({ text, characters: text.length }),
	}),
	defineSkill<{ measured: Measured[] }, string>({
		name: "longest",
		description: "Names the longest text.",
		run: ({ measured }) => measured.toSorted((a, b) => b.characters - a.characters)[0]?.text ?? "",
	}),
	defineSkill<{ text: string }, string>({
		name: "shout",
		description: "Shouts a text.",
		run: ({ text }) => text.toUpperCase(),
	}),
];

const file = fileURLToPath(new URL("09-workflow-file.yaml", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills });
const id = await orchestrator.startRun(file, { texts: ["a word", "some more words", "words"] });
const run = await orchestrator.waitRun(id, { timeout: "10s" });
for (const step of run.steps) console.log(`${step.id}: ${step.state}, ${step.done} task(s)`);
console.log(run.state, run.outputs);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
measure: completed, 3 task(s)
longest: completed, 1 task(s)
shout: skipped, 0 task(s)
completed { longest: 'some more words', characters: [ 6, 15, 5 ] }
*/
