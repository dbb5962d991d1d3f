/** What holds for every definition and every outcome, found out with random ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { definitions, inner } from "../../test/engine/random-flow.ts";
import { broke, Play } from "../../test/play.ts";
import { waveLimits } from "./bounds.ts";
import { decide } from "./decide.ts";
import type { WorkflowDefinition } from "./definition.ts";
import type { Wave } from "./embedded.ts";
import { planOf } from "./plan.ts";
import { type Command, isRunOver, type Run } from "./run.ts";
import { COMPENSATE, isDone, prefixOf, stepAt } from "./run-fold.ts";
import { stepOf } from "./scope.ts";

const RUNS = Number(process.env.DECIDE_RUNS ?? 1500);

const asSet = (commands: readonly Command[]): string[] => commands.map((command) => JSON.stringify(command)).sort();

/** W1-W3 and W5, and that looking at what changed finds all there is to find. */
function checkWave(definition: WorkflowDefinition, run: Run, { changed, commands }: Wave): void {
	// A wave that is full says so; what is in it depends on where it began.
	if (changed !== undefined && !commands.some(({ kind }) => kind === "more"))
		assert.deepEqual(asSet(commands), asSet(decide(definition, run)), "what changed is not all");
	for (const [path, { begun, done, failed }] of Object.entries(run.steps)) {
		if (path.endsWith(COMPENSATE)) continue;
		const { parallel = 1 } = stepOf(planOf(definition), path).planned.step.forEach ?? {};
		assert.ok(begun - done - failed <= parallel, `${path} has more than ${parallel} items at the same time`);
	}
	for (const command of commands) {
		if (command.kind === "start" || (command.kind === "end" && command.state === "skipped")) {
			assert.equal(stepAt(run, command.step), undefined, `W1: ${command.step} begins twice`);
			if (!command.step.endsWith(COMPENSATE)) checkBeginning(definition, run, command.step);
		}
		if (command.kind === "complete" || command.kind === "fail") checkEnd(definition, run, command.kind);
	}
}

function checkBeginning(definition: WorkflowDefinition, run: Run, path: string): void {
	const { planned, place } = stepOf(planOf(definition), path);
	for (const need of planned.step.needs) {
		assert.ok(isDone(stepAt(run, place.prefix + need)?.state ?? "running"), `W2: ${path} begins before ${need}`);
	}
	for (let at: typeof place | undefined = place; at !== undefined; at = at.around?.place) {
		assert.equal(run.frames[at.prefix]?.broken ?? 0, 0, `W3: ${path} begins in a broken list`);
	}
	const mainBroke = (run.frames[""]?.broken ?? 0) > 0;
	const order = ["onFailure.", "finally."].findIndex((prefix) => path.startsWith(prefix));
	if (order >= 0) assert.equal(run.frames[""]?.running, 0, `W5: ${path} begins while the main list runs`);
	if (order === 0) assert.ok(mainBroke, "W5: onFailure without a failure");
	if (order >= 0 && mainBroke) assert.deepEqual(toUndo(definition, run), [], `W5: ${path} begins before all is undone`);
}

/** Completed steps with a compensation that has not been made. */
function toUndo(definition: WorkflowDefinition, run: Run): string[] {
	return Object.entries(run.steps).flatMap(([path, { state }]) => {
		if (state !== "completed" || prefixOf(path) === COMPENSATE || /^(onFailure|finally)\./.test(path)) return [];
		const { compensate } = stepOf(planOf(definition), path).planned.step;
		const undone = stepAt(run, path + COMPENSATE)?.state;
		return compensate === undefined || (undone !== undefined && undone !== "running") ? [] : [path];
	});
}

function checkEnd(definition: WorkflowDefinition, run: Run, kind: "complete" | "fail"): void {
	const running = Object.entries(run.steps).filter(([, { state }]) => state === "running");
	assert.deepEqual(running, [], "the run ends while something runs");
	const broken = (run.frames[""]?.broken ?? 0) > 0;
	if (kind === "complete") assert.ok(!broken, "a broken run completes");
	if (broken) assert.deepEqual(toUndo(definition, run), []);
}

test("every definition with every outcome ends, keeps W1-W5, and is decided the same way again", () => {
	fc.assert(
		fc.property(definitions, fc.infiniteStream(fc.nat()), (definition, random) => {
			const next = (sides: number): number => (random.next().value as number) % sides;
			// Now and then a wave holds so little that most of it is left for the next ones.
			const limits = next(3) === 0 ? { commands: 1 + next(4), work: 1_000_000 } : waveLimits;
			const play = new Play(definition, { zero: 0 }, [inner], limits);
			play.onWave = (wave) => checkWave(definition, play.run, wave);
			const go = (changed: readonly string[]): void => {
				play.go(next(10) === 0 ? undefined : changed); // now and then as after a restart
				if (!isRunOver(play.run.state)) assert.deepEqual(decide(definition, play.run), [], "more follows at rest");
			};
			play.go();
			const undone = (): string[] =>
				play.commands.flatMap((c) => (c.kind === "start" && c.step.endsWith(COMPENSATE) ? [c.step] : []));
			for (let turn = 0; !isRunOver(play.run.state); turn++) {
				assert.ok(turn < 5_000, "the run does not end");
				const leaves = play.leaves();
				assert.ok(leaves.length > 0, "nothing runs, and the run is not over");
				const changed: string[] = [];
				for (let several = next(3); several >= 0; several--) {
					const leaf = leaves.splice(next(leaves.length), 1)[0];
					if (leaf === undefined) break;
					if (play.settle(leaf, next(8) === 0 ? { error: broke } : { output: turn })) changed.push(leaf.path);
				}
				const frames = Object.entries(play.run.steps).filter(
					([, { state, items }]) => state === "running" && items === "frame",
				);
				const late = next(30) === 0 ? frames[next(frames.length || 1)]?.[0] : undefined;
				if (late !== undefined) {
					play.emit({ type: "step.ended", at: 0, run: play.run.id, step: late, state: "failed", error: broke });
					changed.push(late);
				}
				go(changed);
			}
			const orders = undone().map((path) => play.run.steps[path.slice(0, -COMPENSATE.length)]?.order ?? 0);
			assert.deepEqual(
				orders,
				orders.toSorted((a, b) => b - a),
				"W5: the last one is undone first",
			);
			assert.deepEqual(decide(definition, play.run), []);
			const { told, again } = play.replay();
			assert.deepEqual(again, told);
		}),
		{ numRuns: RUNS },
	);
});
