/** Workflows of three steps in a row, each a no-op task: from start to stored outputs, durability full. */
import { startOrchestrator, type WorkflowDefinition } from "../../src/index.ts";
import { folder, noop, report } from "../case.ts";

const RUNS = 20_000;
const IN_FLIGHT = 2_000;

const step = (id: string, needs: string[], input: string) => ({ id, skill: "noop", needs, with: { value: input } });
const definition: WorkflowDefinition = {
	name: "three-steps",
	inputs: { value: { type: "integer" } },
	steps: [
		step("first", [], "${{ inputs.value }}"),
		step("second", ["first"], "${{ steps.first.output }}"),
		step("third", ["second"], "${{ steps.second.output }}"),
	],
	outputs: { result: "${{ steps.third.output }}" },
};
const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [], workers: 100 });

async function round(runs: number): Promise<number> {
	let left = runs;
	const started = performance.now();
	const starter = async (): Promise<void> => {
		while (left-- > 0) await orchestrator.waitRun(await orchestrator.startRun(definition, { value: left }));
	};
	await Promise.all(Array.from({ length: IN_FLIGHT }, starter));
	return (performance.now() - started) / 1_000;
}

await round(2_000);
const seconds = await round(RUNS);
report([{ name: "three-step workflows", value: RUNS / seconds, unit: "/s", goal: { atLeast: 10_000 } }]);
await orchestrator.shutdown();
data.remove();
