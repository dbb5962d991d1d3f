/**
 * The demo: the three workflows and a briefing by a coordinator, at once, in one orchestrator with its default fleet.
 * It ends by itself and leaves files to look at. Real work on the texts and data in samples/: no model, no network.
 *
 *   npm run demo
 *   node demo/main.ts FOLDER     leaves them in another folder
 */
import { rm } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunView, startOrchestrator, type TaskView } from "../src/index.ts";
import { automationFiles, briefingFiles, contentFiles, dataFiles } from "./files.ts";
import { clockSeconds, follow, say } from "./progress.ts";

const here = process.cwd();
const out = resolve(process.argv[2] ?? fileURLToPath(new URL("../out/demo", import.meta.url)));
// The samples are read by paths as a user writes them, so that the article cites `samples/library/...`.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));
await rm(out, { recursive: true, force: true });

const dataDir = `${out}/data`;
const orchestrator = await startOrchestrator({ dataDir });
const { totalAgents, workerAgents, coordinatorAgents, durability } = orchestrator.status();
say(
	`${totalAgents} agents are ready: ${workerAgents} workers, ${coordinatorAgents} coordinators; durability ${durability}`,
);

const runs = {
	content: await orchestrator.startRun("content-creation", {
		topic: "crash-safe task queues",
		angles: ["durability", "recovery", "retries", "testing"],
	}),
	data: await orchestrator.startRun("data-analysis", {
		title: "Four years of weather in Seattle",
		attribution:
			"NOAA National Climatic Data Center, as prepared by vega-datasets 3.2.1; a work of the U.S. Government, in the public domain in the United States. The column weather was made by vega-datasets.",
		groupBy: "weather",
		units: { precipitation: "mm", temp_max: "°C", temp_min: "°C", wind: "m/s" },
	}),
	automation: await orchestrator.startRun("automation"),
};

// A bare list is a sequence. Its first task goes to a coordinator, which has four workers read and gathers what they found.
const topic = "effects that happen once";
const angles = ["leases", "fencing tokens", "idempotency keys", "dead letters"];
const briefing = await orchestrator.submitWorkflow("briefing", [
	{
		type: "coordinate",
		input: {
			tasks: angles.map((angle) => ({ type: "research", input: { topic, angle, folder: "samples/library" } })),
		},
	},
	{ type: "writing", input: { topic, words: 300, content: "blog_post" } },
	{ type: "editing", input: { style: "plain" } },
]);
say(`3 runs and ${briefing.length} tasks of a bare workflow are durable`);

const [content, data, automation, ...steps] = await Promise.all([
	follow(orchestrator, runs.content),
	follow(orchestrator, runs.data),
	follow(orchestrator, runs.automation),
	...briefing.map((id) => finished(id)),
]);

async function finished(id: string): Promise<TaskView> {
	const task = await orchestrator.wait(id, { timeout: "2m" });
	const parts = task.children === undefined ? "" : `, gathered from ${task.children.length} tasks it delegated`;
	const last = task.history.at(-1);
	say(`briefing          ${task.type.padEnd(10)} ${task.state} by ${last?.agent ?? "nobody"}${parts}`);
	return task;
}

const failed = [content, data, automation, ...steps].filter(({ state }) => state !== "completed");
for (const item of failed) console.error(`${nameOf(item)} ${item.state}: ${item.error?.message ?? "without an error"}`);
const made = failed.length > 0 ? [] : await exportAll();
const { taskQueue, components } = orchestrator.status();
const busy = orchestrator.agents().filter((agent) => agent.stats.completed > 0);
await orchestrator.shutdown();

if (failed.length > 0) process.exit(1);
console.log(`
Done in ${clockSeconds()} s: ${taskQueue.completed} tasks completed, ${taskQueue.failed} failed, by ${busy.length} of ${totalAgents} agents;
${components.journal.lastEvent} events in the journal.

Look at
${made.map(({ path, text }) => `  ${relative(here, path) || path}\n      ${text}`).join("\n")}

What is in the journal can still be read:
  npx muster status --data ${relative(here, dataDir) || dataDir}`);

async function exportAll(): Promise<{ path: string; text: string }[]> {
	const { artifacts } = orchestrator;
	return [
		...(await contentFiles(artifacts, content, orchestrator.runTasks(content.id), `${out}/content-creation`)),
		...(await dataFiles(artifacts, data, `${out}/data-analysis`)),
		...(await automationFiles(artifacts, automation, `${dataDir}/outbox`, `${out}/automation`)),
		...(await briefingFiles(artifacts, steps, `${out}/briefing`)),
	];
}

function nameOf(item: RunView | TaskView): string {
	return "workflow" in item ? item.workflow : `briefing: ${item.type}`;
}
