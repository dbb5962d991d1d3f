import assert from "node:assert/strict";
import { it } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { TerminalError } from "../errors.ts";
import { defineSkill } from "../skill/skill.ts";
import type { StepDefinition } from "../workflow/definition.ts";

it("a step says why it has not begun, or why nothing of it runs", async (t) => {
	const gate = Promise.withResolvers<null>();
	const held = defineSkill({ name: "held", description: "Waits for the gate.", run: () => gate.promise });
	const host = await MemoryHost.open(t, { skills: [held] });
	const step = (id: string, more: Partial<StepDefinition>): StepDefinition => ({ id, needs: [], with: {}, ...more });
	const id = await host.orchestrator.startRun({
		...{ name: "flow", inputs: {}, outputs: {} },
		steps: [
			step("first", { skill: "held" }),
			step("second", { skill: "held", needs: ["first"] }),
			step("many", { skill: "held", forEach: { in: [1, 2, 3], as: "item", parallel: 1 } }),
			step("nobody", { skill: "unknown" }),
		],
	});
	await turns(20);
	const why = () => Object.fromEntries(host.orchestrator.run(id).steps.map((view) => [view.id, view.waiting]));
	assert.deepEqual(
		{ ...why(), nobody: undefined },
		{
			first: undefined,
			second: "it needs first (running)",
			many: `2 of its 3 items have not begun: 1 may go on at a time; they wait for ${id}.many.0`,
			nobody: undefined,
		},
	);
	assert.match(why().nobody ?? "", new RegExp(`^${id}\\.nobody no agent can do unknown`));
	gate.resolve(null);
	await host.pass(100);
	await host.orchestrator.cancel(id);
	assert.deepEqual(Object.values(why()), [undefined, undefined, undefined, undefined]);
});

it("a step that failed ends its run also when others were begun that nobody can do, and is named as the reason", async (t) => {
	const fails = defineSkill({
		name: "fails",
		description: "Fails.",
		run: () => {
			throw new TerminalError("broken");
		},
	});
	const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });
	const host = await MemoryHost.open(t, { skills: [fails, echo] });
	const step = (id: string, more: Partial<StepDefinition>): StepDefinition => ({ id, needs: [], with: {}, ...more });
	const id = await host.orchestrator.startRun({
		...{ name: "flow", inputs: {}, outputs: {} },
		steps: [
			step("nobody", { skill: "unknown" }),
			step("late", { skill: "echo", rate: { key: "slow", limit: 1, perMs: 86_400_000 } }),
			step("bad", { skill: "fails" }),
		],
		onFailure: [step("tell", { skill: "echo" })],
	});
	await host.pass(1_000);
	const run = host.orchestrator.run(id);
	assert.equal(run.state, "failed");
	assert.match(run.error?.message ?? "", /^Step "bad" failed: broken/);
	assert.equal(run.steps.find((view) => view.id === "onFailure.tell")?.state, "completed");
});
