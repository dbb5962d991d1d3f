/** The inputs of a run: what a definition declares, what is given, and how texts of the command line become values. */
import { isAbsolute, relative, resolve } from "node:path";
import { MusterError } from "../errors.ts";
import { cloneJson, copyJson, type Json } from "../json.ts";
import { didYouMean } from "../suggest.ts";
import type { InputSpec, WorkflowDefinition } from "./definition.ts";
import { Problems, problemsError, quoteName } from "./problems.ts";

/**
 * The complete inputs of a run: a copy of what is given, with the defaults of what is not.
 *
 * @param folder where default paths begin: that of the workflow's file
 * @throws E_INPUT_INVALID naming everything that is unknown, missing or does not fit
 */
export function checkInputs(definition: WorkflowDefinition, given: unknown, folder?: string): { [name: string]: Json } {
	const problems = new Problems();
	const inputs: { [name: string]: Json } = {};
	const values = copyJson(given ?? {}, "inputs", "E_INPUT_INVALID");
	if (typeof values !== "object" || values === null || Array.isArray(values)) {
		throw new MusterError("E_INPUT_INVALID", "The inputs of a workflow are an object of names and values");
	}
	for (const name of Object.keys(values))
		if (!Object.hasOwn(definition.inputs, name)) addUnknown(problems, definition, name);
	for (const [name, spec] of Object.entries(definition.inputs)) {
		const value = Object.hasOwn(values, name) ? values[name] : defaultOf(spec, folder);
		if (value === undefined) problems.add([name], "is required", () => spec.description);
		else {
			const problem = misfit(value, spec);
			if (problem === undefined) inputs[name] = cloneJson(value);
			else problems.add([name], problem);
		}
	}
	if (problems.list.length > 0) throw invalid(definition, problems);
	return inputs;
}

/**
 * Values from texts: those of type string as they are, numbers and true or false read, lists and objects as JSON.
 *
 * @throws E_INPUT_INVALID naming every text that is not of its input's type
 */
export function coerceInputs(definition: WorkflowDefinition, texts: Record<string, string>): { [name: string]: Json } {
	const problems = new Problems();
	const inputs: { [name: string]: Json } = {};
	for (const [name, text] of Object.entries(texts)) {
		const spec = Object.hasOwn(definition.inputs, name) ? definition.inputs[name] : undefined;
		if (spec === undefined) {
			addUnknown(problems, definition, name);
			continue;
		}
		const value = readText(text, spec);
		if (value === undefined)
			problems.add([name], `is ${shown(text)}, which is not ${article[spec.type]}`, () => examples[spec.type]);
		else inputs[name] = value;
	}
	if (problems.list.length > 0) throw invalid(definition, problems);
	return inputs;
}

/** Whether a default depends on where the workflow's file is. */
export const hasPathDefault = ({ inputs }: WorkflowDefinition): boolean =>
	Object.values(inputs).some(({ format, default: value }) => format === "path" && typeof value === "string");

function defaultOf(spec: InputSpec, folder: string | undefined): Json | undefined {
	const { default: value, format } = spec;
	return format === "path" && typeof value === "string" && folder !== undefined ? anchor(folder, value) : value;
}

/** Paths among the inputs, as whoever runs elsewhere has to be told them: relative ones begin in `folder`. */
export function absolutePaths(
	definition: WorkflowDefinition,
	inputs: Record<string, unknown>,
	folder: string,
): Record<string, unknown> {
	const isPath = (name: string, value: unknown): value is string =>
		typeof value === "string" && Object.hasOwn(definition.inputs, name) && definition.inputs[name]?.format === "path";
	return Object.fromEntries(
		Object.entries(inputs).map(([name, value]) => [
			name,
			isPath(name, value) && !hasScheme(value) ? resolve(folder, value) : value,
		]),
	);
}

/** As short as it can be said from the working folder. */
function anchor(folder: string, path: string): string {
	if (isAbsolute(path) || hasScheme(path)) return path;
	const whole = resolve(folder, path);
	const short = relative("", whole);
	return short === "" || short.startsWith("..") || isAbsolute(short) ? whole : short;
}

const hasScheme = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path);

/** Why the value does not fit, or undefined when it does. */
export function misfit(value: Json, spec: InputSpec): string | undefined {
	if (!isOfType(value, spec.type)) return `is ${shown(value)}, which is not ${article[spec.type]}`;
	if (spec.enum !== undefined && !spec.enum.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value))) {
		return `is ${shown(value)}, which is not one of ${spec.enum.slice(0, 20).map(shown).join(", ")}`;
	}
	if (typeof value !== "number") return undefined;
	if (spec.minimum !== undefined && value < spec.minimum) return `is ${value}, below the minimum ${spec.minimum}`;
	if (spec.maximum !== undefined && value > spec.maximum) return `is ${value}, above the maximum ${spec.maximum}`;
	return undefined;
}

const article: Record<InputSpec["type"], string> = {
	string: "a text",
	integer: "a whole number",
	number: "a number",
	boolean: "true or false",
	array: "a list",
	object: "an object",
};

const examples: Partial<Record<InputSpec["type"], string>> = {
	boolean: "Write true or false.",
	array: 'Write JSON, for example ["a", "b"].',
	object: 'Write JSON, for example {"a": 1}.',
};

function isOfType(value: Json, type: InputSpec["type"]): boolean {
	switch (type) {
		case "integer":
			return Number.isSafeInteger(value);
		case "array":
			return Array.isArray(value);
		case "object":
			return typeof value === "object" && value !== null && !Array.isArray(value);
		default:
			return typeof value === type;
	}
}

/** Numbers in decimal as JSON writes them, also with a plus sign or a leading point; no hexadecimal, no spaces. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function readText(text: string, spec: InputSpec): Json | undefined {
	switch (spec.type) {
		case "string":
			return text;
		case "boolean":
			return text === "true" ? true : text === "false" ? false : undefined;
		case "integer":
		case "number": {
			const value = NUMBER.test(text) ? Number(text) : Number.NaN;
			return Number.isFinite(value) && isOfType(value, spec.type) ? value : undefined;
		}
		default: {
			const value = parseJson(text);
			return value !== undefined && isOfType(value, spec.type) ? value : undefined;
		}
	}
}

function parseJson(text: string): Json | undefined {
	try {
		return JSON.parse(text) as Json;
	} catch {
		return undefined;
	}
}

function shown(value: Json): string {
	const text = JSON.stringify(value);
	return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function addUnknown(problems: Problems, definition: WorkflowDefinition, name: string): void {
	const known = Object.keys(definition.inputs);
	const list = known.length > 0 ? `Inputs are ${known.slice(0, 20).map(quoteName).join(", ")}.` : "It takes no inputs.";
	problems.add([name], "is not an input of this workflow", () => didYouMean(name, known) ?? list);
}

const invalid = (definition: WorkflowDefinition, problems: Problems): MusterError =>
	problemsError("E_INPUT_INVALID", `Inputs of workflow "${definition.name}"`, problems);
