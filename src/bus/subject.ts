/** Subjects and the patterns that stand for them. Pure; the rules are those of NATS. */
import { MusterError } from "../errors.ts";

export const MAX_SUBJECT_LENGTH = 256;

/** No white space, no control characters, no lone half of a surrogate pair. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\p{Surrogate}/u;

/** Subjects of the bus itself: no wildcard in the first token stands for them. */
export const isOwn = (subject: string): boolean => subject.startsWith("$") || isInbox(subject);

export const INBOX = "_INBOX";

export const isInbox = (subject: string): boolean => subject === INBOX || subject.startsWith(`${INBOX}.`);

const SERVICES = "$SRV.";

function problemOf(subject: unknown): string | undefined {
	if (typeof subject !== "string") return "is no text";
	if (subject === "") return "is empty";
	if (subject.length > MAX_SUBJECT_LENGTH) return `has ${subject.length} characters of at most ${MAX_SUBJECT_LENGTH}`;
	if (FORBIDDEN.test(subject)) return "holds white space or control characters";
	if (subject.startsWith(".") || subject.endsWith(".") || subject.includes("..")) return "has an empty token";
	if (subject.startsWith("$") && !subject.startsWith(SERVICES)) return "begins with $, which is the bus's own";
	return undefined;
}

function wildcardProblem(pattern: string): string | undefined {
	const tokens = pattern.split(".");
	for (const [i, token] of tokens.entries()) {
		if (token === ">" && i < tokens.length - 1) return "has > before its end";
		if (token.length > 1 && /[*>]/.test(token)) return "has a wildcard beside other characters";
	}
	return undefined;
}

/** A subject to publish on. @throws E_INPUT_INVALID */
export function checkSubject(subject: string): void {
	const problem = problemOf(subject) ?? (/[*>]/.test(subject) ? "holds a wildcard" : undefined);
	if (problem !== undefined) throw notASubject(subject, problem);
}

/** A subject to listen on. @throws E_INPUT_INVALID */
export function checkPattern(pattern: string): void {
	let problem = problemOf(pattern) ?? wildcardProblem(pattern);
	if (problem === undefined && isInbox(pattern)) problem = "begins with _INBOX, which is the bus's own";
	if (problem !== undefined) throw notASubject(pattern, problem);
}

/** A subject that a stream keeps. @throws E_INPUT_INVALID */
export function checkStreamSubject(pattern: string): void {
	checkPattern(pattern);
	if (isOwn(pattern)) throw notASubject(pattern, "is the bus's own, which no stream keeps");
}

function notASubject(subject: unknown, problem: string): MusterError {
	const shown = typeof subject === "string" ? JSON.stringify(subject.slice(0, 80)) : `a ${typeof subject}`;
	return new MusterError("E_INPUT_INVALID", `the subject ${shown} ${problem}`, {
		hint: "Write tokens with dots between them, for example orders.paid; listen with * for one token and > for the rest.",
	});
}

export const hasWildcard = (pattern: string): boolean => /(^|\.)(\*|>$)/.test(pattern);

/** Whether the pattern stands for the subject. */
export function matches(pattern: string, subject: string): boolean {
	return matcher(pattern)(subject);
}

/** The same for many subjects. */
export function matcher(pattern: string): (subject: string) => boolean {
	if (!hasWildcard(pattern)) return (subject) => subject === pattern;
	const tokens = pattern.split(".");
	const first = tokens[0] as string;
	const open = tokens.at(-1) === ">";
	const fixed = open ? tokens.length - 1 : tokens.length;
	return (subject) => {
		if ((first === "*" || first === ">") && isOwn(subject)) return false;
		const parts = subject.split(".");
		if (open ? parts.length <= fixed : parts.length !== fixed) return false;
		for (let i = 0; i < fixed; i++) if (tokens[i] !== "*" && tokens[i] !== parts[i]) return false;
		return true;
	};
}

/** Whether some subject fits both patterns. */
export function overlap(one: string, other: string): boolean {
	const a = one.split(".");
	const b = other.split(".");
	for (let i = 0; ; i++) {
		const left = a[i];
		const right = b[i];
		if (left === undefined || right === undefined) return left === right;
		if (left === ">" || right === ">") return true;
		if (left !== "*" && right !== "*" && left !== right) return false;
	}
}
