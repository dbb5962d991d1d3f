/** Workflows that run each other inside of concurrency groups. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost } from "../../test/memory-host.ts";
import { defineSkill } from "../skill/skill.ts";
import type { StepDefinition, WorkflowDefinition } from "../workflow/definition.ts";

/** Workflows in groups of their own: each does some work, and then runs others if it is told to. */
async function open(t: TestContext, uses: Record<string, string[]>, limit = 1) {
	const gate = Promise.withResolvers<void>();
	const work = defineSkill({
		name: "work",
		description: "Waits for the gate.",
		run: async () => {
			await gate.promise;
			return null;
		},
	});
	const workflows = Object.entries(uses).map(([name, others]): WorkflowDefinition => {
		const inner = others.map(
			(workflow): StepDefinition => ({
				...{ id: workflow, needs: ["work"], if: "inputs.deep", workflow, with: { deep: false } },
			}),
		);
		return {
			...{ name, inputs: { deep: { type: "boolean", default: true } }, outputs: {} },
			steps: [{ id: "work", needs: [], skill: "work", with: {} }, ...inner],
			concurrency: { group: "g", limit, policy: "queue" },
		};
	});
	const host = await MemoryHost.open(t, { skills: [work], workflows });
	const { orchestrator } = host;
	/** Starts them, lets all work be done, and tells how they ended. */
	const end = async (names: string[]) => {
		const ids: string[] = [];
		for (const name of names) ids.push(await orchestrator.startRun(name));
		await host.pass(100);
		gate.resolve();
		await host.pass(1_000);
		return ids.map((id) => orchestrator.run(id));
	};
	return { host, end };
}

describe("runs that would wait for each other for ever", () => {
	it("do not: the step that would close the circle fails and names it, and the others go on", async (t) => {
		for (const [uses, names] of [
			[{ a: ["b"], b: ["a"] }, ["a", "b"]],
			[{ a: ["b"], b: ["c"], c: ["a"] }, ["a", "b", "c"]],
		] as const) {
			const { end } = await open(t, uses as never);
			const runs = await end([...names]);
			const failed = runs.filter(({ state }) => state === "failed");
			assert.deepEqual([runs.length - failed.length, failed.length], [names.length - 1, 1]);
			const { details } = failed[0]?.error ?? {};
			assert.equal(details?.code, "E_CONFLICT");
			for (const { id } of runs) assert.match(failed[0]?.error?.message ?? "", new RegExp(id));
		}
	});

	it("wait where one of them may still make room", async (t) => {
		// Two runs of `b` go on: one has a run of `a` to wait for, the other has none.
		const { host, end } = await open(t, { a: ["b"], b: ["a"] }, 2);
		const { orchestrator } = host;
		const free = await orchestrator.startRun("b", { deep: false });
		const runs = await end(["a", "b", "a"]);
		assert.deepEqual(
			[...runs, orchestrator.run(free)].map(({ state }) => state),
			["completed", "completed", "completed", "completed"],
		);
	});

	it("wait where they meet and none waits for the other", async (t) => {
		const { end } = await open(t, { a: ["c"], b: ["c"], c: [] });
		assert.deepEqual(
			(await end(["a", "b", "c"])).map(({ state }) => state),
			["completed", "completed", "completed"],
		);
	});
});
