/** A bare list of tasks is a workflow too: a sequence in which each task finds the output of the one before. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ArtifactRef, startOrchestrator } from "../src/index.ts";

const folder = fileURLToPath(new URL("../samples/library", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir });

const ids = await orchestrator.submitWorkflow("content creation", [
	{ type: "research", priority: "high", input: { topic: "dead letters", folder } },
	{ type: "writing", input: { content: "blog_post", words: 200 } }, // the notes come from `previous`
	{ type: "editing", input: { style: "professional" } },
]);
for (const id of ids) {
	const { type, state } = await orchestrator.wait(id, { timeout: "30s" });
	console.log(type, state);
}

// Files are artifacts: stored by the hash of their content, passed on as references.
const { output } = orchestrator.task(ids.at(-1) as string);
const article = await orchestrator.artifacts.text((output as unknown as { article: ArtifactRef }).article);
console.log(article.slice(0, article.indexOf("\n")));
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
research completed
writing completed
editing completed
# Dead letters
*/
