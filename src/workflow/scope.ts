/**
 * What the expressions of a step see. Pure: the same run and path give the same scope.
 *
 * A step sees the steps of its own list that are over before it starts, then those that are over before the step around
 * its list starts, and so on outwards. In a loop it sees of the others what the round before made. What a scope gives may
 * share parts with the run, so nobody may change it.
 */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { MAX_ITEMS, type WorkflowDefinition } from "./definition.ts";
import { nameType, type Scope } from "./expression.ts";
import { type ListPlan, type Part, type Plan, planOf, type Reads, type StepPlan } from "./plan.ts";
import type { Run, RunStep } from "./run.ts";
import { COMPENSATE, prefixOf, stepAt } from "./run-fold.ts";

/** One list of steps under way: where it stands, and in which item or round of which step. */
export interface Place {
	list: ListPlan;
	prefix: string;
	/** The step around it. */
	around?: { planned: StepPlan; place: Place; path: string; index: number };
	/** Steps of the main list are seen too, whatever became of them: in onFailure and finally. */
	aftermath: boolean;
}

/** @throws E_RUN_MISFIT when the definition has no such list */
export function placeOf(plan: Plan, prefix: string): Place {
	if (prefix === "") return { list: plan.main, prefix, aftermath: false };
	const list = { "onFailure.": plan.onFailure, "finally.": plan.finally }[prefix];
	if (list !== undefined) return { list, prefix, aftermath: true };
	const match = /^(.+)\.(\d+)\.$/.exec(prefix);
	const path = match?.[1] ?? "";
	const { planned, place } = match === null ? {} : stepOf(plan, path);
	if (planned?.body === undefined || place === undefined) throw misfit(prefix);
	return {
		list: planned.body,
		prefix,
		around: { planned, place, path, index: Number(match?.[2]) },
		aftermath: place.aftermath,
	};
}

/** @throws E_RUN_MISFIT when the definition has no such step */
export function stepOf(plan: Plan, path: string): { planned: StepPlan; place: Place } {
	const place = placeOf(plan, prefixOf(path));
	const planned = place.list.steps[place.list.places.get(path.slice(place.prefix.length)) ?? -1];
	if (planned === undefined) throw misfit(path);
	return { planned, place };
}

/** Paths of the steps that the step at a path needs; none for a compensation. */
export function previousSteps(definition: WorkflowDefinition, path: string): string[] {
	if (prefixOf(path) === COMPENSATE) return [];
	const { planned, place } = stepOf(planOf(definition), path);
	return planned.needs.map((need) => place.prefix + (place.list.steps[need] as StepPlan).step.id);
}

const misfit = (path: string): MusterError =>
	new MusterError("E_RUN_MISFIT", `the definition has no steps at ${JSON.stringify(path)}`, {
		hint: "The run was begun by another version of Muster, or its record is damaged. Cancel it, or start it again.",
	});

/** A step as expressions see it. */
interface View {
	[member: string]: Json;
	state: string;
	output: Json;
	outputs: Json;
	missing: Json;
}

const nothing: Json[] = [];

function viewOf(step: RunStep): View {
	if (step.state === "skipped") return { state: "skipped", output: null, outputs: nothing, missing: nothing };
	const { state, each, open } = step;
	const outputs = step.done === step.total ? (step.outputs as Json[]) : withGaps(step);
	const output = each ? outputs : ((open ? outputs.at(-1) : outputs[0]) ?? null);
	return { state, output, outputs, missing: (step.missing as unknown as Json[] | undefined) ?? nothing };
}

/** Of steps that are over: one list for each, so that what is made of it once can be found again. */
const gaps = new WeakMap<RunStep, Json[]>();

function withGaps(step: RunStep): Json[] {
	const known = gaps.get(step);
	if (known !== undefined) return known;
	const outputs = Array.from(step.outputs, (output) => output ?? null);
	if (step.state !== "running") gaps.set(step, outputs);
	return outputs;
}

/** More names for one evaluation: the item, the error, the event. */
export type Extra = { [name: string]: Json };

/** The scope of a part of a step (`at` given), or of what looks back on a whole list. */
export function scopeOf(plan: Plan, run: Run, place: Place, reads: Reads, at?: StepPlan, extra?: Extra): Scope {
	const steps: { [id: string]: Json } = {};
	if (place.aftermath) addSteps(steps, run, { list: plan.main, prefix: "", aftermath: false }, reads, undefined, true);
	addSteps(steps, run, place, reads, at);
	return {
		inputs: run.inputs,
		steps,
		run: { id: run.id, workflow: run.workflow },
		...around(plan, run, place),
		...extra,
	};
}

/** Item, index and round of the steps around a list. */
function around(plan: Plan, run: Run, { around: outer }: Place): Extra {
	if (outer === undefined) return {};
	const { planned, place, path, index } = outer;
	const names = around(plan, run, place);
	if (planned.kind === "loop") return { ...names, round: index };
	if (planned.step.forEach === undefined) return names;
	return { ...names, [planned.step.forEach.as]: itemsOf(plan, run, place, planned, path)[index] ?? null, index };
}

function addSteps(
	steps: { [id: string]: Json },
	run: Run,
	place: Place,
	reads: Reads,
	at: StepPlan | undefined,
	failedToo = false,
): void {
	const { list, prefix, around: outer } = place;
	if (outer !== undefined) addSteps(steps, run, outer.place, reads, outer.planned);
	const ids = reads === "all" ? (at?.before() ?? list.places.keys()) : reads;
	for (const id of ids) {
		if (!list.places.has(id)) continue;
		if (Object.hasOwn(steps, id)) delete steps[id]; // an outer step of the same name is hidden
		const before = list.loop && at !== undefined && !at.before().has(id);
		const path = before ? roundBefore(place, id) : prefix + id;
		const step = path === undefined ? undefined : stepAt(run, path);
		if (step === undefined) continue;
		if (step.state === "completed" || step.state === "skipped" || (failedToo && step.state !== "running")) {
			steps[id] = viewOf(step);
		}
	}
}

function roundBefore({ around: outer }: Place, id: string): string | undefined {
	return outer === undefined || outer.index === 0 ? undefined : `${outer.path}.${outer.index - 1}.${id}`;
}

/** The lists that forEach steps go over, while the steps run: worked out once, and again after a restart. */
const lists = new WeakMap<RunStep, Json[]>();

/** @throws E_EXPRESSION when it is no list, or too long */
export function itemsOf(plan: Plan, run: Run, place: Place, planned: StepPlan, path: string): Json[] {
	const step = stepAt(run, path);
	const known = step && lists.get(step);
	if (known !== undefined) return known;
	const items = planned.items as Part<Json>;
	const where = `The "forEach" of step "${planned.step.id}"`;
	const list = checkList(
		where,
		named(where, () => items.fill(scopeOf(plan, run, place, items.reads, planned))),
	);
	if (step !== undefined) lists.set(step, list);
	return list;
}

function checkList(where: string, list: Json): Json[] {
	if (Array.isArray(list) && list.length <= MAX_ITEMS) return list;
	const [problem, hint] = Array.isArray(list)
		? [`${list.length} items; ${MAX_ITEMS} are allowed`, "Give several items to one task."]
		: [`${nameType(list)}, not a list`, "A list is, for example, steps.a.outputs or [1, 2]."];
	throw new MusterError("E_EXPRESSION", `${where} goes over ${problem}`, { hint, details: { where, reason: problem } });
}

/** Runs `work` and says in an error of an expression where it stands. */
export function named<Value>(what: string, work: () => Value): Value {
	try {
		return work();
	} catch (thrown) {
		const error = thrown as MusterError;
		if (error.code !== "E_EXPRESSION" || error.details?.where !== undefined) throw thrown;
		throw new MusterError("E_EXPRESSION", `${what} cannot be evaluated: ${error.message}`, {
			hint: error.hint,
			details: { ...error.details, where: what },
		});
	}
}
