/** 100,000 tasks under 1,000 concurrency keys, one of a key at a time, against as many without keys; in turn. */
import { startOrchestrator, type TaskSpec } from "../../src/index.ts";
import { folder, input, noop, percentile, report } from "../case.ts";

const TASKS = 100_000;
const BATCH = 1_000;
const SUBMITTERS = 4;
const KEYS = 1_000;
const ROUNDS = 3;

const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [] });

const free = (): TaskSpec => ({ type: "noop", input });
const keyed = (n: number): TaskSpec => ({ ...free(), concurrency: { key: `customer-${n % KEYS}`, limit: 1 } });

/** Tasks a second, from the first submit to the last stored result. */
async function rate(spec: (n: number) => TaskSpec): Promise<number> {
	let submitted = 0;
	const submitter = async (): Promise<void> => {
		while (submitted < TASKS) {
			const first = submitted;
			submitted += BATCH;
			const ids = await orchestrator.submitMany(Array.from({ length: BATCH }, (_, i) => spec(first + i)));
			for (const id of ids) await orchestrator.wait(id);
		}
	};
	const started = performance.now();
	await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
	return TASKS / ((performance.now() - started) / 1_000);
}

await rate(free);
const rates = { free: [] as number[], keyed: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
	rates.free.push(await rate(free));
	rates.keyed.push(await rate(keyed));
}
const [without, under] = [percentile(rates.free, 0.5), percentile(rates.keyed, 0.5)];
report([
	{ name: "tasks without keys", value: without, unit: "/s" },
	{ name: "tasks under 1,000 concurrency keys", value: under, unit: "/s" },
	{ name: "the latter as a share of the former", value: (100 * under) / without, unit: "%", goal: { atLeast: 50 } },
]);
await orchestrator.shutdown();
data.remove();
