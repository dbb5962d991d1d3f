import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTest } from "../../../test/fixture.ts";
import {
	defineSkill,
	hasCode,
	type Json,
	PipelineCoordinator,
	type PipelineOptions,
	type PipelineResult,
	type TaskView,
	TerminalError,
} from "../../index.ts";

const add = defineSkill<number, number>({ name: "add", description: "Adds one.", run: (n) => n + 1 });
const double = defineSkill<number, number>({ name: "double", description: "Doubles.", run: (n) => n * 2 });
const broken = defineSkill({
	name: "broken",
	description: "Fails.",
	run() {
		throw new TerminalError("it broke");
	},
});

type Choice = Pick<PipelineOptions, "stages" | "onFailure">;

async function run(t: TestContext, choice: Choice, input: Json, Kind = PipelineCoordinator): Promise<TaskView> {
	const pipeline = new Kind({ name: "pipeline", capabilities: ["pipe"], ...choice });
	const muster = await startTest(t, { skills: [add, double, broken], customAgents: [pipeline] });
	return muster.wait(await muster.submit({ type: "pipe", input }));
}

describe("a pipeline", () => {
	it("gives each stage what the one before returned, and the first one its input", async (t) => {
		const { output } = await run(t, { stages: ["add", "double", "add"] }, 3);
		assert.equal((output as PipelineResult).output, 9);
	});

	it("says which task did each stage", async (t) => {
		const { id, output } = await run(t, { stages: ["add", "double"] }, 3);
		assert.deepEqual((output as PipelineResult).stages, [
			{ id: `${id}.0`, type: "add", state: "completed" },
			{ id: `${id}.1`, type: "double", state: "completed" },
		]);
	});

	it("ends at a stage that fails, and does not start the next", async (t) => {
		const { error, children } = await run(t, { stages: ["add", "broken", "double"] }, 3);
		assert.match(error?.message ?? "", /1 of 3 parts.*it broke/);
		assert.equal(children?.length, 2);
	});

	it("leaves out a stage that fails where its policy allows it, and names it", async (t) => {
		const { output } = await run(t, { stages: ["add", "broken", "double"], onFailure: { quorum: 2 } }, 3);
		const result = output as PipelineResult;
		assert.deepEqual([result.output, result.completed], [8, 2]);
		assert.deepEqual(
			result.missing.map(({ part, reason }) => [part, reason]),
			[[1, "it broke"]],
		);
	});

	it("gives a stage more than the value before where a subclass says so", async (t) => {
		class WithInput extends PipelineCoordinator {
			protected override stageInput(stage: number, before: Json, taskInput: Json): Json {
				return stage === 0 ? before : (before as number) * 100 + (taskInput as number);
			}
		}
		const { output } = await run(t, { stages: ["add", "add"] }, 3, WithInput);
		assert.equal((output as PipelineResult).output, 404);
	});

	it("is refused without a stage, and with a quorum that its stages cannot reach", () => {
		const make = (choice: Choice) => () => new PipelineCoordinator({ name: "p", capabilities: ["pipe"], ...choice });
		const isConfig = (error: unknown) => hasCode(error, "E_CONFIG_INVALID");
		assert.throws(make({ stages: [] }), isConfig);
		assert.throws(make({ stages: ["add"], onFailure: { quorum: 2 } }), isConfig);
	});
});
