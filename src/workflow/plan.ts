/** What can be worked out from a definition before any run: its lists of steps by place, their templates ready to fill. Pure. */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { kindOf, type StepDefinition, type StepKind, type WorkflowDefinition } from "./definition.ts";
import {
	compileTemplate,
	conditionText,
	evaluateCondition,
	expressionsIn,
	type Filled,
	type Scope,
	tryCompile,
} from "./expression.ts";

/** Names of steps that expressions read, or "all" when they take `steps` as a whole. */
export type Reads = ReadonlySet<string> | "all";

/** A template or condition of a step, with what it reads. */
export interface Part<Value> {
	reads: Reads;
	fill(scope: Scope): Value;
}

/** One list of steps. */
export interface ListPlan {
	steps: StepPlan[];
	places: ReadonlyMap<string, number>;
	/** Its rounds see what the round before made. */
	loop: boolean;
}

export interface StepPlan {
	step: StepDefinition;
	kind: StepKind;
	/** Places in its list: of the steps it needs, and of those that need it. */
	needs: number[];
	dependents: number[];
	/** Ids of all steps of its list that are over before it starts; worked out when it is asked for. */
	before(): ReadonlySet<string>;
	condition: Part<boolean> | undefined;
	items: Part<Json> | undefined;
	input: Part<Json>;
	/** Of a wait: title, content, duration and filter as far as they are templates. */
	approval: Part<Json> | undefined;
	duration: Part<Json> | undefined;
	filter: Part<boolean> | undefined;
	/** Of a loop or group. */
	body: ListPlan | undefined;
	output: Part<Json> | undefined;
	until: Part<boolean> | undefined;
	undo: Part<Json> | undefined;
	concurrencyKey: Part<Json> | undefined;
	rateKey: Part<Json> | undefined;
}

export interface Plan {
	definition: WorkflowDefinition;
	main: ListPlan;
	onFailure: ListPlan | undefined;
	finally: ListPlan | undefined;
	outputs: Part<Json>;
	group: Part<Json> | undefined;
	/** Whether any step, at any depth, is to be undone when the run fails. */
	compensates: boolean;
}

const plans = new WeakMap<WorkflowDefinition, Plan>();

/** The plan of a definition, made once. The definition must not change afterwards. */
export function planOf(definition: WorkflowDefinition): Plan {
	let plan = plans.get(definition);
	if (plan === undefined) {
		plan = makePlan(definition);
		plans.set(definition, plan);
	}
	return plan;
}

function makePlan(definition: WorkflowDefinition): Plan {
	const { onFailure, finally: last, concurrency } = definition;
	const main = planList(definition.steps, false);
	return {
		definition,
		main,
		onFailure: onFailure && planList(onFailure, false),
		finally: last && planList(last, false),
		outputs: template(definition.outputs),
		group: concurrency && template(concurrency.group),
		compensates: hasCompensation(main),
	};
}

const hasCompensation = (list: ListPlan): boolean =>
	list.steps.some(({ step, body }) => step.compensate !== undefined || (body !== undefined && hasCompensation(body)));

function planList(steps: readonly StepDefinition[], loop: boolean): ListPlan {
	const places = new Map(steps.map((step, place) => [step.id, place]));
	const planned: StepPlan[] = steps.map((step): StepPlan => planStep(step, places, () => planned));
	for (const [place, { needs }] of planned.entries()) {
		for (const need of needs) (planned[need] as StepPlan).dependents.push(place);
	}
	return { steps: planned, places, loop };
}

function planStep(step: StepDefinition, places: ReadonlyMap<string, number>, list: () => StepPlan[]): StepPlan {
	const needs = step.needs.map((id) => {
		const place = places.get(id);
		if (place === undefined)
			throw new MusterError("E_RUN_MISFIT", `step "${step.id}" needs "${id}", which is not there`);
		return place;
	});
	const { loop, wait, steps } = step;
	const filter = wait?.event?.filter;
	let before: Set<string> | undefined;
	return {
		step,
		kind: kindOf(step),
		needs,
		dependents: [],
		before: () => {
			before ??= ancestors(needs, list());
			return before;
		},
		condition: step.if === undefined ? undefined : condition(step.if),
		items: step.forEach && template(step.forEach.in),
		input: template(step.with ?? {}),
		approval: wait?.approval && template({ title: wait.approval.title, content: wait.approval.content ?? null }),
		duration: wait?.durationMs === undefined ? undefined : template(wait.durationMs),
		filter: filter === undefined ? undefined : condition(filter),
		body: loop ? planList(loop.steps, true) : steps && planList(steps, false),
		output: step.output === undefined ? undefined : template(step.output),
		until: loop?.until === undefined ? undefined : condition(loop.until),
		undo: step.compensate && template(step.compensate.with),
		concurrencyKey: step.concurrency && template(step.concurrency.key),
		rateKey: step.rate && template(step.rate.key),
	};
}

function ancestors(needs: readonly number[], list: readonly StepPlan[]): Set<string> {
	const found = new Set<string>();
	const open = [...needs];
	for (let place = open.pop(); place !== undefined; place = open.pop()) {
		const { step, needs: further } = list[place] as StepPlan;
		if (found.has(step.id)) continue;
		found.add(step.id);
		open.push(...further);
	}
	return found;
}

/** An expression that does not parse is an error of the run that meets it, like one that cannot be evaluated. */
function template(given: Json): Part<Json> {
	let filled: Filled | undefined;
	return {
		reads: readsOf(expressionsIn(given).map((found) => found.expression)),
		fill: (scope) => {
			filled ??= compileTemplate(given);
			return filled(scope);
		},
	};
}

function condition(text: string): Part<boolean> {
	const compiled = tryCompile(conditionText(text));
	return {
		reads: readsOf(["expression" in compiled ? compiled.expression : undefined]),
		fill: (scope) => evaluateCondition(text, scope),
	};
}

function readsOf(expressions: readonly ({ reads: readonly { path: readonly string[] }[] } | undefined)[]): Reads {
	const ids = new Set<string>();
	for (const { path } of expressions.flatMap((expression) => expression?.reads ?? [])) {
		if (path[0] !== "steps") continue;
		if (path[1] === undefined) return "all";
		ids.add(path[1]);
	}
	return ids;
}
