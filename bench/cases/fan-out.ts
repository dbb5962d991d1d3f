/** One run that fans out into 20,000 no-op tasks: the items of one forEach, and as many steps with one that joins them. */
import { startOrchestrator, type WorkflowDefinition } from "../../src/index.ts";
import { folder, noop, report } from "../case.ts";

const WIDTH = 20_000;

const numbers = Array.from({ length: WIDTH }, (_, number) => number);
const flow = (name: string, steps: WorkflowDefinition["steps"]): WorkflowDefinition => ({
	...{ name, inputs: {}, steps, outputs: {} },
});
const forEach = flow("for-each", [
	{ id: "each", needs: [], skill: "noop", forEach: { in: numbers, as: "n" }, with: { n: "${{ n }}" } },
]);
const ids = numbers.slice(1).map((n) => `s${n}`);
const join = flow("join", [
	...ids.map((id) => ({ id, needs: [], skill: "noop", with: { id } })),
	{ id: "join", needs: ids, skill: "noop", with: { last: `$\{{ steps.${ids.at(-1)}.output }}` } },
]);

const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [], workers: 100 });

/** Steps a second, from the call of start to the stored end. */
async function rate(definition: WorkflowDefinition): Promise<number> {
	const started = performance.now();
	const { state } = await orchestrator.waitRun(await orchestrator.startRun(definition));
	if (state !== "completed") throw new Error(`the run ${state}`);
	return WIDTH / ((performance.now() - started) / 1_000);
}

for (const definition of [forEach, join]) await rate(definition);
const goal = { atLeast: 20_000 };
const figures = [
	{ name: "forEach over 20,000 items", value: await rate(forEach), unit: "steps/s", goal },
	{ name: "20,000 steps with one that joins them", value: await rate(join), unit: "steps/s", goal },
];
report([...figures, { name: "RSS after a fan-out", value: process.memoryUsage.rss() / 1e6, unit: "MB" }]);
await orchestrator.shutdown();
data.remove();
