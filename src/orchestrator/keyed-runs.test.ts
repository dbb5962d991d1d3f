import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { defineSkill, type WorkflowDefinition } from "../index.ts";

const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });

const flow: WorkflowDefinition = {
	name: "flow",
	inputs: { word: { type: "string" } },
	steps: [{ id: "say", skill: "echo", needs: [], with: { word: "${{ inputs.word }}" } }],
	outputs: {},
};

test("the key of a run is as durable as the run", async (t) => {
	const dataDir = temporaryFolder(t);
	const first = await startTest(t, { dataDir, skills: [echo] });
	const key = { idempotencyKey: "report 17" };
	const id = await first.startRun(flow, { word: "hi" }, key);
	await first.waitRun(id);
	await first.shutdown();
	const second = await startTest(t, { dataDir, skills: [echo] });
	assert.deepEqual(await second.placeRun(flow, { word: "hi" }, key), { id, known: true });
	assert.equal(second.runs().items.length, 1);
	await assert.rejects(second.startRun(flow, { word: "ho" }, key), { code: "E_IDEMPOTENCY_CONFLICT" });
	await assert.rejects(second.startRun({ ...flow, name: "other" }, { word: "hi" }, key), {
		code: "E_IDEMPOTENCY_CONFLICT",
	});
});

test("a start that is refused leaves its key free", async (t) => {
	const muster = await startTest(t, { skills: [echo] });
	const key = { idempotencyKey: "k" };
	const refused = [muster.startRun(flow, {}, key), muster.startRun(flow, {}, key)];
	for (const one of refused) await assert.rejects(one, { code: "E_INPUT_INVALID" });
	assert.equal((await muster.placeRun(flow, { word: "hi" }, key)).known, false);
	for (const idempotencyKey of ["", "x".repeat(257)]) {
		await assert.rejects(muster.startRun(flow, { word: "hi" }, { idempotencyKey }), { code: "E_INPUT_INVALID" });
	}
});
