/** 620 agents: how long they take to start, what they weigh, and what they cost while nothing happens. */
import { startOrchestrator } from "../../src/index.ts";
import { folder, report } from "../case.ts";

const IDLE_MS = 10_000;

const data = folder();
const started = performance.now();
const orchestrator = await startOrchestrator({ dataDir: data.path, agents: 620, workflows: [] });
const startMs = performance.now() - started;
const { totalAgents, agents } = orchestrator.status();
if (totalAgents !== 620 || agents.ready !== 620) throw new Error(`${agents.ready} of ${totalAgents} agents are ready`);
await new Promise((resolve) => setTimeout(resolve, 1_000));
const cpu = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
const { user, system } = process.cpuUsage(cpu);
report([
	{ name: "start of 620 agents", value: startMs, unit: "ms", goal: { atMost: 1_000 } },
	{ name: "RSS with 620 agents", value: process.memoryUsage.rss() / 1e6, unit: "MB", goal: { atMost: 200 } },
	{
		name: "idle CPU with 620 agents, of a core",
		value: (user + system) / 10 / IDLE_MS,
		unit: "%",
		goal: { atMost: 1 },
	},
]);
await orchestrator.shutdown();
data.remove();
