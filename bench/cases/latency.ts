/** From the call of submit to the first line of the skill, on an idle orchestrator, one task at a time. */
import { defineSkill, startOrchestrator } from "../../src/index.ts";
import { folder, percentile, report } from "../case.ts";

const SAMPLES = 1_000;
const PAUSE_MS = 3;

let startedAt = 0;
const stamp = defineSkill({
	name: "stamp",
	description: "Notes when it starts.",
	run: () => {
		startedAt = performance.now();
		return null;
	},
});
const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [stamp], workflows: [] });
const start: number[] = [];
const acknowledged: number[] = [];
for (let i = 0; i < SAMPLES + 200; i++) {
	const submitted = performance.now();
	const id = await orchestrator.submit({ type: "stamp" });
	const stored = performance.now();
	await orchestrator.wait(id);
	if (i >= 200) {
		start.push(startedAt - submitted);
		acknowledged.push(stored - submitted);
	}
	await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
report([
	{ name: "submit to start, idle, p50", value: percentile(start, 0.5), unit: "ms", goal: { atMost: 1 } },
	{ name: "submit to start, idle, p99", value: percentile(start, 0.99), unit: "ms", goal: { atMost: 5 } },
	{ name: "submit to acknowledged, idle, p50", value: percentile(acknowledged, 0.5), unit: "ms" },
]);
await orchestrator.shutdown();
data.remove();
