/** What can be worked out from a definition before any run: the graph by place and its templates ready to fill. Pure. */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import {
	compileTemplate,
	conditionText,
	evaluateCondition,
	expressionsIn,
	type Filled,
	type Scope,
	tryCompile,
} from "./expression.ts";

/** A step with everything that can be worked out before any run. */
export interface StepPlan {
	step: StepDefinition;
	/** Places of its needs among the steps. */
	needs: number[];
	/** Places of the steps its expressions can see. */
	sees: number[];
	condition: ((scope: Scope) => boolean) | undefined;
	items: Filled | undefined;
	input: Filled;
}

export interface Plan {
	steps: StepPlan[];
	outputs: Filled;
	/** Places of the steps the outputs can see. */
	sees: number[];
}

const plans = new WeakMap<WorkflowDefinition, Plan>();

/** The plan of a definition, made once. The definition must not change afterwards. */
export function planOf(definition: WorkflowDefinition): Plan {
	return plans.get(definition) ?? makePlan(definition);
}

function makePlan(definition: WorkflowDefinition): Plan {
	const places = new Map(definition.steps.map((step, place) => [step.id, place]));
	const placesOf = (ids: Iterable<string>): number[] => [...ids].flatMap((id) => places.get(id) ?? []);
	const steps = definition.steps.map((step): StepPlan => {
		const needs = placesOf(step.needs);
		if (needs.length < step.needs.length) {
			throw new MusterError("E_INTERNAL", `step "${step.id}" of "${definition.name}" needs a step that does not exist`);
		}
		const { forEach, if: condition } = step;
		const reads = stepsRead([step.with, forEach?.in ?? null], condition);
		return {
			step,
			needs,
			sees: placesOf(reads === "all" ? ancestors(definition, places, step) : reads),
			condition: condition === undefined ? undefined : (scope) => evaluateCondition(condition, scope),
			items: forEach && compileLater(forEach.in),
			input: compileLater(step.with),
		};
	});
	const reads = stepsRead(definition.outputs);
	const plan = {
		steps,
		outputs: compileLater(definition.outputs),
		sees: placesOf(reads === "all" ? places.keys() : reads),
	};
	plans.set(definition, plan);
	return plan;
}

/** An expression that does not parse is an error of the run that meets it, like one that cannot be evaluated. */
function compileLater(template: Json): Filled {
	let filled: Filled | undefined;
	return (scope) => {
		filled ??= compileTemplate(template);
		return filled(scope);
	};
}

/** Ids of the steps that expressions name, or "all" when they take the steps as a whole. */
function stepsRead(template: Json, condition?: string): Set<string> | "all" {
	const expressions = expressionsIn(template).map((found) => found.expression);
	if (condition !== undefined) {
		const compiled = tryCompile(conditionText(condition));
		if ("expression" in compiled) expressions.push(compiled.expression);
	}
	const ids = new Set<string>();
	for (const { path } of expressions.flatMap((expression) => expression?.reads ?? [])) {
		if (path[0] !== "steps") continue;
		if (path[1] === undefined) return "all";
		ids.add(path[1]);
	}
	return ids;
}

/** Every step that is over before this one starts: it must not depend on timing what `steps` holds as a whole. */
function ancestors(definition: WorkflowDefinition, places: Map<string, number>, step: StepDefinition): Set<string> {
	const found = new Set<string>();
	const open = [...step.needs];
	for (let id = open.pop(); id !== undefined; id = open.pop()) {
		if (found.has(id)) continue;
		found.add(id);
		open.push(...(definition.steps[places.get(id) ?? -1]?.needs ?? []));
	}
	return found;
}
