import assert from "node:assert/strict";
import { test } from "node:test";
import { broke, Play } from "../../test/play.ts";
import type { Json } from "../json.ts";
import { decide } from "./decide.ts";
import { type ForEachDefinition, MAX_ITEMS, type StepDefinition, type WorkflowDefinition } from "./definition.ts";
import type { Command } from "./run.ts";

const x = (expression: string): string => `$\{{ ${expression} }}`;

const step = (id: string, needs: string[] = [], more: Partial<StepDefinition> = {}): StepDefinition => {
	const what = more.wait ?? more.loop ?? more.steps ?? more.workflow;
	return { id, needs, ...(what === undefined && { skill: "work", with: {} }), ...more };
};

const flow = (
	steps: StepDefinition[],
	outputs: Record<string, Json> = {},
	more: Partial<WorkflowDefinition> = {},
): WorkflowDefinition => ({ name: "flow", inputs: {}, steps, outputs, ...more });

const task = (id: string, ...inputs: Json[]): Command[] => [
	{ kind: "start", step: id, each: false, total: inputs.length },
	...inputs.map((input, index): Command => ({ kind: "item", step: id, index, input })),
];

/** `a` begins, `-a` is skipped, `!a` fails, `~a` is cancelled, `a.1.` begins as a frame. */
const marks = { skipped: "-", failed: "!", cancelled: "~", completed: "+" };
const brief = (commands: Command[]): string =>
	commands
		.flatMap((command) => {
			if (command.kind === "start") return [command.step];
			if (command.kind === "end") return [marks[command.state] + command.step];
			if (command.kind === "item" && command.input === undefined) return [`${command.step}.${command.index}.`];
			return command.kind === "complete" || command.kind === "fail" ? [command.kind] : [];
		})
		.join(" ");

const failure = (commands: Command[]) => {
	const command = commands.at(-1);
	assert.ok(command?.kind === "fail", brief(commands));
	return command.error;
};

test("steps without needs start at once, in the order of the file, and others after theirs", () => {
	const play = new Play(flow([step("c", ["a", "b"]), step("a"), step("b")]));
	assert.equal(brief(play.go()), "a b");
	assert.equal(brief(play.complete("a")), "");
	assert.equal(brief(play.complete("b")), "c");
});

test("a step gets its inputs from the run's inputs and the outputs of steps before it", () => {
	const steps = [
		step("a", [], { with: { topic: x("inputs.topic") } }),
		step("b", ["a"], { with: [x("steps.a.output.n + 1"), x("run.id")] }),
	];
	const play = new Play(flow(steps, { sum: x("steps.b.output"), states: x("steps.a.state") }), { topic: "tea" });
	assert.deepEqual(play.go(), task("a", { topic: "tea" }));
	assert.deepEqual(play.complete("a", { n: 1 }), task("b", [2, "run-1"]));
	const outputs = { sum: "end", states: "completed" };
	assert.deepEqual(play.complete("b", "end"), [{ kind: "complete", outputs }]);
	assert.deepEqual(decide(play.definition, play.run), []);
});

test("a forEach step is one item for each of its list, and its outputs keep their order", () => {
	const steps = [
		step("a", [], { forEach: { in: x("inputs.list"), as: "word" }, with: x("string(index) + word") }),
		step("b", ["a"], { with: x("steps.a.outputs") }),
	];
	const play = new Play(flow(steps, { last: x("steps.a.output") }), { list: ["p", "q"] });
	assert.deepEqual(play.go(), [
		{ kind: "start", step: "a", each: true, total: 2 },
		{ kind: "item", step: "a", index: 0, input: "0p" },
		{ kind: "item", step: "a", index: 1, input: "1q" },
	]);
	assert.deepEqual(play.complete("a", "Q", 1), []);
	assert.deepEqual(play.complete("a", "P", 0), task("b", ["P", "Q"]));
	assert.deepEqual(play.complete("b", 0), [{ kind: "complete", outputs: { last: ["P", "Q"] } }]);
});

test("a forEach over an empty list is over at once, and what needs it begins", () => {
	const steps = [
		step("a", [], { forEach: { in: [], as: "item" } }),
		step("b", ["a"], { with: [x("steps.a.outputs"), x("steps.a.output"), x("steps.a.state")] }),
	];
	const empty: Command = { kind: "start", step: "a", each: true, total: 0 };
	assert.deepEqual(new Play(flow(steps)).go(), [empty, ...task("b", [[], [], "completed"])]);
});

test("an if that is false skips the step, and a skipped step satisfies needs and has the output null", () => {
	const steps = [
		step("z", ["b"], { with: [x("steps.b.output"), x("steps.b.state"), x("steps.b.outputs")] }),
		step("a"),
		step("b", ["a"], { if: "steps.a.output > 3" }),
	];
	const play = new Play(flow(steps));
	play.go();
	const commands = play.complete("a", 1);
	assert.deepEqual(commands, [{ kind: "end", step: "b", state: "skipped" }, ...task("z", [null, "skipped", []])]);
});

test("a run whose every step is skipped completes without a task", () => {
	const steps = [step("b", ["a"], { if: "steps.a.state != 'skipped'" }), step("a", [], { if: "false" })];
	assert.equal(brief(new Play(flow(steps)).go()), "-a -b complete");
});

test("after a failed step nothing new starts, and when nothing runs any more the run fails with its error", () => {
	const play = new Play(flow([step("a"), step("b"), step("c", ["b"]), step("d", ["a"])]));
	play.go();
	assert.equal(brief(play.fail("a")), "");
	const error = failure(play.complete("b"));
	assert.equal(error.code, "E_STEP_FAILED");
	assert.equal(error.message, 'Step "a" failed: it broke');
	assert.deepEqual(error.cause, { name: "E_SKILL_FAILED", message: "it broke" });
	assert.deepEqual(error.details, { step: "a", code: "E_SKILL_FAILED" });
});

test("when a step fails, waits and inner runs are given up, also deep inside, and tasks come to their end", () => {
	const inside = [step("wait", [], { wait: { signal: "go" } }), step("next", ["wait"])];
	const steps = [step("a"), step("task"), step("group", [], { steps: inside }), step("run", [], { workflow: "other" })];
	const other = flow([step("a")], {}, { name: "other" });
	const play = new Play(flow(steps), {}, [other]);
	assert.equal(brief(play.go()), "a task group group.0. run group.0.wait");
	assert.equal(brief(play.fail("a")), "~group.0.wait ~run");
	assert.equal(play.run.steps.group?.state, "failed");
	assert.equal(failure(play.complete("task")).message, 'Step "a" failed: it broke (2 more did not complete)');
});

test("an expression that cannot be evaluated fails its step, and with it the run once nothing runs", () => {
	const bad = { with: { deep: [x("steps.a.output.missing")] } };
	const play = new Play(flow([step("a"), step("b"), step("c", ["a"], bad), step("d", ["a"])]));
	play.go();
	assert.equal(brief(play.complete("a", {})), "!c d");
	play.complete("d");
	const error = failure(play.complete("b"));
	assert.equal(error.details?.code, "E_EXPRESSION");
	assert.match(error.message, /^Step "c" failed: The "with" of step "c" cannot be evaluated: No such key: missing\n/);
});

test("an if that is not true or false, a forEach over no list and one over too many items fail with a clear message", () => {
	const cases: [Partial<StepDefinition>, RegExp][] = [
		[{ if: "inputs.n" }, /"if" of step "a" .* a number, not true or false/],
		[{ forEach: { in: x("inputs.n"), as: "i" } }, /"forEach" of step "a" goes over a number, not a list/],
		[{ forEach: { in: x("inputs.long"), as: "i" } }, /goes over 20001 items; 20000 are allowed/],
		[{ with: x("1 +") }, /"with" of step "a" cannot be evaluated/],
		[{ wait: { durationMs: x("'soon'") } }, /the wait of step "a" is "soon", which is not a duration/],
		[{ forEach: { in: [1], as: "i", onFailure: { quorum: 2 } } }, /"a" needs 2 items to complete and has 1/],
	];
	const inputs = { n: 1, long: Array.from({ length: MAX_ITEMS + 1 }, () => 0) };
	for (const [more, message] of cases) {
		assert.match(failure(new Play(flow([step("a", [], more)]), inputs).go()).message, message);
	}
});

test("an item whose input cannot be evaluated fails alone, and those beside it come to their end", () => {
	const forEach: ForEachDefinition = { in: [1, 0, 2], as: "n", onFailure: "continue" };
	const play = new Play(flow([step("a", [], { forEach, with: x("6 / n") })]));
	play.go();
	assert.equal(brief(play.complete("a", null, 0)), "");
	assert.match(failure(play.complete("a", null, 2)).message, /[Dd]ivision by zero/);
	assert.deepEqual(
		play.run.steps.a?.missing?.map(({ index }) => index),
		[1],
	);
	assert.equal(play.run.steps.a?.done, 2);
});

test("an item that cannot begin does not make one that runs count as over", () => {
	const play = new Play(flow([step("a", [], { forEach: { in: [1, 0], as: "n" }, with: x("6 / n") })]));
	play.go();
	assert.equal(play.run.steps.a?.state, "running");
	assert.equal(brief(play.complete("a", null, 0)), "fail");
});

test("outputs that cannot be evaluated fail the run", () => {
	const play = new Play(flow([step("a")], { o: x("steps.a.output.missing") }));
	play.go();
	assert.match(failure(play.complete("a", {})).message, /^The outputs cannot be evaluated/);
});

test("steps that wait for each other are an impossible state", () => {
	const misfit = { code: "E_RUN_MISFIT" };
	assert.throws(() => new Play(flow([step("a", ["b"]), step("b", ["a"])])).go(), misfit);
	assert.throws(() => new Play(flow([step("a", ["nobody"])])).go(), misfit);
});

test("a record with a step that the definition does not have is a misfit", () => {
	const play = new Play(flow([step("a")]));
	play.go();
	play.emit({ type: "step.ended", at: 0, run: "run-1", step: "b", state: "failed", error: broke });
	assert.throws(() => decide(play.definition, play.run, ["b"]), { code: "E_RUN_MISFIT" });
});

test("steps named like members of every object are ordinary steps", () => {
	const play = new Play(flow([step("toString"), step("valueOf", ["toString"], { with: x("steps.toString.output") })]));
	assert.equal(brief(play.go()), "toString");
	assert.deepEqual(play.complete("toString", 1), task("valueOf", 1));
});

test("an expression over all steps sees those before it, and no others that happen to be over", () => {
	const play = new Play(flow([step("a"), step("b"), step("c", ["b"], { with: x("size(steps)") })]));
	play.go();
	play.complete("a");
	assert.deepEqual(play.complete("b"), task("c", 1));
});

test("two waits for one signal that begin together take two signals, the older one first", () => {
	const wait = { wait: { signal: "go" } };
	const play = new Play(flow([step("a"), step("x", ["a"], wait), step("y", ["a"], wait)], { all: x("steps") }));
	play.go();
	play.run.signals = [
		{ name: "go", data: 1 },
		{ name: "go", data: 2 },
	];
	play.complete("a");
	assert.deepEqual([play.run.steps.x?.outputs, play.run.steps.y?.outputs], [[1], [2]]);
	assert.deepEqual(play.run.signals, []);
});

test("a round that is over is not ended again when all of the run is looked at", () => {
	const loop = { max: 3, steps: [step("inner")] };
	const play = new Play(flow([step("again", [], { loop }), step("beside")]));
	play.go();
	assert.equal(brief(play.complete("again.0.inner")), "again.1. again.1.inner");
	assert.deepEqual(decide(play.definition, play.run), []);
});

test("nothing begins in an item whose step is over by the same wave", () => {
	const steps = [step("a"), step("b", ["a"])];
	const forEach = { in: [1, 2], as: "n", onFailure: { quorum: 1 } };
	const play = new Play(flow([step("g", [], { forEach, steps })]));
	play.go();
	play.complete("g.0.a");
	play.settle({ path: "g.0.b", index: 0 }, { output: 1 });
	play.settle({ path: "g.1.a", index: 0 }, { output: 1 });
	assert.equal(brief(play.go(["g.0.b", "g.1.a"])), "g.1.b complete");
	assert.equal(play.run.steps["g.1.b"], undefined);
});

test("an item that its step did not wait for ends nothing when the list around it is over", () => {
	const quorum = (id: string) => step(id, [], { forEach: { in: [1, 2], as: "m", onFailure: { quorum: 1 } } });
	const each = step("each", [], { forEach: { in: [1, 2], as: "n" }, steps: [quorum("a")] });
	const again = step("again", [], { loop: { max: 2, steps: [quorum("b")] } });
	const play = new Play(flow([each, again, step("other")]));
	play.go();
	play.complete("each.0.a");
	assert.equal(brief(play.complete("again.0.b")), "again.1. again.1.b");
	assert.equal(brief(play.fail("other")), "");
	assert.equal(brief(play.fail("each.0.a", 1)), "");
	assert.equal(brief(play.fail("again.0.b", 1)), "");
	assert.equal(play.run.steps.each?.state, "running");
	play.complete("each.1.a");
	assert.equal(brief(play.complete("again.1.b")), "~again fail");
});

test("an item that has ended does not end a second time", () => {
	const forEach: ForEachDefinition = { in: [1, 2, 3], as: "n" };
	const play = new Play(flow([step("g", [], { forEach, steps: [step("a")] }), step("t", [], { forEach })]));
	play.go();
	play.complete("g.0.a");
	play.complete("t", null, 0);
	play.fail("t", 1);
	const twice = { code: "E_INTERNAL", message: /has ended already/ };
	for (const [path, index] of [["g", 0] as const, ["t", 0] as const, ["t", 1] as const]) {
		const end = () => play.emit({ type: "item.ended", at: 0, run: "run-1", step: path, index, output: 1 });
		assert.throws(end, twice);
	}
});

test("items are undone last first, as many at the same time as were done, and one that cannot be holds up no other", () => {
	const forEach: ForEachDefinition = { in: ["a", "b", "c", "d", "e"], as: "n", parallel: 2, onFailure: "best-effort" };
	const compensate = { skill: "undo", with: [x("n"), x("index"), x("output.id")] };
	const play = new Play(flow([step("pay", [], { forEach, compensate }), step("send", ["pay"])]));
	play.go();
	for (const [index, name] of ["a", "b", "c"].entries()) play.complete("pay", { id: name }, index);
	play.fail("pay", 3);
	play.complete("pay", {}, 4);
	const undone = (index: number, input: Json) => ({ kind: "item", step: "pay.compensate", index, input });
	const [start, broken, next] = play.fail("send");
	assert.deepEqual(start, { kind: "start", step: "pay.compensate", each: true, total: 4, late: true });
	assert.deepEqual([broken?.kind, broken?.kind === "item-end" && broken.error?.code], ["item-end", "E_EXPRESSION"]);
	assert.deepEqual(next, undone(1, ["c", 2, "c"]));
	assert.equal(play.run.steps["pay.compensate"]?.begun, 3, "in place of the one that cannot be undone");
	assert.deepEqual(play.complete("pay.compensate", null, 2), [undone(3, ["a", 0, "a"])]);
	play.complete("pay.compensate", null, 1);
	const error = failure(play.complete("pay.compensate", null, 3));
	assert.match(error.message, /could not be undone: pay/);
});

test("compensation, onFailure and finally follow each other after a failure", () => {
	const undo = (id: string) => ({ compensate: { skill: "undo", with: x(`steps.${id}.output`) } });
	const steps = [step("a", [], undo("a")), step("b", ["a"], undo("b")), step("c", ["b"])];
	const onFailure = [step("tell", [], { with: [x("error.step"), x("error.code"), x("steps.a.state")] })];
	const last = [step("clean", [], { with: x("run.state") })];
	const play = new Play(flow(steps, {}, { onFailure, finally: last }));
	play.go();
	play.complete("a", "A");
	play.complete("b", "B");
	const undoing = (id: string, input: Json): Command[] => [
		{ kind: "start", step: `${id}.compensate`, each: false, total: 1, late: true },
		{ kind: "item", step: `${id}.compensate`, index: 0, input },
	];
	assert.deepEqual(play.fail("c"), undoing("b", "B"));
	assert.deepEqual(play.complete("b.compensate"), undoing("a", "A"));
	assert.deepEqual(play.fail("a.compensate"), task("onFailure.tell", ["c", "E_SKILL_FAILED", "completed"]));
	assert.deepEqual(play.complete("onFailure.tell"), task("finally.clean", "failed"));
	const error = failure(play.complete("finally.clean"));
	assert.match(error.message, /^Step "c" failed: it broke; what these steps did could not be undone: a$/);
	assert.deepEqual(error.details?.notCompensated, [{ step: "a", message: "it broke" }]);
});

test("many steps that fail or are undone one after the other are no work that grows with their square", {
	timeout: 20_000,
}, () => {
	const ids = Array.from({ length: 10_000 }, (_, place) => `s${place}`);
	const undone = ids.map((id) => step(id, [], { compensate: { skill: "undo", with: {} } }));
	const saga = new Play(flow([...undone, step("last", ids)]));
	saga.go();
	for (const id of ids) saga.complete(id);
	saga.fail("last");
	for (const id of ids.toReversed()) saga.complete(`${id}.compensate`);
	assert.equal(saga.run.state, "failed");
	const forEach: ForEachDefinition = { in: ids, as: "n", onFailure: "best-effort" };
	const groups = new Play(flow([step("g", [], { forEach, steps: [step("a"), step("b")] })]));
	groups.go();
	for (const place of ids.keys()) {
		groups.fail(`g.${place}.a`);
		groups.complete(`g.${place}.b`);
	}
	assert.equal(groups.run.state, "completed");
});
