/**
 * Templates: JSON in which any text may hold `${{ expression }}`.
 *
 * A text that is one expression and nothing else keeps the type of its value; in a longer text the value is written
 * as text: a text as it is, null as nothing, lists and objects as JSON. Names of members are never templates.
 * What a template gives may share parts with the template and the scope, so nobody may change it.
 */
import { MusterError } from "../errors.ts";
import { type Json, lengthWithin } from "../json.ts";
import { type Expression, parseExpression, type Scope } from "./cel.ts";
import { MAX_TEXT, together } from "./cel-budget.ts";

export type { Expression, Read, Scope } from "./cel.ts";

/** A template made ready to be filled in many times. */
export type Filled = (scope: Scope) => Json;

export interface FoundExpression {
	/** Where the text stands in the template: names and indexes. */
	path: (string | number)[];
	/** Without the braces and without outer space. */
	text: string;
	/** Where it begins in that text. */
	offset: number;
	/** Absent when it does not parse. */
	expression?: Expression;
	error?: MusterError;
}

/** Most expressions and most texts kept ready; the oldest make room. */
const MAX_CACHED = 2_000;
/** Longer texts are read anew each time, so that the cache stays small. */
const LONGEST_CACHED = 4_096;

const expressions = new Map<string, Expression>();
const texts = new Map<string, Filled>();

function remember<Value>(cache: Map<string, Value>, key: string, value: Value): Value {
	if (key.length > LONGEST_CACHED) return value;
	if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string);
	cache.set(key, value);
	return value;
}

/** Parses the text between the braces, or finds it parsed. @throws E_EXPRESSION */
function compileExpression(text: string): Expression {
	return expressions.get(text) ?? remember(expressions, text, parseExpression(text));
}

/** What it does is bounded for all of its expressions together. @throws E_EXPRESSION when one of them does not parse */
export function compileTemplate(template: Json): Filled {
	const fill = compile(template);
	return (scope) => together(() => fill(scope));
}

function compile(template: Json): Filled {
	if (typeof template === "string") return compileText(template);
	if (typeof template !== "object" || template === null) return () => template;
	const keys = Array.isArray(template) ? undefined : Object.keys(template);
	const members = (Array.isArray(template) ? template : Object.values(template)).map((member) =>
		hasExpression(member) ? compile(member) : member,
	);
	if (!members.some((member) => typeof member === "function")) return () => template;
	const fill = (member: Json | Filled, scope: Scope): Json => (typeof member === "function" ? member(scope) : member);
	if (keys === undefined) return (scope) => members.map((member) => fill(member, scope));
	return (scope) => {
		const filled: { [key: string]: Json } = {};
		for (let i = 0; i < keys.length; i++) filled[keys[i] as string] = fill(members[i] as Json | Filled, scope);
		return filled;
	};
}

/** @throws E_EXPRESSION */
export function evaluateTemplate(template: Json, scope: Scope): Json {
	return compileTemplate(template)(scope);
}

/** An `if`, with or without braces. @throws E_EXPRESSION, also when the value is neither true nor false */
export function evaluateCondition(condition: string, scope: Scope): boolean {
	const expression = compileExpression(conditionText(condition));
	const value = expression.evaluate(scope);
	if (typeof value === "boolean") return value;
	throw new MusterError(
		"E_EXPRESSION",
		`The condition is ${nameType(value)}, not true or false\n  ${expression.text}`,
		{
			hint: 'Compare it with something, for example x != "" or size(x) > 0.',
			details: { expression: expression.text, reason: `is ${nameType(value)}, not true or false` },
		},
	);
}

/** What stands between the braces of an `if`, or all of it. */
export function conditionText(condition: string): string {
	const match = /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(condition);
	return (match?.[1] ?? condition).trim();
}

/** Every expression of a template, in order, parsed or with its error. */
export function expressionsIn(template: Json, path: (string | number)[] = []): FoundExpression[] {
	if (typeof template === "string") return expressionsInText(template, path);
	if (typeof template !== "object" || template === null) return [];
	return Array.isArray(template)
		? template.flatMap((member, index) => expressionsIn(member, [...path, index]))
		: Object.entries(template).flatMap(([key, member]) => expressionsIn(member, [...path, key]));
}

/** For an error: "a text", "a list" and so on. */
export function nameType(value: Json): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "a list";
	const names = { string: "a text", number: "a number", boolean: "true or false", object: "an object" };
	return names[typeof value as keyof typeof names];
}

function hasExpression(template: Json): boolean {
	if (typeof template === "string") return template.includes("${{");
	if (typeof template !== "object" || template === null) return false;
	return (Array.isArray(template) ? template : Object.values(template)).some(hasExpression);
}

function expressionsInText(text: string, path: (string | number)[]): FoundExpression[] {
	const found: FoundExpression[] = [];
	try {
		for (const part of partsOf(text))
			if (typeof part !== "string") found.push({ path, ...part, ...tryCompile(part.text) });
	} catch (error) {
		found.push({ path, text, offset: text.indexOf("${{"), error: error as MusterError });
	}
	return found;
}

/** The expression or its error, as members. */
export function tryCompile(text: string): { expression: Expression } | { error: MusterError } {
	try {
		return { expression: compileExpression(text) };
	} catch (error) {
		return { error: error as MusterError };
	}
}

function compileText(text: string): Filled {
	const known = texts.get(text);
	if (known !== undefined) return known;
	const parts = partsOf(text).map((part) => (typeof part === "string" ? part : compileExpression(part.text)));
	const [first] = parts;
	if (parts.length === 1 && typeof first === "object") return remember(texts, text, (scope) => first.evaluate(scope));
	if (!parts.some((part) => typeof part === "object")) return () => text;
	return remember(texts, text, (scope) => {
		let whole = "";
		for (const part of parts) {
			whole += typeof part === "string" ? part : asText(part.evaluate(scope));
			if (whole.length > MAX_TEXT) {
				throw tooLong(text.slice(0, 200));
			}
		}
		return whole;
	});
}

const tooLong = (expression: string): MusterError =>
	new MusterError("E_EXPRESSION", `The text is longer than ${MAX_TEXT} characters`, {
		details: { expression, reason: "too long" },
	});

function asText(value: Json): string {
	if (typeof value === "string") return value;
	if (value === null) return "";
	if (lengthWithin(value, MAX_TEXT) <= MAX_TEXT) return JSON.stringify(value);
	throw tooLong(nameType(value));
}

type Part = string | { text: string; offset: number };

/** The literal texts and the expressions of a text, in order. @throws E_EXPRESSION where `${{` is not closed */
function partsOf(text: string): Part[] {
	const parts: Part[] = [];
	let from = 0;
	for (let open = text.indexOf("${{"); open >= 0; open = text.indexOf("${{", from)) {
		const close = closingBraces(text, open + 3);
		if (close < 0) {
			const reason = `"${"$"}{{" is not closed by "}}"`;
			throw new MusterError("E_EXPRESSION", `${reason}\n  ${text.slice(open, open + 100)}`, {
				details: { expression: text.slice(open, open + 200), reason },
			});
		}
		if (open > from) parts.push(text.slice(from, open));
		const inside = text.slice(open + 3, close);
		const space = inside.length - inside.trimStart().length;
		parts.push({ text: inside.trim(), offset: open + 3 + space });
		from = close + 2;
	}
	if (from < text.length) parts.push(text.slice(from));
	return parts;
}

/** Where the expression that begins at `from` ends: the first `}}` outside of its texts and map literals. */
function closingBraces(text: string, from: number): number {
	let depth = 0;
	for (let i = from; i < text.length; i++) {
		const char = text[i];
		if (char === '"' || char === "'") i = endOfLiteral(text, i);
		else if (char === "{") depth++;
		else if (char === "}" && depth > 0) depth--;
		else if (char === "}" && text[i + 1] === "}") return i;
	}
	return -1;
}

/** The last character of the literal that begins at `start`: CEL's texts in one or three quotes, with backslashes. */
function endOfLiteral(text: string, start: number): number {
	const one = text[start] as string;
	const quote = text.startsWith(one.repeat(3), start) ? one.repeat(3) : one;
	for (let i = start + quote.length; i < text.length; i++) {
		if (text[i] === "\\") i++;
		else if (text.startsWith(quote, i)) return i + quote.length - 1;
	}
	return text.length;
}
