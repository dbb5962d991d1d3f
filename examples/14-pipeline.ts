/** A pipeline: stages in sequence, each gets what the one before returned. An optional polish fails and is left out. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	defineSkill,
	PipelineCoordinator,
	type PipelineResult,
	startOrchestrator,
	TerminalError,
} from "../src/index.ts";

const outline = defineSkill<{ topic: string; points: string[] }, string[]>({
	name: "outline",
	description: "Puts the points into an order.",
	run: ({ topic, points }) => [topic, ...points.toSorted()],
});
const draft = defineSkill<string[], string>({
	name: "draft",
	description: "Makes an outline into a text.",
	run: ([topic, ...points]) => `${topic}: ${points.join(", ")}.`,
});
const polish = defineSkill<string, string>({
	name: "polish",
	description: "Would make it nicer.",
	run() {
		throw new TerminalError("the editor is on holiday");
	},
});
const publish = defineSkill<string, string>({
	name: "publish",
	description: "Sets the text.",
	run: (text) => `*** ${text} ***`,
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [outline, draft, polish, publish],
	customAgents: [
		new PipelineCoordinator({
			name: "newsroom",
			capabilities: ["news"],
			stages: ["outline", "draft", { type: "polish", timeout: "5s" }, "publish"],
			onFailure: { quorum: 3 }, // of the four stages; by default all are needed
		}),
	],
});
const id = await orchestrator.submit({
	type: "news",
	input: { topic: "In this release", points: "votes pipelines debates".split(" ") },
});
const { output } = await orchestrator.wait(id, { timeout: "10s" });
const result = output as PipelineResult;
console.log(result.stages.map(({ type, state }) => `${type} ${state}`).join(" -> "));
for (const { type, reason } of result.missing) console.log(`without ${type}: ${reason}`);
console.log(result.output);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
outline completed -> draft completed -> polish failed -> publish completed
without polish: the editor is on holiday
*** In this release: debates, pipelines, votes. ***
*/
