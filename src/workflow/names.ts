/** What the names in a workflow may look like: one pattern for each kind, and what to say of a name that does not fit. */
import { type Path, type Problems, quoteName } from "./problems.ts";

export interface NamePattern {
	pattern: RegExp;
	/** Longest name, in characters. */
	longest: number;
	/** What it is made of, for a hint. */
	allowed: string;
}

/** Of inputs, steps and items: what can follow a dot in an expression. */
export const identifier = {
	pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
	longest: 64,
	allowed: "letters, digits and _",
} satisfies NamePattern;

export const stepId = {
	...identifier,
	allowed: "letters, digits and _, so that steps.ID works in expressions",
} satisfies NamePattern;

export const workflowName = {
	pattern: /^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/,
	longest: 64,
	allowed: "lower-case letters, digits and dashes",
} satisfies NamePattern;

export const skillName = {
	pattern: /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/,
	longest: 64,
	allowed: "lower-case letters, digits, dashes and dots",
} satisfies NamePattern;

/** Of signals, event types and capabilities. */
export const topic = {
	pattern: /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/,
	longest: 128,
	allowed: "letters, digits, dots, dashes, underscores, slashes and colons",
} satisfies NamePattern;

export const webhookPath = {
	pattern: /^\/?[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/,
	longest: 128,
	allowed: "letters, digits, dashes, underscores and slashes",
} satisfies NamePattern;

/** Names through which careless code could reach a prototype; no data has them. */
export const prototypeNames: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** These, and words that cannot follow a dot in an expression. */
export const forbiddenNames: ReadonlySet<string> = new Set([...prototypeNames, "in", "true", "false", "null"]);

/** @param atKey the name is that of a member, and the problem is shown there */
export function checkName(
	problems: Problems,
	path: Path,
	name: string,
	{ pattern, longest, allowed }: NamePattern,
	atKey = false,
): void {
	const more = atKey ? { atKey } : {};
	if (typeof name !== "string") problems.add(path, "must be a text", undefined, more);
	else if (name.length > longest) {
		problems.add(path, `"${quoteName(name)}" has more than ${longest} characters`, undefined, more);
	} else if (!pattern.test(name) || forbiddenNames.has(name)) {
		problems.add(path, `"${quoteName(name)}" cannot be a name here`, () => `Use ${allowed}.`, more);
	}
}
