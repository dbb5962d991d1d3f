/** A skill of your own, one task, its result. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const countWords = defineSkill({
	name: "count-words",
	description: "Counts the words of a text.",
	input: z.object({ text: z.string() }),
	output: z.object({ words: z.int() }),
	run: ({ text }) => ({ words: text.split(/\s+/).filter(Boolean).length }),
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [countWords] });
const id = await orchestrator.submit({
	type: "count-words",
	input: { text: "once it is acknowledged, it is on disk" },
});
const task = await orchestrator.wait(id, { timeout: "10s" });
console.log(task.state, task.output);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
completed { words: 8 }
*/
