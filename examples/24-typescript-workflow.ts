/** A workflow in TypeScript: the same data as a YAML file makes, with the types of its inputs and skills. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defineSkill, defineWorkflow, expr, startOrchestrator, text, use } from "../src/index.ts";

const research = defineSkill<{ query: string }, string>({
	name: "look-up",
	description: "Finds a note.",
	run: ({ query }) => `note on ${query}`,
});
const write = defineSkill<{ topic: string; notes: string[] }, string>({
	name: "write",
	description: "Writes a draft.",
	run: ({ topic, notes }) => `${topic}: ${notes.join(", ")}`,
});
const review = defineSkill<{ text: string; round: number }, { score: number }>({
	name: "review",
	description: "Is content in the second round.",
	run: ({ round }) => ({ score: 0.5 + round * 0.4 }),
});

const article = defineWorkflow("short-article", {
	version: "1.0.0",
	inputs: z.object({ topic: z.string().describe("What to write about"), least: z.number().min(0).max(1).default(0.8) }),
})
	// The functions run once, here. What they get stands for values that a run will have.
	.forEach("notes", { in: ["history", "numbers"], as: "angle", parallel: 2 }, (angle, { inputs }) =>
		use(research, { query: text`${inputs.topic} and ${angle}` }),
	)
	.step("draft", { needs: "notes", priority: "high" }, ({ inputs, steps }) =>
		use(write, { topic: inputs.topic, notes: steps.notes.outputs }),
	)
	.loop(
		"edit",
		{ needs: "draft", max: 4, until: ({ steps, inputs }) => expr`${steps.review.output.score} >= ${inputs.least}` },
		(body, { round }) => body.step("review", ({ steps }) => use(review, { text: steps.draft.output, round })),
		({ steps }) => steps.review.output.score,
	)
	.outputs(({ steps }) => ({ article: steps.draft.output, score: steps.edit.output }));

console.log(article.steps[2]?.loop?.until);
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [research, write, review], definitions: [article] });
const id = await orchestrator.startRun("short-article", { topic: "bridges" });
const run = await orchestrator.waitRun(id, { timeout: "10s" });
for (const step of run.steps) console.log(`${step.id}: ${step.state}`);
console.log(run.state, run.outputs);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
steps.review.output.score >= inputs.least
notes: completed
draft: completed
edit: completed
edit.0.review: completed
edit.1.review: completed
completed {
  article: 'bridges: note on bridges and history, note on bridges and numbers',
  score: 0.9
}
*/
