/** From values with references in them to templates and expressions: the tags `expr` and `text`, and what the builder uses. */
import { MusterError } from "../errors.ts";
import { type Json, MAX_JSON_DEPTH } from "../json.ts";
import { prototypeNames } from "./names.ts";
import { type Binding, type Reference, referTo, type Spoken, spokenBy } from "./reference.ts";

/** What the names of a place mean there. */
export type Bound = ReadonlyMap<string, Binding>;

const invalid = (message: string, hint?: string): MusterError =>
	new MusterError("E_WORKFLOW_INVALID", message, { hint });

/**
 * An expression: CEL with references and values in it, as in expr`${steps.review.output.score} >= ${least}`. A value
 * becomes a CEL literal, so whatever is in a text stays a text.
 *
 * @throws E_WORKFLOW_INVALID for a value that is not JSON, and for one that is not a whole operand of the expression
 */
export function expr(strings: TemplateStringsArray, ...values: unknown[]): Reference<never> {
	const bindings = new Set<Binding>();
	// As written: an escape in a text of the expression is for CEL to read.
	let whole = strings.raw[0] as string;
	for (const [index, value] of values.entries()) {
		const before = strings.raw[index] as string;
		const after = strings.raw[index + 1] as string;
		checkGap(before, after);
		whole += celOf(value, bindings) + after;
	}
	const text = whole.trim();
	if (text === "") throw invalid("an expression is empty");
	const alone = values.length === 1 && strings.raw.every((part) => part.trim() === "");
	const path = alone && spokenBy(values[0])?.kind === "path";
	return referTo({ kind: path ? "path" : "expression", text, bindings });
}

/** A text with references in it, as in text`Delete ${steps.plan.output.count} files?`. It is a text, whatever they are. */
export function text(strings: TemplateStringsArray, ...values: unknown[]): Reference<string> {
	const parts = strings.flatMap((words, index) => (index === 0 ? [words] : [...partsOf(values[index - 1]), words]));
	const bindings = new Set(parts.flatMap((part) => (typeof part === "string" ? [] : [...part.bindings])));
	return referTo({ kind: "text", text: joined(parts), parts, bindings });
}

function partsOf(value: unknown): readonly (string | Spoken)[] {
	const said = spokenBy(value);
	if (said !== undefined) return said.parts ?? [said];
	if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return [String(value)];
	throw invalid(`a text cannot hold ${shown(value)}`, "Put references, texts, numbers, true or false into it.");
}

function joined(parts: readonly (string | Spoken)[]): string {
	let whole = "";
	// Escaped when they end: the braces of an expression may come together only where two parts meet.
	let words = "";
	for (const part of parts) {
		if (typeof part === "string") words += part;
		else {
			whole += literal(words) + templateText(part);
			words = "";
		}
	}
	const [only, ...others] = parts.filter((part) => part !== "");
	// One expression and nothing else would keep the type of its value; an empty text beside it makes it a text.
	const empty = typeof only === "object" && others.length === 0 ? '${{ "" }}' : "";
	return whole + literal(words) + empty;
}

/** The template of a value. Its own texts stay as they are, also where they look like one. @throws E_WORKFLOW_INVALID */
export function templateOf(value: unknown, bound: Bound, what: string, depth = 0): Json {
	const said = spokenBy(value);
	if (said !== undefined) return templateText(inPlace(said, bound, what));
	if (typeof value === "string") return literal(value);
	if (value === null || typeof value === "boolean" || Number.isFinite(value)) return value as Json;
	if (depth >= MAX_JSON_DEPTH) throw invalid(`${what} is nested deeper than ${MAX_JSON_DEPTH} levels`);
	if (Array.isArray(value)) {
		return Array.from(value, (item, index) => templateOf(item, bound, `${what}[${index}]`, depth + 1));
	}
	if (!isPlain(value))
		throw invalid(`${what} is ${shown(value)}, which a workflow cannot hold`, "Only JSON and references.");
	const members: { [name: string]: Json } = {};
	for (const [name, member] of Object.entries(value)) {
		if (prototypeNames.has(name)) throw invalid(`${what} has the member "${name}", which is not allowed`);
		if (member !== undefined) members[name] = templateOf(member, bound, `${what}.${name}`, depth + 1);
	}
	return members;
}

/** The text of an `if`, `until` or `filter`. @throws E_WORKFLOW_INVALID */
export function conditionOf(value: unknown, bound: Bound, what: string): string {
	if (typeof value === "boolean") return String(value);
	const said = spokenBy(value);
	if (said !== undefined && said.kind !== "text") return inPlace(said, bound, what).text;
	throw invalid(
		`${what} is ${shown(value)}, not a condition`,
		"Write it as expr`...`: JavaScript compares before any run.",
	);
}

/** A name may be hidden, or unknown, where a function took a reference from a place around it or beside it. */
function inPlace(said: Spoken, bound: Bound, what: string): Spoken {
	for (const binding of said.bindings) {
		if (bound.get(binding.name) === binding) continue;
		throw invalid(
			`${what} uses "${binding.name}" of another place: here the name means ${bound.has(binding.name) ? "something else" : "nothing"}`,
			"Give the item of one forEach another name with `as`; of an outer index or round, hand the value on as an input.",
		);
	}
	return said;
}

const templateText = ({ kind, text }: Spoken): string => (kind === "text" ? text : `\${{ ${text} }}`);

/** The opening braces as the value of an expression, so that nothing is read as one that was not written as one. */
const literal = (words: string): string => words.replaceAll("${{", '${{ "${{" }}');

/** The texts of an expression that are whole. */
const LITERALS =
	/[rR]("""[\s\S]*?"""|'''[\s\S]*?'''|"[^"]*"|'[^']*')|"""(?:\\.|[^\\])*?"""|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/gs;

/** Inside of a text, or joined to a word (r"..." reads escapes otherwise), a value would not be what it is. */
function checkGap(before: string, after: string): void {
	if (/["']/.test(before.replace(LITERALS, ""))) {
		throw invalid(`an expression has a value inside of a text: ${before}`, "Join them with +, or write text`...`.");
	}
	if (/[\w.]$/.test(before) || /^\w/.test(after)) {
		throw invalid(
			`an expression has a value joined to a word: ${before}\${...}${after}`,
			"Put a space or an operator between.",
		);
	}
}

function celOf(value: unknown, bindings: Set<Binding>, depth = 0): string {
	const said = spokenBy(value);
	if (said !== undefined) {
		if (said.kind === "text")
			throw invalid("a text`...` cannot be part of an expression", 'Join with +: expr`"a " + ${b}`.');
		for (const binding of said.bindings) bindings.add(binding);
		return said.kind === "path" ? said.text : `(${said.text})`;
	}
	if (value === null || typeof value === "boolean") return String(value);
	if (typeof value === "string") return JSON.stringify(value);
	if (typeof value === "number" && Number.isFinite(value)) return celNumber(value);
	if (depth < MAX_JSON_DEPTH && Array.isArray(value)) {
		return `[${Array.from(value, (item) => celOf(item, bindings, depth + 1)).join(", ")}]`;
	}
	if (depth < MAX_JSON_DEPTH && isPlain(value)) {
		const given = Object.entries(value).filter(([, member]) => member !== undefined);
		const members = given.map(([name, member]) => `${JSON.stringify(name)}: ${celOf(member, bindings, depth + 1)}`);
		return `{${members.join(", ")}}`;
	}
	throw invalid(`an expression cannot hold ${shown(value)}`, "Put references and JSON into it.");
}

/** A whole number above 2^53 is not exact anyway, and CEL's own end at 2^63. */
function celNumber(value: number): string {
	const digits = Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
	return value < 0 ? `(${digits})` : digits;
}

function isPlain(value: unknown): value is Record<string, unknown> {
	if (typeof value !== "object" || value === null) return false;
	const prototype: unknown = Object.getPrototypeOf(value);
	return prototype === Object.prototype || prototype === null;
}

function shown(value: unknown): string {
	if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "value of no kind"}`;
	return typeof value === "string"
		? JSON.stringify(value.slice(0, 60))
		: `${typeof value} ${String(value).slice(0, 60)}`;
}
