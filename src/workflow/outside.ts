/**
 * Whether a definition fits what it takes from outside: the workflows and skills that its steps name, and what they are given.
 * Only what is sure is told: what an expression will give is not known here.
 */
import type { z } from "zod";
import type { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { findings } from "../schema.ts";
import { didYouMean } from "../suggest.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import { expressionsIn } from "./expression.ts";
import { misfit } from "./inputs.ts";
import { type Path, Problems, quoteName } from "./problems.ts";

export interface Outside {
	/** By name, or why there is none. */
	workflows: ReadonlyMap<string, WorkflowDefinition | MusterError>;
	/** What each skill takes, by name; undefined: anything. */
	skills: ReadonlyMap<string, z.ZodType | undefined>;
}

export interface OutsideProblems {
	problems: Problems;
	/** Skills that are not known: a program may have its own. */
	warnings: Problems;
}

export function checkOutside(definition: WorkflowDefinition, outside: Outside): OutsideProblems {
	const found = { problems: new Problems(), warnings: new Problems() };
	for (const { path, step } of placedSteps(definition)) {
		if (step.workflow !== undefined) checkWorkflow(found.problems, path, step, outside);
		if (step.skill !== undefined) checkSkill(found, path, step.skill, step.with, outside);
		const undo = step.compensate;
		if (undo !== undefined) checkSkill(found, [...path, "compensate"], undo.skill, undo.with, outside);
	}
	return found;
}

function checkWorkflow(problems: Problems, path: Path, step: StepDefinition, { workflows }: Outside): void {
	const name = step.workflow as string;
	const inner = workflows.get(name);
	if (inner === undefined) return;
	if ("code" in inner) {
		const [first = ""] = inner.message.split("\n");
		const problem =
			inner.code === "E_WORKFLOW_UNKNOWN" ? first : `the workflow "${quoteName(name)}" cannot run: ${first}`;
		problems.add([...path, "workflow"], problem, () => inner.hint);
		return;
	}
	const given = step.with ?? {};
	if (typeof given !== "object" || given === null || Array.isArray(given)) return;
	const names = Object.keys(inner.inputs);
	for (const [key, value] of Object.entries(given)) {
		const at = [...path, "with", key];
		const spec = Object.hasOwn(inner.inputs, key) ? inner.inputs[key] : undefined;
		if (spec === undefined) {
			const known = names.length > 0 ? `It takes ${names.join(", ")}.` : "It takes no inputs.";
			const hint = () => didYouMean(key, names) ?? known;
			problems.add(at, `"${quoteName(name)}" has no input "${quoteName(key)}"`, hint, { atKey: true });
		} else if (expressionsIn(value).length === 0) {
			const problem = misfit(value, spec);
			if (problem !== undefined) problems.add(at, `the input "${quoteName(key)}" of "${quoteName(name)}" ${problem}`);
		}
	}
	for (const key of names) {
		if (Object.hasOwn(given, key) || inner.inputs[key]?.default !== undefined) continue;
		const at = [...path, step.with === undefined ? "workflow" : "with"];
		problems.add(
			at,
			`"${quoteName(name)}" requires the input "${quoteName(key)}"`,
			() => inner.inputs[key]?.description,
		);
	}
}

function checkSkill(
	{ problems, warnings }: OutsideProblems,
	path: Path,
	name: string,
	given: Json | undefined,
	{ skills }: Outside,
): void {
	if (!skills.has(name)) {
		const hint = () => didYouMean(name, skills.keys()) ?? "It is done by an agent of your own program, or by nobody.";
		const message = `no skill "${quoteName(name)}" comes with Muster`;
		if (!warnings.list.some((told) => told.message === message)) warnings.add([...path, "skill"], message, hint);
		return;
	}
	const schema = skills.get(name);
	if (schema === undefined) return;
	const later = expressionsIn(given ?? {}).map((expression) => expression.path);
	const { error } = schema.safeParse(given ?? {});
	for (const { path: inside, key, problem, hint } of error === undefined ? [] : findings(error, schema, given ?? {})) {
		const at = inside as Path;
		// An expression gives what is inside of it, and decides which of several forms is meant around it.
		if (later.some((place) => isAbove(place, at) || (key === undefined && isAbove(at, place)))) continue;
		const member = at.length === 0 ? "" : `${at.join(".")}: `;
		const where = [
			...path,
			...(given === undefined ? ["skill"] : ["with", ...at, ...(key === undefined ? [] : [key])]),
		];
		problems.add(where, `the input of ${quoteName(name)} is not right: ${member}${problem}`, () => hint, {
			atKey: key !== undefined,
		});
	}
}

const isAbove = (above: Path, path: Path): boolean => above.every((part, i) => path[i] === part);

interface PlacedStep {
	path: Path;
	step: StepDefinition;
}

/** Every step at any depth, also of the aftermath, with its place. */
function* placedSteps(definition: WorkflowDefinition): Generator<PlacedStep> {
	for (const key of ["steps", "onFailure", "finally"] as const) yield* stepsOf(definition[key] ?? [], [key]);
}

function* stepsOf(steps: readonly StepDefinition[], path: Path): Generator<PlacedStep> {
	for (const [place, step] of steps.entries()) {
		const own = [...path, place];
		yield { path: own, step };
		if (step.loop !== undefined) yield* stepsOf(step.loop.steps, [...own, "loop", "steps"]);
		if (step.steps !== undefined) yield* stepsOf(step.steps, [...own, "steps"]);
	}
}
