/** The resident set while 1,000,000 tasks go through a server's process: as `muster up` sets its heap, sampled each 100,000. */
import { keepHeapSmall } from "../../src/cli/heap.ts";
import { startOrchestrator } from "../../src/index.ts";
import { type Figure, folder, input, noop, report } from "../case.ts";

const TASKS = 1_000_000;
const BATCH = 1_000;
const SUBMITTERS = 4;
const SAMPLE = 100_000;

keepHeapSmall();
const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [], workers: 10 });
let submitted = 0;
let peak = 0;
const samples: number[] = [];
const submitter = async (): Promise<void> => {
	while (submitted < TASKS) {
		submitted += BATCH;
		const mine = submitted;
		const ids = await orchestrator.submitMany(Array.from({ length: BATCH }, () => ({ type: "noop", input })));
		await orchestrator.wait(ids.at(-1) as string);
		const rss = process.memoryUsage.rss() / 1e6;
		peak = Math.max(peak, rss);
		if (mine % SAMPLE === 0) samples.push(rss);
	}
};
const started = performance.now();
await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
const seconds = (performance.now() - started) / 1_000;
const early = samples.slice(1, 4);
const late = samples.slice(-3);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
process.stderr.write(`RSS after each ${SAMPLE} tasks, MB: ${samples.map(Math.round).join(" ")}\n`);
report([
	{ name: "RSS after 1,000,000 tasks", value: samples.at(-1) as number, unit: "MB", goal: { atMost: 300 } },
	{ name: "RSS, peak on the way", value: peak, unit: "MB" },
	{ name: "RSS, growth from tasks 200-400,000 to the last 300,000", value: mean(late) - mean(early), unit: "MB" },
	{ name: "lifecycles on the way", value: TASKS / seconds, unit: "/s" },
] satisfies Figure[]);
await orchestrator.shutdown();
data.remove();
