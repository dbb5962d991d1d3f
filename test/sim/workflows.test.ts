/**
 * Random workflows with random outcomes on the real orchestrator, whose process dies now and then. More of them:
 *   FLOWS=5000 node --test test/sim/workflows.test.ts
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HandClock } from "../../src/clock.ts";
import { TerminalError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import type { Json } from "../../src/json.ts";
import { defineSkill } from "../../src/skill/skill.ts";
import type { WorkflowDefinition } from "../../src/workflow/definition.ts";
import { definitions, inner } from "../engine/random-flow.ts";
import { MemoryHost, turns } from "../memory-host.ts";

const FLOWS = Number(process.env.FLOWS ?? 150);
const MOST_TURNS = 3_000;

const END = /^(run\.(completed|failed|cancelled)|task\.(completed|failed|cancelled|skipped))$/;

/** Everything that began ended, and ended once. */
function checkHistory(history: readonly Event[]): void {
	const ends = history.flatMap((event) => (END.test(event.type) && "id" in event ? [event.id] : []));
	assert.equal(new Set(ends).size, ends.length, "something ended twice");
	const begun = history.flatMap((event) =>
		event.type === "task.submitted" ? [event.task.id] : event.type === "run.created" ? [event.id] : [],
	);
	assert.equal(new Set(begun).size, begun.length, "something began twice");
	assert.deepEqual(
		begun.filter((id) => !ends.includes(id)),
		[],
		"something did not end",
	);
	assert.deepEqual(
		history.filter((event) => event.type === "run.parked"),
		[],
		"a run was parked",
	);
}

async function live(definition: WorkflowDefinition, seed: number): Promise<void> {
	const { random } = new HandClock(0, seed);
	const roll = (sides: number): number => Math.floor(random() * sides);
	const work = defineSkill<Json, Json>({
		name: "work",
		description: "Takes a while, and sometimes fails.",
		async run(input, { signal }) {
			await turns(roll(6));
			signal.throwIfAborted();
			if (roll(10) === 0) throw new TerminalError("no luck");
			return roll(4) === 0 ? null : input;
		},
	});
	const undo = defineSkill({ name: "undo", description: "Undoes.", run: () => null });
	const host = new MemoryHost({ skills: [work, undo], workflows: [inner], slots: 5 });
	await host.boot();
	const id = await host.orchestrator.startRun(definition);
	const cancelAt = roll(6) === 0 ? roll(40) : Number.POSITIVE_INFINITY;
	for (let turn = 0; host.orchestrator.run(id).endedAt === undefined; turn++) {
		assert.ok(turn < MOST_TURNS, `it does not end: ${JSON.stringify(host.orchestrator.run(id).steps)}`);
		if (turn === cancelAt) void host.orchestrator.cancel(id);
		if (roll(40) === 0 && turn < 200) await host.restart();
		if (roll(4) === 0) {
			const { steps, state } = host.orchestrator.run(id);
			const waits = steps.some(({ wait }) => wait?.kind === "signal");
			if (state === "running" && waits) void host.orchestrator.signal(id, "go", turn).catch(() => undefined);
		}
		if (roll(3) === 0) host.clock.advance(roll(20));
		await turns(1);
	}
	await host.pass(200); // what is left over is cancelled
	await turns(20);
	const { pending, running } = host.orchestrator.status().taskQueue;
	assert.equal(pending + running, 0, "work is left over");
	checkHistory(host.history());
	host.drop();
}

test("random workflows with crashes end, leave nothing behind and never do not fit", async () => {
	const property = fc.asyncProperty(definitions, fc.integer({ min: 1, max: 1_000_000 }), live);
	await fc.assert(property, { numRuns: FLOWS, endOnFailure: false });
});
