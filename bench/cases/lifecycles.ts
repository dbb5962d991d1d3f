/** 100,000 tasks from submit to stored result: batches of 1,000, four submitters, durability full, a no-op skill. */
import { startOrchestrator } from "../../src/index.ts";
import { folder, input, noop, report } from "../case.ts";

const TASKS = 100_000;
const BATCH = 1_000;
const SUBMITTERS = 4;

const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [] });

async function round(tasks: number): Promise<{ seconds: number; cpuMicros: number }> {
	let left = tasks / BATCH;
	const cpu = process.cpuUsage();
	const started = performance.now();
	const submitter = async (): Promise<void> => {
		while (left-- > 0) {
			const ids = await orchestrator.submitMany(Array.from({ length: BATCH }, () => ({ type: "noop", input })));
			await orchestrator.wait(ids.at(-1) as string);
		}
	};
	await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
	while (orchestrator.status().taskQueue.pending + orchestrator.status().taskQueue.running > 0) {
		await new Promise((resolve) => setImmediate(resolve));
	}
	const { user, system } = process.cpuUsage(cpu);
	return { seconds: (performance.now() - started) / 1_000, cpuMicros: (user + system) / tasks };
}

const cold = await round(BATCH * 10);
const warm = await round(TASKS);
const { completed } = orchestrator.status().taskQueue;
if (completed !== TASKS + BATCH * 10) throw new Error(`${completed} tasks completed`);
report([
	{ name: "durable lifecycles", value: TASKS / warm.seconds, unit: "/s", goal: { atLeast: 50_000 } },
	{ name: "durable lifecycles, first 10,000 of a process", value: (BATCH * 10) / cold.seconds, unit: "/s" },
	{ name: "CPU of a lifecycle, all threads", value: warm.cpuMicros, unit: "us" },
	{ name: "RSS after 110,000 tasks", value: process.memoryUsage.rss() / 1e6, unit: "MB" },
]);
await orchestrator.shutdown();
data.remove();
