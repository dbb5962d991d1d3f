/** Whether a definition means something: names, needs, cycles, defaults, and what its expressions mention. */

import type { MusterError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import { type InputSpec, MAX_STEPS, type StepDefinition, type WorkflowDefinition } from "./definition.ts";
import { conditionText, type Expression, expressionsIn, type Read, tryCompile } from "./expression.ts";
import { type Graph, graphOf } from "./graph.ts";
import { misfit } from "./inputs.ts";
import { type Path, Problems, problemsError, quoteName } from "./problems.ts";

/** Everything that is wrong, in no particular order. */
export function validate(definition: WorkflowDefinition): Problems {
	const problems = new Problems();
	checkName(problems, ["name"], definition.name, WORKFLOW_NAME, "lower-case letters, digits and dashes");
	for (const [name, spec] of Object.entries(definition.inputs)) {
		checkName(problems, ["inputs", name], name, IDENTIFIER, "letters, digits and _", true);
		checkInput(problems, ["inputs", name], spec);
	}
	checkCount(problems, definition.steps.length);
	const places = checkIds(problems, definition);
	const graph = checkNeeds(problems, definition, places);
	for (const [place, step] of definition.steps.entries()) {
		checkName(
			problems,
			["steps", place, "skill"],
			step.skill,
			SKILL_NAME,
			"lower-case letters, digits, dashes and dots",
		);
		checkStepExpressions({ problems, definition, places, graph, place }, step);
	}
	for (const [name, template] of Object.entries(definition.outputs)) {
		if (FORBIDDEN.has(name)) problems.add(["outputs", name], `"${name}" cannot be a name`, undefined, { atKey: true });
		checkTemplate({ problems, definition, places, graph }, ["outputs", name], template, []);
	}
	return problems;
}

/** For definitions that do not come from a file. @throws E_WORKFLOW_INVALID with every problem */
export function assertValid(definition: WorkflowDefinition): void {
	const problems = validate(definition);
	if (problems.list.length === 0) return;
	throw problemsError("E_WORKFLOW_INVALID", `Workflow "${quoteName(definition.name)}"`, problems);
}

const WORKFLOW_NAME = /^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/;
const SKILL_NAME = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names through which careless code could reach a prototype, and words that cannot follow a dot in an expression. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype", "in", "true", "false", "null"]);
const RESERVED = ["inputs", "steps", "run", "index"];
const STEP_MEMBERS = ["output", "outputs", "state"];
const MAX_NAME = 64;

function checkName(
	problems: Problems,
	path: Path,
	name: string,
	pattern: RegExp,
	allowed: string,
	atKey = false,
): void {
	const more = atKey ? { atKey } : {};
	if (name.length > MAX_NAME) {
		problems.add(path, `"${quoteName(name)}" has more than ${MAX_NAME} characters`, undefined, more);
	} else if (!pattern.test(name) || FORBIDDEN.has(name)) {
		problems.add(path, `"${quoteName(name)}" cannot be a name here`, () => `Use ${allowed}.`, more);
	}
}

function checkCount(problems: Problems, steps: number): void {
	if (steps === 0) problems.add(["steps"], "there must be at least one step");
	if (steps > MAX_STEPS) problems.add(["steps"], `there are ${steps} steps; ${MAX_STEPS} are allowed`);
}

function checkInput(problems: Problems, path: Path, spec: InputSpec): void {
	const numeric = spec.type === "integer" || spec.type === "number";
	for (const bound of ["minimum", "maximum"] as const) {
		if (spec[bound] !== undefined && !numeric) problems.add([...path, bound], `a ${spec.type} has no ${bound}`);
	}
	if (numeric && (spec.minimum ?? -Infinity) > (spec.maximum ?? Infinity)) {
		problems.add([...path, "minimum"], `the minimum is ${spec.minimum}, above the maximum ${spec.maximum}`);
	}
	for (const [index, allowed] of (spec.enum ?? []).entries()) {
		const problem = misfit(allowed, { type: spec.type });
		if (problem !== undefined) problems.add([...path, "enum", index], `the allowed value ${problem}`);
	}
	if (spec.format === "path" && spec.type !== "string")
		problems.add([...path, "format"], "only a string can be a path");
	const problem = spec.default === undefined ? undefined : misfit(spec.default, spec);
	if (problem !== undefined) problems.add([...path, "default"], `the default ${problem}`);
}

/** The place of each id; of equal ones the first. */
function checkIds(problems: Problems, { steps }: WorkflowDefinition): Map<string, number> {
	const places = new Map<string, number>();
	for (const [place, { id }] of steps.entries()) {
		const path = ["steps", place, "id"];
		checkName(problems, path, id, IDENTIFIER, "letters, digits and _, so that steps.ID works in expressions");
		if (places.has(id)) problems.add(path, `"${quoteName(id)}" is already the id of step ${(places.get(id) ?? 0) + 1}`);
		else places.set(id, place);
	}
	return places;
}

function checkNeeds(problems: Problems, { steps }: WorkflowDefinition, places: Map<string, number>): Graph {
	const needs = steps.map((step, place) =>
		step.needs.flatMap((need, index) => {
			const path = ["steps", place, "needs", index];
			const found = places.get(need);
			if (found === undefined)
				problems.add(path, `no step has the id "${quoteName(need)}"`, () => didYouMean(need, places.keys()));
			else if (found === place) problems.add(path, `step "${step.id}" needs itself`);
			return found === undefined || found === place ? [] : [found];
		}),
	);
	const graph = graphOf(needs);
	for (const cycle of graph.cycles) {
		const [first, second] = cycle as [number, number];
		const index = steps[first]?.needs.indexOf(steps[second]?.id ?? "") ?? 0;
		const ids = cycle.map((place) => steps[place]?.id);
		const shown = ids.length > 12 ? [...ids.slice(0, 6), "...", ...ids.slice(-5)] : ids;
		problems.add(["steps", first, "needs", index], `the needs form a cycle: ${shown.join(" -> ")}`);
	}
	return graph;
}

/** Where an expression stands. */
interface Place {
	problems: Problems;
	definition: WorkflowDefinition;
	places: Map<string, number>;
	graph: Graph;
	/** The step it belongs to; absent in the workflow's outputs. */
	place?: number;
}

function checkStepExpressions(at: Place & { place: number }, step: StepDefinition): void {
	const path = ["steps", at.place];
	if (step.if !== undefined) {
		const text = conditionText(step.if);
		checkExpression(at, [...path, "if"], { text, ...tryCompile(text) }, []);
	}
	if (step.forEach !== undefined) {
		checkTemplate(at, [...path, "forEach", "in"], step.forEach.in, []);
		checkItemName(at.problems, [...path, "forEach", "as"], step.forEach.as);
	}
	checkTemplate(at, [...path, "with"], step.with, step.forEach === undefined ? [] : [step.forEach.as, "index"]);
}

function checkItemName(problems: Problems, path: Path, name: string): void {
	const compiled = tryCompile(name);
	const isName = IDENTIFIER.test(name) && "expression" in compiled && compiled.expression.reads[0]?.path[0] === name;
	if (RESERVED.includes(name)) problems.add(path, `"${name}" would hide the ${name} that every expression knows`);
	else if (!isName || FORBIDDEN.has(name)) problems.add(path, `"${quoteName(name)}" cannot be a name in expressions`);
}

function checkTemplate(at: Place, path: Path, template: StepDefinition["with"], names: string[]): void {
	for (const found of expressionsIn(template)) checkExpression(at, [...path, ...found.path], found, names);
}

interface Found {
	text: string;
	expression?: Expression;
	error?: MusterError;
}

function checkExpression(at: Place, path: Path, { text, expression, error }: Found, names: string[]): void {
	if (error !== undefined) {
		const { reason, offset } = (error.details ?? {}) as { reason?: string; offset?: number };
		const within = { text, offset: offset ?? 0 };
		at.problems.add(path, `expression: ${reason ?? error.message}`, () => error.hint, { within });
	}
	const told = new Set<string>();
	for (const read of expression?.reads ?? []) {
		const problem = checkRead(at, read, names);
		if (problem === undefined || told.has(problem.message)) continue;
		told.add(problem.message);
		at.problems.add(path, problem.message, problem.hint, { within: { text, offset: read.offset } });
	}
}

type Finding = { message: string; hint: () => string | undefined } | undefined;

function checkRead(at: Place, { path }: Read, names: string[]): Finding {
	const [root, name, member] = path as [string, string?, string?];
	if (root === "steps") return name === undefined ? undefined : checkStepRead(at, name, member);
	const { inputs } = at.definition;
	if (root === "inputs") {
		if (name === undefined || Object.hasOwn(inputs, name)) return undefined;
		return { message: `no input has the name "${quoteName(name)}"`, hint: () => didYouMean(name, Object.keys(inputs)) };
	}
	if (root === "run") {
		if (name === undefined || name === "id") return undefined;
		return { message: `run has no "${quoteName(name)}"`, hint: () => "It has id." };
	}
	if (names.includes(root)) return undefined;
	const known = [...new Set(["inputs", "steps", "run", ...names])];
	const hint = () => didYouMean(root, known) ?? `Known here: ${known.join(", ")}. A text needs quotes.`;
	return { message: `the name "${quoteName(root)}" is not known here`, hint };
}

function checkStepRead({ definition, places, graph, place }: Place, id: string, member: string | undefined): Finding {
	const found = places.get(id);
	if (found === undefined) {
		return { message: `no step has the id "${quoteName(id)}"`, hint: () => didYouMean(id, places.keys()) };
	}
	if (place === found) return { message: `step "${id}" reads itself before it has run`, hint: () => undefined };
	if (place !== undefined && graph.precedes(found, place) === false) {
		const reader = definition.steps[place]?.id;
		return { message: `step "${id}" may not be over when "${reader}" starts`, hint: () => `Add ${id} to its needs.` };
	}
	if (member === undefined || STEP_MEMBERS.includes(member)) return undefined;
	const hint = () => didYouMean(member, STEP_MEMBERS) ?? "A step has output, outputs and state.";
	return { message: `a step has no "${quoteName(member)}"`, hint };
}
