/** Keys that submits share while they are under way: in the journal's queue, but not in the state yet. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { defineSkill, hasCode, type Orchestrator } from "../index.ts";

const quick = defineSkill({ name: "quick", description: "Returns its input.", run: (input) => input });

/** A skill that submits something in the very step in which its first attempt begins. */
function submitter(submit: (muster: Orchestrator) => Promise<string>) {
	const world = { muster: undefined as Orchestrator | undefined, again: undefined as Promise<string> | undefined };
	const skill = defineSkill({
		name: "quick",
		description: "Submits at its beginning.",
		run() {
			if (world.again === undefined && world.muster !== undefined) world.again = submit(world.muster);
			return null;
		},
	});
	return { world, skill };
}

describe("a wake-up", () => {
	it("that is asked for as soon as the one before has begun is a new one", async (t) => {
		const wake = { type: "quick", coalesce: "k" };
		const { world, skill } = submitter((muster) => muster.submit(wake));
		world.muster = await startTest(t, { skills: [skill] });
		const first = await world.muster.submit(wake);
		await world.muster.wait(first);
		assert.notEqual(await world.again, first);
	});

	it("is one for all of a batch, and what depends on any of them waits for that one", async (t) => {
		const muster = await startTest(t, { skills: [quick] });
		await muster.pause();
		const wake = { type: "quick", coalesce: "k" };
		const ids = await muster.submitMany([wake, wake, { type: "quick", dependsOn: ["#1"] }]);
		assert.equal(ids[0], ids[1]);
		assert.deepEqual(muster.task(ids[2] as string).dependsOn, [ids[0]]);
		assert.equal(muster.status().taskQueue.submitted, 2);
	});

	it("is one of its type: another type with the same key is another", async (t) => {
		const muster = await startTest(t, { skills: [quick, { ...quick, name: "other" }] });
		await muster.pause();
		const [one, other] = await muster.submitMany([
			{ type: "quick", coalesce: "k" },
			{ type: "other", coalesce: "k" },
		]);
		assert.notEqual(one, other);
	});

	it("has no idempotency key", async (t) => {
		const muster = await startTest(t, { skills: [quick] });
		await assert.rejects(muster.submit({ type: "quick", coalesce: "k", idempotencyKey: "i" }), (error) =>
			hasCode(error, "E_INPUT_INVALID"),
		);
	});
});

describe("a limit that rejects", () => {
	it("counts a task once while it begins", async (t) => {
		const spec = { type: "quick", concurrency: { key: "k", limit: 2, policy: "reject" as const } };
		const { world, skill } = submitter((muster) => muster.submit(spec));
		world.muster = await startTest(t, { skills: [skill] });
		await world.muster.wait(await world.muster.submit(spec));
		await world.muster.wait((await world.again) as string);
	});

	it("counts those of other policies that are under way, names them, and says that it may be tried again", async (t) => {
		const muster = await startTest(t, { skills: [quick] });
		await muster.pause();
		const queued = muster.submit({ type: "quick", concurrency: "k" });
		const rejected = muster.submit({ type: "quick", concurrency: { key: "k", policy: "reject" } });
		await assert.rejects(rejected, (error) => hasCode(error, "E_CONFLICT") && error.retryable);
		const id = await queued;
		await assert.rejects(muster.submit({ type: "quick", concurrency: { key: "k", policy: "reject" } }), (error) => {
			assert.ok(hasCode(error, "E_CONFLICT"));
			assert.deepEqual(error.details, { key: "k", limit: 1, holders: [id] });
			return true;
		});
	});

	it("leaves nothing behind when the batch is refused for another reason", async (t) => {
		const muster = await startTest(t, { skills: [quick] });
		const spec = { type: "quick", concurrency: { key: "k", policy: "reject" as const } };
		await assert.rejects(muster.submitMany([spec, { type: "quick", dependsOn: ["tsk_none"] }]));
		await muster.wait(await muster.submit(spec));
	});
});
