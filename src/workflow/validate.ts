/** Whether a definition means something: names, needs, cycles, bounds, and what its expressions mention. */
import { MusterError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import {
	type InputSpec,
	MAX_NESTING,
	MAX_STEPS,
	RESERVED_STEP_IDS,
	type StepDefinition,
	type WorkflowDefinition,
} from "./definition.ts";
import { tryCompile } from "./expression.ts";
import { type Graph, graphOf } from "./graph.ts";
import { misfit } from "./inputs.ts";
import { checkName, forbiddenNames, identifier, stepId, workflowName } from "./names.ts";
import { type Path, Problems, problemsError, quoteName } from "./problems.ts";
import { MAX_LIMIT } from "./schema-values.ts";
import { checkStep } from "./step-rules.ts";
import { checkTrigger, eventMembers } from "./trigger-rules.ts";
import { answerQuestions, checkCondition, checkTemplate, type Names, type StepList, type View } from "./visible.ts";

/** Everything that is wrong, in no particular order. */
export function validate(definition: WorkflowDefinition): Problems {
	const problems = new Problems();
	checkName(problems, ["name"], definition.name, workflowName);
	for (const [name, spec] of Object.entries(definition.inputs)) {
		checkName(problems, ["inputs", name], name, identifier, true);
		checkInput(problems, ["inputs", name], spec);
	}
	const inputs = Object.keys(definition.inputs);
	const names: Names = new Map([
		["inputs", inputs],
		["steps", undefined],
		["run", ["id", "workflow"]],
	]);
	const lists = new Lists(problems);
	const main = lists.check(definition.steps, { path: ["steps"], names, loop: false, depth: 0 });
	const afterwards = new Map(names).set("run", ["id", "workflow", "state"]).set("error", ["code", "message", "step"]);
	for (const key of ["onFailure", "finally"] as const) {
		const steps = definition[key];
		if (steps !== undefined) lists.check(steps, { path: [key], names: afterwards, loop: false, depth: 0, main });
	}
	if (lists.total > MAX_STEPS) {
		problems.add(["steps"], `there are ${lists.total} steps at all depths together; ${MAX_STEPS} are allowed`);
	}
	for (const [name, template] of Object.entries(definition.outputs)) {
		if (forbiddenNames.has(name))
			problems.add(["outputs", name], `"${name}" cannot be a name`, undefined, { atKey: true });
		checkTemplate({ problems, names, list: main }, ["outputs", name], template);
	}
	if (definition.concurrency !== undefined) {
		const { group, limit } = definition.concurrency;
		checkTemplate({ problems, names: new Map([["inputs", inputs]]) }, ["concurrency", "group"], group);
		if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
			problems.add(["concurrency", "limit"], `must be a whole number from 1 to ${MAX_LIMIT}, not ${String(limit)}`);
		}
	}
	for (const [index, trigger] of (definition.triggers ?? []).entries()) {
		checkTrigger(problems, ["triggers", index], trigger, inputs);
	}
	return problems;
}

/** For definitions that do not come from a file. @throws E_WORKFLOW_INVALID with every problem */
export function assertValid(definition: WorkflowDefinition): void {
	const problems = validateAny(definition);
	if (problems.list.length === 0) return;
	throw problemsError("E_WORKFLOW_INVALID", `Workflow "${quoteName(String(definition.name))}"`, problems);
}

/** A program in JavaScript may give what is no definition at all; nothing else makes the rules fail. */
function validateAny(definition: WorkflowDefinition): Problems {
	const missing = ["name", "inputs", "steps", "outputs"].filter((key) => !Object.hasOwn(Object(definition), key));
	try {
		if (missing.length > 0) throw new Error(`it has no ${missing.join(", no ")}`);
		return validate(definition);
	} catch (cause) {
		throw new MusterError("E_WORKFLOW_INVALID", `this is no workflow definition: ${(cause as Error).message}`, {
			hint: "defineWorkflow makes one and fills in what is left out, and parseWorkflow reads YAML. As an object it has name, inputs, steps and outputs, and each step has id and needs.",
			cause,
		});
	}
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

/** Where a list of steps stands. */
interface Site extends Pick<StepList, "loop" | "around" | "main"> {
	path: Path;
	/** What its expressions see besides `steps`. */
	names: Names;
	/** Lists around it. */
	depth: number;
}

/** Every list of steps of one definition, one after the other and from the outside in. */
class Lists {
	/** Steps so far, at any depth. */
	total = 0;
	readonly #problems: Problems;

	constructor(problems: Problems) {
		this.#problems = problems;
	}

	check(steps: readonly StepDefinition[], { path, names, depth, ...site }: Site): StepList {
		const problems = this.#problems;
		this.total += steps.length;
		if (steps.length === 0) problems.add(path, "there must be at least one step");
		const places = checkIds(problems, path, steps, site.main);
		const graph = checkNeeds(problems, path, steps, places);
		const list: StepList = { steps, places, ...site, questions: [] };
		for (const [place, step] of steps.entries()) {
			const own = [...path, place];
			checkStep(problems, own, step);
			const body = this.#checkBody(list, place, own, names, depth);
			checkExpressions({ problems, names, list, place }, own, step, body);
		}
		answerQuestions(list, graph);
		return list;
	}

	/** The steps inside of a loop or group, as what looks back on them sees them. */
	#checkBody(list: StepList, place: number, path: Path, names: Names, depth: number): View | undefined {
		const { loop, steps, forEach } = list.steps[place] as StepDefinition;
		const inside = loop?.steps ?? steps;
		if (inside === undefined) return undefined;
		const where = loop === undefined ? [...path, "steps"] : [...path, "loop", "steps"];
		if (depth >= MAX_NESTING) {
			this.#problems.add(where, `steps are nested deeper than ${MAX_NESTING} levels`);
			return undefined;
		}
		const seen = loop === undefined ? withItem(names, forEach) : new Map(names).set("round", []);
		const site = { path: where, names: seen, loop: loop !== undefined, around: { list, place }, depth: depth + 1 };
		return { problems: this.#problems, names: seen, list: this.check(inside, site) };
	}
}

/** The place of each id; of equal ones the first. */
function checkIds(
	problems: Problems,
	path: Path,
	steps: readonly StepDefinition[],
	main?: StepList,
): Map<string, number> {
	const places = new Map<string, number>();
	for (const [place, { id }] of steps.entries()) {
		const at = [...path, place, "id"];
		if ((RESERVED_STEP_IDS as readonly string[]).includes(id)) {
			problems.add(at, `"${id}" cannot be the id of a step: it is a word of the format`);
		} else checkName(problems, at, id, stepId);
		const other = places.get(id) ?? main?.places.get(id);
		if (other !== undefined) {
			const where = places.has(id) ? "" : " of the main list";
			problems.add(at, `"${quoteName(id)}" is already the id of step ${other + 1}${where}`);
		}
		if (!places.has(id)) places.set(id, place);
	}
	return places;
}

function checkNeeds(
	problems: Problems,
	path: Path,
	steps: readonly StepDefinition[],
	places: ReadonlyMap<string, number>,
): Graph {
	const needs = steps.map((step, place) =>
		step.needs.flatMap((need, index) => {
			const at = [...path, place, "needs", index];
			const found = places.get(need);
			if (found === undefined) {
				problems.add(at, `no step of this list has the id "${quoteName(need)}"`, () => didYouMean(need, places.keys()));
			} else if (found === place) problems.add(at, `step "${step.id}" needs itself`);
			return found === undefined || found === place ? [] : [found];
		}),
	);
	const graph = graphOf(needs);
	for (const cycle of graph.cycles) {
		const [first, second] = cycle as [number, number];
		const index = steps[first]?.needs.indexOf(steps[second]?.id ?? "") ?? 0;
		const ids = cycle.map((place) => steps[place]?.id);
		const shown = ids.length > 12 ? [...ids.slice(0, 6), "...", ...ids.slice(-5)] : ids;
		problems.add([...path, first, "needs", index], `the needs form a cycle: ${shown.join(" -> ")}`);
	}
	return graph;
}

/** @param body how the steps inside of it are seen by what looks back on them */
function checkExpressions(view: View, path: Path, step: StepDefinition, body: View | undefined): void {
	const { forEach, wait, loop, compensate } = step;
	const ofItem: View = { ...view, names: withItem(view.names, forEach) };
	const templates: [View | undefined, Path, unknown][] = [
		[view, ["forEach", "in"], forEach?.in],
		[ofItem, ["with"], step.with],
		[ofItem, ["concurrency", "key"], step.concurrency?.key],
		[ofItem, ["rate", "key"], step.rate?.key],
		[view, ["wait", "approval", "title"], wait?.approval?.title],
		[view, ["wait", "approval", "content"], wait?.approval?.content],
		[view, ["wait", "duration"], wait?.durationMs],
		[body, ["output"], step.output],
		[afterwards(ofItem, forEach), ["compensate", "with"], compensate?.with],
	];
	for (const [seen, rest, template] of templates) {
		if (seen !== undefined && template !== undefined)
			checkTemplate(seen, [...path, ...rest], template as StepDefinition["with"] & {});
	}
	if (step.if !== undefined) checkCondition(view, [...path, "if"], step.if);
	if (loop?.until !== undefined && body !== undefined) checkCondition(body, [...path, "loop", "until"], loop.until);
	if (wait?.event?.filter !== undefined) {
		const names = new Map(view.names).set("event", eventMembers);
		checkCondition({ ...view, names }, [...path, "wait", "event", "filter"], wait.event.filter);
	}
	if (forEach !== undefined) checkItemName(view.problems, [...path, "forEach", "as"], forEach.as);
}

const withItem = (names: Names, forEach: StepDefinition["forEach"]): Names =>
	forEach === undefined ? names : new Map(names).set(forEach.as, undefined).set("index", undefined);

/** What compensation sees: the step itself, and of an item its own output. */
const afterwards = (view: View, forEach: StepDefinition["forEach"]): View => ({
	...view,
	names: forEach === undefined ? view.names : new Map(view.names).set("output", undefined),
	after: true,
});

/** Names that expressions have at some place or other. */
const taken = ["inputs", "steps", "run", "index", "round", "output", "error", "event", "trigger"];

function checkItemName(problems: Problems, path: Path, name: string): void {
	const compiled = tryCompile(name);
	const isName =
		identifier.pattern.test(name) && "expression" in compiled && compiled.expression.reads[0]?.path[0] === name;
	if (taken.includes(name)) problems.add(path, `"${name}" would hide the ${name} that expressions know`);
	else if (!isName || forbiddenNames.has(name))
		problems.add(path, `"${quoteName(name)}" cannot be a name in expressions`);
}
