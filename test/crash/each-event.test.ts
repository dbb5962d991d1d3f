/** A run that loses its process after each of its events in turn comes to the same end, with every effect done once. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { MemoryHost, turns } from "../memory-host.ts";
import { deedSkill, deeds, saga, sagaWorkflows } from "./saga.ts";

const MOST_TURNS = 5_000;

interface Life {
	state: string;
	outputs: unknown;
	error: string | undefined;
	steps: { [path: string]: string };
	done: string[];
	/** Tasks that began after the crash although their end was stored before it. */
	repeated: string[];
	events: number;
}

/** @param stored how many events the first process stores before it dies; a group is stored as a whole or not at all */
async function live(t: TestContext, fail: string, stored: number): Promise<Life> {
	const done: string[] = [];
	const began: string[] = [];
	const witness = {
		begin: (task: string) => void began.push(task),
		do: (deed: string) => void done.push(deed),
		isDone: (deed: string) => done.includes(deed),
	};
	const host = await MemoryHost.open(t, { skills: [deedSkill(witness)], workflows: sagaWorkflows });
	let dies = false;
	let count = 0;
	host.store.write = (batch) => {
		count += batch.count;
		if (count <= stored) return Promise.resolve();
		dies = true;
		return new Promise(() => undefined);
	};
	void host.orchestrator.startRun("saga", { fail });
	await goOn(host, () => dies || isOver(host));
	const over = new Set<string>();
	if (dies) {
		await turns(5);
		for (const event of host.history()) if (event.type === "task.completed") over.add(event.id);
		began.length = 0;
		await host.restart();
		if (runOf(host) === undefined) await host.orchestrator.startRun("saga", { fail });
		await goOn(host, () => isOver(host));
	}
	const { state, outputs, error, steps } = runOf(host) as NonNullable<ReturnType<typeof runOf>>;
	return {
		...{ state, outputs, error: error?.message, steps: Object.fromEntries(steps.map((step) => [step.id, step.state])) },
		...{ done: done.sort(), repeated: began.filter((id) => over.has(id)), events: count },
	};
}

const runOf = (host: MemoryHost) => host.orchestrator.runs().items.find(({ workflow }) => workflow === saga.name);
const isOver = (host: MemoryHost): boolean => runOf(host)?.endedAt !== undefined;

/** Says yes to whatever is asked, until it is enough. */
async function goOn(host: MemoryHost, isEnough: () => boolean): Promise<void> {
	const answered = new Set<string>();
	for (let turn = 0; !isEnough(); turn++) {
		assert.ok(turn < MOST_TURNS, `the run does not end: ${JSON.stringify(runOf(host))}`);
		for (const { id } of host.orchestrator.approvals()) {
			if (answered.has(id)) continue;
			answered.add(id);
			void host.orchestrator.approve(id);
		}
		await turns(1);
	}
	await turns(5);
}

for (const [name, fail] of [
	["that completes", ""],
	["that fails at its end and is undone", "no ink"],
] as const) {
	test(`a run ${name} survives the end of its process after each of its events`, async (t) => {
		const { events, ...expected } = await live(t, fail, Number.POSITIVE_INFINITY);
		assert.deepEqual(expected.done, deeds[fail]);
		assert.equal(expected.state, fail === "" ? "completed" : "failed");
		for (let stored = 0; stored < events; stored++) {
			const { events: _, ...survived } = await live(t, fail, stored);
			assert.deepEqual(survived, expected, `after ${stored} events`);
		}
		t.diagnostic(`${events} events`);
	});
}
