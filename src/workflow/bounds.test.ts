/** What a run makes is bounded, however its definition multiplies it; no run can stop the others. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost } from "../../test/memory-host.ts";
import { lengthWithin } from "../json.ts";
import { defineSkill } from "../skill/skill.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";

const flow = (steps: StepDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
	...{ name: "t", inputs: {}, steps, outputs: {} },
	...more,
});

const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });

async function open(t: TestContext, workflows: WorkflowDefinition[] = []): Promise<MemoryHost> {
	return MemoryHost.open(t, { skills: [echo], workflows });
}

/** How the run ends, and that others still go on, before and after a restart. */
async function endOf(host: MemoryHost, definition: WorkflowDefinition, inputs: Record<string, unknown> = {}) {
	const id = await host.orchestrator.startRun(definition, inputs);
	const run = await host.orchestrator.waitRun(id);
	for (const restart of [false, true]) {
		if (restart) await host.restart();
		assert.equal((await host.orchestrator.wait(await host.orchestrator.submit({ type: "echo" }))).state, "completed");
		assert.equal(host.orchestrator.run(id).state, run.state);
	}
	return run;
}

const twice = (what: string): string[] => [`$\{{ ${what} }}`, `$\{{ ${what} }}`];

/** Groups that give twice what the one before gave. */
const doubling = (count: number): StepDefinition[] =>
	Array.from({ length: count }, (_, i) => ({
		...{ id: `g${i}`, needs: i === 0 ? [] : [`g${i - 1}`] },
		steps: [{ id: "w", needs: [], if: "false", skill: "echo" }],
		output: i === 0 ? "x" : twice(`steps.g${i - 1}.output`),
	}));

describe("outputs", () => {
	it("that double with each group fail the step at which they are too large", async (t) => {
		const run = await endOf(await open(t), flow(doubling(40)));
		assert.equal(run.state, "failed");
		assert.equal(run.error?.details?.code, "E_OUTPUT_TOO_LARGE");
		assert.match(
			run.error?.message ?? "",
			/Step "g2\d" failed: The output of step "g2\d" has more than \d+ characters/,
		);
	});

	it("that are nested deeper than JSON may be fail the step", async (t) => {
		const deeper = doubling(120).map((step, i) =>
			i === 0 ? step : { ...step, output: twice(`steps.g${i - 1}.output`).slice(1) },
		);
		const run = await endOf(await open(t), flow(deeper));
		assert.equal(run.error?.details?.code, "E_OUTPUT_TOO_LARGE");
	});

	it("of a run that are too large fail the run", async (t) => {
		const outputs = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`k${i}`, "${{ inputs.x }}"]));
		const wide = flow([{ id: "a", needs: [], skill: "echo" }], { inputs: { x: { type: "string" } }, outputs });
		const run = await endOf(await open(t), wide, { x: "x".repeat(900_000) });
		assert.equal(run.state, "failed");
		assert.equal(run.error?.code, "E_OUTPUT_TOO_LARGE");
	});

	it("of many rounds together are bounded", async (t) => {
		const steps: StepDefinition[] = [{ id: "w", needs: [], if: "false", skill: "echo" }];
		const loop: StepDefinition = { id: "l", needs: [], loop: { max: 100, steps }, output: "${{ inputs.x }}" };
		const definition = flow([loop], { inputs: { x: { type: "string" } } });
		const run = await endOf(await open(t), definition, { x: "x".repeat(900_000) });
		assert.equal(run.error?.details?.code, "E_OUTPUT_TOO_LARGE");
		assert.match(run.error?.message ?? "", /may have \d+ together/);
	});

	it("of inner runs together are bounded, and the inner run says so", async (t) => {
		const inner = flow([{ id: "w", needs: [], if: "false", skill: "echo" }], {
			...{ name: "inner", inputs: { x: { type: "string" } } },
			outputs: { x: "${{ inputs.x }}" },
		});
		const forEach = { in: Array.from({ length: 80 }, (_, i) => i), as: "i", parallel: 1 };
		const outer = flow([{ id: "a", needs: [], workflow: "inner", forEach, with: { x: "${{ inputs.x }}" } }], {
			inputs: { x: { type: "string" } },
		});
		const run = await endOf(await open(t, [inner]), outer, { x: "x".repeat(900_000) });
		assert.equal(run.error?.details?.code, "E_OUTPUT_TOO_LARGE");
	});
});

describe("what else a template gives", () => {
	const cases: { [what: string]: Partial<StepDefinition> } = {
		"an input": { skill: "echo", with: twice("steps.g18.output") },
		"a key": { skill: "echo", concurrency: { key: "${{ [steps.g18.output] }}", limit: 1, policy: "queue" } },
		"a text": { skill: "echo", with: "of ${{ steps.g18.output }}" },
		"a question": { wait: { approval: { title: "Well?", content: Array(8).fill("${{ steps.g18.output }}") } } },
	};
	for (const [what, step] of Object.entries(cases)) {
		it(`is bounded: ${what}`, async (t) => {
			const last = { ...step, id: "last", needs: ["g18"] };
			const run = await endOf(await open(t), flow([...doubling(19), last]));
			assert.equal(run.state, "failed");
			assert.match(String(run.error?.details?.code), /^E_(INPUT|OUTPUT)_TOO_LARGE$|^E_EXPRESSION$/);
		});
	}
});

it("a length is counted no further than asked", () => {
	let value: unknown = "x";
	for (let i = 0; i < 60; i++) value = [value, value];
	assert.equal(lengthWithin(value as never, 1_000_000), Number.POSITIVE_INFINITY);
	const plain = { a: [null, true, "text", {}], b: { c: "" } };
	const written = JSON.stringify(plain).length;
	assert.ok(Math.abs(lengthWithin(plain, 1_000) - written) < 10);
	assert.equal(lengthWithin(plain, 20), Number.POSITIVE_INFINITY);
});
