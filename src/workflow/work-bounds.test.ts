/** How much the expressions of a run may do, at a time and in all. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryHost } from "../../test/memory-host.ts";
import { Play } from "../../test/play.ts";
import { workDone } from "./cel-budget.ts";
import { decide } from "./decide.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";

const flow = (...steps: StepDefinition[]): WorkflowDefinition => ({
	...{ name: "t", inputs: { xs: { type: "array" } }, steps, outputs: {} },
});

const count = (length: number): number[] => Array.from({ length }, (_, i) => i);
const x = (expression: string): string => `$\{{ ${expression} }}`;

/** What it costs: about the square of the length of the list, twice. */
const square = (more = "0"): string => `inputs.xs.exists(a, inputs.xs.exists(b, b == a + 1000 + ${more}))`;

/** The work of expressions meanwhile. */
function costOf(act: () => void): number {
	const before = workDone();
	act();
	return workDone() - before;
}

describe("items of a forEach", () => {
	it("that read the same list do not pay for it again and again", () => {
		const list = count(5_000);
		const before: StepDefinition = {
			...{ id: "w", needs: [], skill: "work", with: 1 },
			forEach: { in: list, as: "i", onFailure: "best-effort" },
		};
		const forEach = { in: list, as: "i", parallel: 50 };
		const after: StepDefinition = { id: "z", needs: ["w"], skill: "work", forEach, with: x("steps.w.outputs[i]") };
		const play = new Play(flow(before, after));
		play.go();
		for (const { path, index } of play.leaves()) {
			if (index === 7)
				play.fail(path, index); // a list with a gap is the same list for all of them as well
			else play.complete(path, index, index);
		}
		assert.equal(play.run.steps.w?.state, "completed");
		const cost = costOf(() => {
			for (let done = 0; done < 500; done++) play.complete("z", done, done);
		});
		assert.equal(play.state.tasks.get("run-1.z.520")?.input, 520);
		assert.ok(cost < 50_000, `${cost} for 500 items of a list of 5,000`);
	});

	it("are in as many waves as their work needs", () => {
		const each: StepDefinition = {
			...{ id: "a", needs: [], skill: "work", with: x(square("i")) },
			forEach: { in: count(30), as: "i" },
		};
		const play = new Play(flow(each), { xs: count(300) });
		const commands = decide(play.definition, play.run);
		const items = commands.filter(({ kind }) => kind === "item").length;
		assert.ok(items >= 1 && items < 20, `${items} items in one wave`);
		assert.deepEqual(commands.at(-1), { kind: "more", step: "a" });
		play.go();
		assert.equal(play.leaves().length, 30);
	});

	it("fail their step when all of them together need too much", () => {
		const each: StepDefinition = {
			...{ id: "a", needs: [], skill: "work", with: x("inputs.xs.map(n, n + i)") },
			forEach: { in: count(100), as: "i", onFailure: "best-effort", parallel: 10 },
		};
		const play = new Play(flow(each), { xs: count(100) });
		play.stepWork = 10_000;
		play.go();
		for (let done = 0; play.run.state === "running" && done < 100; done++) play.complete("a", null, done);
		assert.equal(play.run.state, "failed");
		assert.equal(play.run.steps.a?.error?.code, "E_EXPRESSION");
		assert.match(
			play.run.error?.message ?? "",
			/The expressions of step "a", with those inside of it, need too much work/,
		);
	});
});

it("the steps inside of a group count for it", () => {
	const inside: StepDefinition = { id: "w", needs: [], if: "size(inputs.xs.map(n, n + i)) < 0", skill: "work" };
	const group: StepDefinition = { id: "g", needs: [], forEach: { in: count(100), as: "i" }, steps: [inside] };
	const play = new Play(flow(group), { xs: count(100) }, [], { commands: 10, work: 1_000_000 });
	play.stepWork = 10_000;
	play.go();
	assert.equal(play.run.steps.g?.error?.code, "E_EXPRESSION");
});

it("the expressions of one template share a budget", () => {
	const inputs = Object.fromEntries(count(40).map((i) => [`k${i}`, x(square(String(i)))]));
	const play = new Play(flow({ id: "a", needs: [], skill: "work", with: inputs }), { xs: count(300) });
	const cost = costOf(() => play.go());
	assert.equal(play.run.steps.a?.error?.code, "E_EXPRESSION");
	assert.ok(cost < 3_500_000, `it did ${cost}`);
});

it("an event with many filters lets others have their turns", async (t) => {
	const filter = `${square("event.data")} || event.data == 1`;
	const wait: StepDefinition = { id: "a", needs: [], wait: { event: { type: "e", filter } } };
	const host = await MemoryHost.open(t, { skills: [] });
	const runs: string[] = [];
	for (let i = 0; i < 20; i++) runs.push(await host.orchestrator.startRun(flow(wait), { xs: count(300) }));
	let turns = 0;
	let isOver = false;
	const turn = (): void => {
		turns++;
		if (!isOver) setImmediate(turn);
	};
	turn();
	const { waits } = await host.orchestrator.sendEvent({ type: "e", data: 1 });
	isOver = true;
	assert.equal(waits, 20);
	assert.ok(turns >= 4, `${turns} turns`);
	for (const id of runs) assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
});
