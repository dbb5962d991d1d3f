import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../json.ts";
import { decide } from "./decide.ts";
import { MAX_ITEMS, type StepDefinition, type WorkflowDefinition } from "./definition.ts";
import type { Command, Run, RunStep, StepState } from "./run.ts";

const x = (expression: string): string => `$\{{ ${expression} }}`;

const step = (id: string, needs: string[] = [], more: Partial<StepDefinition> = {}): StepDefinition => ({
	id,
	skill: "work",
	needs,
	with: {},
	...more,
});

const flow = (steps: StepDefinition[], outputs: Record<string, Json> = {}): WorkflowDefinition => ({
	name: "flow",
	inputs: {},
	steps,
	outputs,
});

const newRun = (inputs: Run["inputs"] = {}): Run => ({
	id: "run-1",
	workflow: "flow",
	hash: "",
	inputs,
	state: "running",
	createdAt: 0,
	steps: {},
});

const runStep = (state: StepState, total: number, each: boolean): RunStep => ({
	state: total === 0 ? "completed" : state,
	total,
	each,
	outputs: [],
	done: 0,
	failed: 0,
	startedAt: 0,
});

/** What the fold of the events does with a command. */
function apply(run: Run, command: Command): void {
	if (command.kind === "start") run.steps[command.step] = runStep("running", command.inputs.length, command.each);
	else if (command.kind === "skip") run.steps[command.step] = runStep("skipped", 1, false);
	else if (command.kind === "complete") Object.assign(run, { state: "completed", outputs: command.outputs });
	else Object.assign(run, { state: "failed", error: command.error });
}

function finish(run: Run, id: string, outputs: Json[], state: StepState = "completed"): void {
	const done = run.steps[id] as RunStep;
	Object.assign(done, { state, outputs });
	if (state === "failed") done.error = { code: "E_SKILL_FAILED", message: "it broke", retryable: true };
}

function go(definition: WorkflowDefinition, run: Run): Command[] {
	const commands = decide(definition, run);
	for (const command of commands) apply(run, command);
	return commands;
}

const start = (id: string, ...inputs: Json[]): Command => ({ kind: "start", step: id, each: false, inputs });
const brief = (commands: Command[]): string[] =>
	commands.map((command) => `${command.kind}${"step" in command ? ` ${command.step}` : ""}`);
const failure = (commands: Command[]) => {
	const [command] = commands;
	assert.equal(commands.length, 1);
	assert.ok(command?.kind === "fail", brief(commands).join());
	return command.error;
};

test("steps without needs start at once, in the order of the file, and others after theirs", () => {
	const definition = flow([step("c", ["a", "b"]), step("a"), step("b")]);
	const run = newRun();
	assert.deepEqual(brief(go(definition, run)), ["start a", "start b"]);
	finish(run, "a", [1]);
	assert.deepEqual(go(definition, run), []);
	finish(run, "b", [2]);
	assert.deepEqual(brief(go(definition, run)), ["start c"]);
});

test("a step gets its inputs from the run's inputs and the outputs of steps before it", () => {
	const definition = flow(
		[
			step("a", [], { with: { topic: x("inputs.topic") } }),
			step("b", ["a"], { with: [x("steps.a.output.n + 1"), x("run.id")] }),
		],
		{ sum: x("steps.b.output"), states: x("steps.a.state") },
	);
	const run = newRun({ topic: "tea" });
	assert.deepEqual(go(definition, run), [start("a", { topic: "tea" })]);
	finish(run, "a", [{ n: 1 }]);
	assert.deepEqual(go(definition, run), [start("b", [2, "run-1"])]);
	finish(run, "b", ["end"]);
	assert.deepEqual(go(definition, run), [{ kind: "complete", outputs: { sum: "end", states: "completed" } }]);
	assert.deepEqual(decide(definition, run), []);
});

test("a forEach step is one task for each item, and its outputs keep their order", () => {
	const definition = flow(
		[
			step("a", [], { forEach: { in: x("inputs.list"), as: "word" }, with: x("string(index) + word") }),
			step("b", ["a"], { with: x("steps.a.outputs") }),
		],
		{ last: x("steps.a.output") },
	);
	const run = newRun({ list: ["p", "q"] });
	assert.deepEqual(go(definition, run), [{ kind: "start", step: "a", each: true, inputs: ["0p", "1q"] }]);
	finish(run, "a", ["P", "Q"]);
	assert.deepEqual(go(definition, run), [start("b", ["P", "Q"])]);
	finish(run, "b", [0]);
	assert.deepEqual(go(definition, run), [{ kind: "complete", outputs: { last: ["P", "Q"] } }]);
});

test("a forEach over an empty list is a start without inputs, and what needs it goes on in the same call", () => {
	const definition = flow([
		step("a", [], { forEach: { in: [], as: "item" } }),
		step("b", ["a"], { with: [x("steps.a.outputs"), x("steps.a.output"), x("steps.a.state")] }),
	]);
	const expected: Command[] = [{ kind: "start", step: "a", each: true, inputs: [] }, start("b", [[], [], "completed"])];
	assert.deepEqual(decide(definition, newRun()), expected);
});

test("an if that is false skips the step, and a skipped step satisfies needs and has the output null", () => {
	const definition = flow(
		[
			step("z", ["b"], { with: [x("steps.b.output"), x("steps.b.state"), x("steps.b.outputs")] }),
			step("a"),
			step("b", ["a"], { if: "steps.a.output > 3" }),
		],
		{},
	);
	const run = newRun();
	go(definition, run);
	finish(run, "a", [1]);
	assert.deepEqual(go(definition, run), [{ kind: "skip", step: "b" }, start("z", [null, "skipped", []])]);
});

test("a run whose every step is skipped completes in one call", () => {
	const definition = flow([step("b", ["a"], { if: "steps.a.state != 'skipped'" }), step("a", [], { if: "false" })]);
	assert.deepEqual(brief(decide(definition, newRun())), ["skip a", "skip b", "complete"]);
});

test("after a failed step nothing new starts, and when nothing runs any more the run fails with its error", () => {
	const definition = flow([step("a"), step("b"), step("c", ["b"]), step("d", ["a"])]);
	const run = newRun();
	go(definition, run);
	finish(run, "a", [], "failed");
	assert.deepEqual(go(definition, run), []);
	finish(run, "b", [1]);
	const error = failure(go(definition, run));
	assert.equal(error.code, "E_STEP_FAILED");
	assert.equal(error.message, 'Step "a" failed: it broke');
	assert.deepEqual(error.cause, { name: "E_SKILL_FAILED", message: "it broke" });
	assert.deepEqual(error.details, { step: "a", code: "E_SKILL_FAILED" });
});

test("a cancelled step fails the run as well", () => {
	const definition = flow([step("a")]);
	const run = newRun();
	go(definition, run);
	finish(run, "a", [], "cancelled");
	assert.match(failure(go(definition, run)).message, /Step "a" was cancelled/);
});

test("an expression that cannot be evaluated fails the run once nothing runs, the same way each time it is asked", () => {
	const definition = flow([
		step("a"),
		step("b"),
		step("c", ["a"], { with: { deep: [x("steps.a.output.missing")] } }),
		step("d", ["a"]),
	]);
	const run = newRun();
	go(definition, run);
	finish(run, "a", [{}]);
	assert.deepEqual(go(definition, run), []);
	assert.deepEqual(Object.keys(run.steps), ["a", "b"]);
	finish(run, "b", [1]);
	const error = failure(decide(definition, run));
	assert.equal(error.code, "E_EXPRESSION");
	assert.match(
		error.message,
		/^The "with" of step "c" cannot be evaluated: No such key: missing\n {2}steps.a.output.missing\n/,
	);
	assert.deepEqual(decide(definition, run), decide(definition, run));
});

test("an if that is not true or false, a forEach over no list and one over too many items fail with a clear message", () => {
	const cases: [Partial<StepDefinition>, RegExp][] = [
		[{ if: "inputs.n" }, /"if" of step "a" .* a number, not true or false/],
		[{ forEach: { in: x("inputs.n"), as: "i" } }, /"forEach" of step "a" goes over a number, not a list/],
		[{ forEach: { in: x("inputs.long"), as: "i" } }, /goes over 10001 items; 10000 are allowed/],
		[{ with: x("1 +") }, /"with" of step "a" cannot be evaluated/],
	];
	const run = newRun({ n: 1, long: Array.from({ length: MAX_ITEMS + 1 }, () => 0) });
	for (const [more, message] of cases) {
		const error = failure(decide(flow([step("a", [], more)]), run));
		assert.equal(error.code, "E_EXPRESSION");
		assert.match(error.message, message);
	}
});

test("outputs that cannot be evaluated fail the run", () => {
	const run = newRun();
	const definition = flow([step("a")], { o: x("steps.a.output.missing") });
	go(definition, run);
	finish(run, "a", [{}]);
	assert.match(failure(go(definition, run)).message, /^The outputs cannot be evaluated/);
});

test("steps that wait for each other are an impossible state", () => {
	assert.throws(() => decide(flow([step("a", ["b"]), step("b", ["a"])]), newRun()), { code: "E_INTERNAL" });
	assert.throws(() => decide(flow([step("a", ["nobody"])]), newRun()), { code: "E_INTERNAL" });
});

test("steps named like members of every object are ordinary steps", () => {
	const definition = flow([step("toString"), step("valueOf", ["toString"], { with: x("steps.toString.output") })]);
	const run = newRun();
	assert.deepEqual(brief(go(definition, run)), ["start toString"]);
	finish(run, "toString", [1]);
	assert.deepEqual(go(definition, run), [start("valueOf", 1)]);
});

test("an expression over all steps sees those before it, and no others that happen to be over", () => {
	const definition = flow([step("a"), step("b"), step("c", ["b"], { with: x("size(steps)") })]);
	const run = newRun();
	go(definition, run);
	finish(run, "a", [1]);
	finish(run, "b", [1]);
	assert.deepEqual(go(definition, run), [start("c", 1)]);
});

/** Random graphs: each step may need any before it in a hidden order, then the file's order is shuffled. */
const graph = fc
	.array(
		fc.record({
			needs: fc.bigInt({ min: 0n, max: (1n << 12n) - 1n }),
			kind: fc.constantFrom("one", "each", "empty", "if", "if not"),
		}),
		{
			minLength: 1,
			maxLength: 12,
		},
	)
	.chain((nodes) => {
		const steps = nodes.map(({ needs, kind }, place) => {
			const ids = nodes.flatMap((_, other) => (other < place && (needs >> BigInt(other)) & 1n ? [`s${other}`] : []));
			const more: Partial<StepDefinition> = { with: { before: ids.map((id) => x(`steps.${id}.outputs`)) } };
			if (kind === "each") more.forEach = { in: [1, 2, 3], as: "n" };
			if (kind === "empty") more.forEach = { in: [], as: "n" };
			if (kind.startsWith("if"))
				more.if = ids[0] ? `steps.${ids[0]}.state ${kind === "if" ? "==" : "!="} "skipped"` : "false";
			return step(`s${place}`, ids, more);
		});
		return fc.shuffledSubarray(steps, { minLength: steps.length });
	});

test("every graph with every outcome ends, no step starts before its needs or twice, and a failure ends in failure", () => {
	fc.assert(
		fc.property(graph, fc.infiniteStream(fc.nat()), (steps, random) => {
			const definition = flow(steps, { all: steps.map(({ id }) => x(`steps.${id}.output`)) });
			const run = newRun();
			const begun = new Set<string>();
			for (let turn = 0; run.state === "running"; turn++) {
				assert.ok(turn <= steps.length * 2, "the run does not end");
				assert.deepEqual(decide(definition, structuredClone(run)), decide(definition, run));
				for (const command of decide(definition, run)) {
					if ("step" in command) {
						assert.ok(!begun.has(command.step), `${command.step} begins twice`);
						begun.add(command.step);
						for (const need of steps.find(({ id }) => id === command.step)?.needs ?? []) {
							assert.match(run.steps[need]?.state ?? "waiting", /completed|skipped/);
						}
					}
					apply(run, command);
				}
				const running = Object.keys(run.steps).filter((id) => run.steps[id]?.state === "running");
				if (running.length === 0) continue;
				const id = running[(random.next().value as number) % running.length] as string;
				const broken = (random.next().value as number) % 10 === 0;
				finish(run, id, Array(run.steps[id]?.total).fill(id), broken ? "failed" : "completed");
			}
			const failed = Object.values(run.steps).some(({ state }) => state === "failed");
			assert.equal(run.state, failed ? "failed" : "completed");
			if (!failed) assert.equal(begun.size, steps.length);
		}),
		{ numRuns: 500 },
	);
});
