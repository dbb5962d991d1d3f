/** What a run makes is bounded, however its definition multiplies it; no run can stop the others. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { Play } from "../../test/play.ts";
import { hasCode } from "../errors.ts";
import type { Event } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { lengthWithin } from "../json.ts";
import { defineSkill } from "../skill/skill.ts";
import { createState } from "../state.ts";
import { MAX_INNER_INPUTS, MAX_INNER_LIVE, MAX_INNER_RUNS } from "./bounds.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import { innerRun } from "./inner-run.ts";
import type { InnerRuns, Run } from "./run.ts";

const flow = (steps: StepDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
	...{ name: "t", inputs: {}, steps, outputs: {} },
	...more,
});

const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });

async function open(t: TestContext, workflows: WorkflowDefinition[] = [], maxTasks?: number): Promise<MemoryHost> {
	return MemoryHost.open(t, { skills: [echo], workflows, ...(maxTasks !== undefined && { maxTasks }) });
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

const count = (length: number): number[] => Array.from({ length }, (_, i) => i);

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
		assert.match(run.error?.message ?? "", /Step "g2\d" failed: The output of step "g2\d": more than \d+ characters/);
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

	it("count together with what people are asked", async (t) => {
		const wait = { approval: { title: "Well?", content: "${{ inputs.x }}" } };
		const ask = (i: number): StepDefinition => ({ id: `a${i}`, needs: [], wait });
		const definition = flow(count(100).map(ask), { inputs: { x: { type: "string" } } });
		const run = await endOf(await open(t), definition, { x: "x".repeat(900_000) });
		assert.equal(run.error?.details?.code, "E_OUTPUT_TOO_LARGE");
	});

	it("of inner runs together are bounded, and the inner run says so", async (t) => {
		const inner = flow([{ id: "w", needs: [], if: "false", skill: "echo" }], {
			...{ name: "inner", inputs: { x: { type: "string" } } },
			outputs: { x: Array(4).fill("${{ inputs.x }}") },
		});
		const forEach = { in: count(30), as: "i", parallel: 1 };
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

/** Runs itself once for each of 8, and all of them again. */
const itself = flow([{ id: "a", needs: [], workflow: "t", forEach: { in: count(8), as: "i", onFailure: "continue" } }]);

describe("runs inside of runs", () => {
	it("are no more than the queue may hold, and what is too much fails its step", async (t) => {
		const host = await open(t, [itself], 300);
		const run = await endOf(host, itself);
		assert.equal(run.state, "failed");
		const codes = host.history().flatMap((event) => (event.type === "item.ended" ? [event.error?.code] : []));
		assert.ok(codes.includes("E_QUEUE_FULL"));
		const live = host.history().reduce(
			({ now, most }, { type }) => {
				const next = now + (type === "run.created" ? 1 : /^run\.(completed|failed|cancelled)$/.test(type) ? -1 : 0);
				return { now: next, most: Math.max(next, most) };
			},
			{ now: 0, most: 0 },
		);
		assert.equal(live.now, 0);
		assert.ok(live.most <= 300, `${live.most} runs at the same time`);
	});

	it("have a bound for all that are inside of the outermost: at the same time, in all, and of their inputs", () => {
		const at = { id: "run_1.b.0.a", name: "t", step: "a", index: 0 };
		const begin = (inner: InnerRuns | undefined) => {
			const play = new Play(itself, {}, [itself]);
			const around = { id: "run_1.b.0", uses: { t: "t" }, parent: { id: "run_1", depth: 1 } } as unknown as Run;
			const outer = { id: "run_1", ...(inner && { inner }) } as Run;
			play.state.runs.set("run_1", outer);
			return innerRun(play.state, around, at, null).child.parent?.depth;
		};
		assert.equal(begin(undefined), 2);
		assert.equal(begin({ live: MAX_INNER_LIVE - 1, all: MAX_INNER_RUNS - 1, inputs: 0 }), 2);
		const refused = (inner: InnerRuns, text: RegExp): void => {
			assert.throws(
				() => begin(inner),
				(error) => hasCode(error, "E_STEP_FAILED") && text.test(error.message),
			);
		};
		refused({ live: MAX_INNER_LIVE, all: MAX_INNER_LIVE, inputs: 0 }, /10000 at the same time/);
		refused({ live: 0, all: MAX_INNER_RUNS, inputs: 0 }, /100000 in all/);
		refused({ live: 0, all: 1, inputs: MAX_INNER_INPUTS }, /characters of inputs/);
	});

	it("are counted in the outermost, whichever is around them", () => {
		const state = createState();
		const emit = (event: Event): void => apply(state, event, { task: () => undefined, run: () => undefined });
		const fresh = { at: 0, workflow: "t", hash: "t", inputs: { x: "x".repeat(100) } };
		const begin = (id: string, around?: string): void => {
			const parent = around === undefined ? {} : { parent: { id: around, step: "a", index: 0, depth: 1 } };
			emit({ type: "run.created", ...fresh, id, ...parent });
		};
		begin("run_1");
		begin("run_2");
		begin("run_1.a.0", "run_1");
		begin("run_1.a.0.a.3", "run_1.a.0");
		emit({ type: "run.completed", at: 0, id: "run_1.a.0.a.3", outputs: {} });
		assert.deepEqual(state.runs.get("run_1")?.inner, { live: 1, all: 2, inputs: 2 * 109 });
		assert.equal(state.runs.get("run_1.a.0")?.inner, undefined);
		assert.equal(state.runs.get("run_2")?.inner, undefined);
	});
});

describe("one turn of the event loop", () => {
	const wide = flow([
		{ id: "each", needs: [], forEach: { in: count(3_000), as: "i" }, steps: [{ id: "w", needs: [], skill: "echo" }] },
	]);

	it("holds a part of what a run begins, and the rest follows", async (t) => {
		const host = await open(t);
		const run = await endOf(host, wide);
		assert.equal(run.state, "completed");
		const most = Math.max(...host.store.batches.map((batch) => batch.count));
		assert.ok(most < 6_000, `${most} events in one batch`);
		const begun = host.history().filter((event) => event.type === "task.submitted" && event.task.run !== undefined);
		assert.equal(begun.length, 3_000);
	});

	it("may be the last one of the process: what was left begins after the start, once", async (t) => {
		const host = await open(t);
		void host.orchestrator.startRun(wide);
		while (host.history().length === 0) await turns(1);
		await host.restart();
		const id = host.history().flatMap((event) => (event.type === "run.created" ? [event.id] : []))[0] as string;
		const begunBefore = host.history().filter(({ type }) => type === "item.started").length;
		assert.ok(begunBefore < 3_000, "nothing was left");
		assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
		const ids = host.history().flatMap((event) => (event.type === "task.submitted" ? [event.task.id] : []));
		assert.equal(new Set(ids).size, 3_000);
		assert.equal(ids.length, 3_000);
	});
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
