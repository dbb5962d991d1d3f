/**
 * What a run does next, as a function of its definition and its state. Pure: the embedded engine, a replay and a
 * durable engine elsewhere all get the same commands for the same state.
 *
 * Invariants
 * W1  A step starts once: never when it is already among `run.steps`.
 * W2  A step starts or is skipped only when all its needs are completed or skipped.
 * W3  After a failed or cancelled step, and after an expression that cannot be evaluated, nothing new starts; when
 *     nothing runs any more the run fails. The reason is derived again from the state each time, never remembered.
 * W4  A running run with no running step always gets a command; anything else is an impossible state and throws.
 */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import { MAX_ITEMS, type WorkflowDefinition } from "./definition.ts";
import { nameType, type Scope } from "./expression.ts";
import { type Plan, planOf, type StepPlan } from "./plan.ts";
import type { Command, Run, RunStep } from "./run.ts";

/** A step as expressions see it. */
type View = { state: string; output: Json; outputs: Json };

/**
 * The commands that follow from this state, to be carried out in order; none while only running steps can change it.
 *
 * A `start` with no inputs belongs to a `forEach` over an empty list: the step is completed with no outputs at once.
 * Inputs and outputs may share parts with the run and the definition: read them, never change them.
 */
export function decide(definition: WorkflowDefinition, run: Run): Command[] {
	if (run.state !== "running") return [];
	const plan = planOf(definition);
	const active = countRunning(run);
	const broken = plan.steps.map(({ step }) => step.id).filter((id) => isBroken(stepOf(run, id)));
	if (broken.length > 0) return active > 0 ? [] : [{ kind: "fail", error: stepFailed(run, broken) }];
	try {
		const commands = proceed(plan, run);
		if (commands.length === 0 && active === 0) throw stuck(definition, run);
		return commands;
	} catch (error) {
		if ((error as MusterError).code !== "E_EXPRESSION") throw error;
		return active > 0 ? [] : [{ kind: "fail", error: toErrorData(error) }];
	}
}

function proceed(plan: Plan, run: Run): Command[] {
	const commands: Command[] = [];
	// What this call skips or completes at once, seen by the steps after it.
	const views = plan.steps.map(({ step }) => viewOf(stepOf(run, step.id)));
	const begun = plan.steps.map(({ step }) => stepOf(run, step.id) !== undefined);
	for (let changed = true; changed; ) {
		changed = false;
		for (const [place, planned] of plan.steps.entries()) {
			if (begun[place] || !planned.needs.every((need) => views[need] !== undefined)) continue;
			const command = beginStep(plan, planned, views, run);
			begun[place] = true;
			views[place] = viewAfter(command);
			changed ||= views[place] !== undefined;
			commands.push(command);
		}
	}
	if (views.every((view) => view !== undefined)) {
		const outputs = named("The outputs", () => plan.outputs(scopeOf(plan, plan.sees, views, run)));
		commands.push({ kind: "complete", outputs: outputs as { [name: string]: Json } });
	}
	return commands;
}

type Begin = Extract<Command, { kind: "start" | "skip" }>;

function beginStep(plan: Plan, { step, sees, condition, items, input }: StepPlan, views: Views, run: Run): Begin {
	const scope = scopeOf(plan, sees, views, run);
	if (condition && !named(`The "if" of step "${step.id}"`, () => condition(scope))) {
		return { kind: "skip", step: step.id };
	}
	const fill = (with_: Scope): Json => named(`The "with" of step "${step.id}"`, () => input(with_));
	if (items === undefined || step.forEach === undefined) {
		return { kind: "start", step: step.id, each: false, inputs: [fill(scope)] };
	}
	const list = checkList(
		step.id,
		named(`The "forEach" of step "${step.id}"`, () => items(scope)),
	);
	const name = step.forEach.as;
	const inputs = list.map((item, index) => fill({ ...scope, [name]: item, index }));
	return { kind: "start", step: step.id, each: true, inputs };
}

function checkList(id: string, list: Json): Json[] {
	if (Array.isArray(list) && list.length <= MAX_ITEMS) return list;
	const problem = Array.isArray(list)
		? `${list.length} items; ${MAX_ITEMS} are allowed`
		: `${nameType(list)}, not a list`;
	const hint = Array.isArray(list)
		? "Give several items to one task."
		: "A list is, for example, steps.a.outputs or [1, 2].";
	const where = `The "forEach" of step "${id}"`;
	throw new MusterError("E_EXPRESSION", `${where} goes over ${problem}`, { hint, details: { where, reason: problem } });
}

type Views = readonly (View | undefined)[];

function scopeOf(plan: Plan, sees: readonly number[], views: Views, run: Run): { [name: string]: Json } {
	const steps: { [id: string]: Json } = {};
	for (const place of sees) {
		const view = views[place];
		if (view !== undefined) steps[(plan.steps[place] as StepPlan).step.id] = view;
	}
	return { inputs: run.inputs, steps, run: { id: run.id } };
}

const SKIPPED: View = { state: "skipped", output: null, outputs: [] };

/** Undefined until the step is completed or skipped. */
function viewOf(step: RunStep | undefined): View | undefined {
	if (step?.state === "skipped") return SKIPPED;
	if (step?.state !== "completed") return undefined;
	const outputs = step.outputs as Json[];
	return { state: "completed", output: step.each ? outputs : (outputs[0] ?? null), outputs };
}

function viewAfter(command: Begin): View | undefined {
	if (command.kind === "skip") return SKIPPED;
	return command.inputs.length === 0 ? { state: "completed", output: [], outputs: [] } : undefined;
}

const stepOf = (run: Run, id: string): RunStep | undefined =>
	Object.hasOwn(run.steps, id) ? run.steps[id] : undefined;

const isBroken = (step: RunStep | undefined): boolean => step?.state === "failed" || step?.state === "cancelled";

function countRunning(run: Run): number {
	let running = 0;
	for (const id in run.steps) if (run.steps[id]?.state === "running") running++;
	return running;
}

/** Runs `work` and says in an error of an expression where it stands. */
function named<Value>(what: string, work: () => Value): Value {
	try {
		return work();
	} catch (thrown) {
		const error = thrown as MusterError;
		if (error.code !== "E_EXPRESSION") throw thrown;
		throw new MusterError("E_EXPRESSION", `${what} cannot be evaluated: ${error.message}`, {
			hint: error.hint,
			details: { ...error.details, where: what },
		});
	}
}

function stepFailed(run: Run, broken: string[]): ErrorData {
	const step = broken.find((id) => stepOf(run, id)?.state === "failed") ?? (broken[0] as string);
	const { state, error } = stepOf(run, step) as RunStep;
	const others = broken.length > 1 ? ` (and ${broken.length - 1} more)` : "";
	const failure = new MusterError(
		"E_STEP_FAILED",
		`Step "${step}" ${state === "cancelled" ? "was cancelled" : state}${error ? `: ${error.message}` : ""}${others}`,
		{
			hint: error?.hint,
			details: { step, ...(error && { code: error.code }), ...(broken.length > 1 && { steps: broken.slice(0, 100) }) },
		},
	);
	const data = toErrorData(failure);
	if (error !== undefined) data.cause = { name: error.code, message: error.message };
	return data;
}

function stuck(definition: WorkflowDefinition, run: Run): MusterError {
	return new MusterError(
		"E_INTERNAL",
		`run ${run.id} of "${definition.name}" cannot go on: its steps wait for each other`,
	);
}
