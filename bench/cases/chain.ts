/** A workflow of 10,000 steps in a row, each with the output of the one before: validated as code and as YAML, then run. */
import { startOrchestrator, type WorkflowDefinition } from "../../src/index.ts";
import { definitionHash } from "../../src/workflow/hash.ts";
import { assertValid } from "../../src/workflow/validate.ts";
import { parseWorkflow } from "../../src/workflow/yaml.ts";
import { folder, noop, report } from "../case.ts";

const LENGTH = 10_000;

const step = (place: number) => ({
	id: `s${place}`,
	skill: "noop",
	needs: place === 0 ? [] : [`s${place - 1}`],
	with: place === 0 ? {} : { before: `$\{{ steps.s${place - 1}.output }}` },
});
const definition: WorkflowDefinition = {
	name: "chain",
	inputs: {},
	steps: Array.from({ length: LENGTH }, (_, place) => step(place)),
	outputs: {},
};
const lines = definition.steps.map((each) => `  - ${JSON.stringify(each)}`).join("\n");
const text = `apiVersion: muster/v1\nkind: Workflow\nname: chain\nsteps:\n${lines}\n`;

const seconds = (from: number): number => (performance.now() - from) / 1_000;
const validating = performance.now();
assertValid(definition);
const valid = seconds(validating);
const parsing = performance.now();
const parsed = parseWorkflow(text, "chain.yaml");
const read = seconds(parsing);
if (definitionHash(parsed) !== definitionHash(definition)) throw new Error("the file says something else");

const data = folder();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [] });
const running = performance.now();
const { state } = await orchestrator.waitRun(await orchestrator.startRun(definition));
if (state !== "completed") throw new Error(`the run ${state}`);
report([
	{ name: "chain of 10,000 steps: validate", value: valid, unit: "s", goal: { atMost: 1 } },
	{ name: "chain of 10,000 steps: read from YAML", value: read, unit: "s", goal: { atMost: 1 } },
	{ name: "chain of 10,000 steps: run", value: LENGTH / seconds(running), unit: "steps/s" },
]);
await orchestrator.shutdown();
data.remove();
