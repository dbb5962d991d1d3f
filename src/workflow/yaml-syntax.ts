/** YAML text to the library's document: bounded while it is read, wrong syntax as problems. */
import { Composer, type CST, type Document, Lexer, Parser } from "yaml";
import { MAX_PROBLEMS, type Problem } from "./problems.ts";

/** Room for the 20,000 steps that a workflow may have. */
export const MAX_FILE_BYTES = 2 * 1024 * 1024;
/** Also how deep the recursive parts of the library and of those who read the document go. */
export const MAX_DEPTH = 64;
/** Time and memory grow with these, to a second and 200 MB. Enough for 20,000 steps with needs and an input each. */
const MAX_TOKENS = 850_000;

/** A problem and the character where it is. */
export interface PlacedProblem extends Problem {
	at: number;
}

/** The syntax tree, or the first thing that is too large: found while it grows, before anything recursive looks at it. */
export function parse(text: string): CST.Token[] | PlacedProblem {
	const parser = new Parser();
	const refuse = (message: string): PlacedProblem => ({ path: [], message, at: parser.offset });
	if (Buffer.byteLength(text) > MAX_FILE_BYTES) return refuse(`the file is larger than ${MAX_FILE_BYTES} bytes`);
	const parts: CST.Token[] = [];
	let tokens = 0;
	let errors = 0;
	for (const token of new Lexer().lex(text)) {
		if (++tokens > MAX_TOKENS) return refuse("the file has too many parts");
		for (const part of parser.next(token)) {
			parts.push(part);
			if (part.type === "error") errors++;
		}
		if (errors > MAX_PROBLEMS) break;
		// The document and the value that is just being read stand there as well.
		if (parser.stack.length > MAX_DEPTH + 2) return refuse(`nested deeper than ${MAX_DEPTH} levels`);
	}
	return [...parts, ...parser.end()];
}

/** The document, or what is wrong with its syntax. */
export function compose(text: string, parts: readonly CST.Token[]): Document.Parsed | PlacedProblem[] {
	const composer = new Composer({ schema: "core", merge: false, uniqueKeys: false, prettyErrors: false });
	const problems: PlacedProblem[] = [];
	const add = (at: number, code: string, message: string): void => {
		if (problems.length >= MAX_PROBLEMS) throw TOO_MANY;
		problems.push(syntaxProblem(text, at, code, message));
	};
	// Private, but nothing else ends the work on a text of 300,000 wrong characters; the hostile files of the tests need it.
	const inside = composer as unknown as { onError(source: ErrorSource, code: string, message: string): void };
	inside.onError = (source, code, message) => add(offsetOf(source), code, message);
	try {
		let found: Document.Parsed | undefined;
		for (const document of composer.compose(parts, true, text.length)) {
			for (const { pos, code, message } of document.errors) add(pos[0], code, message);
			if (found !== undefined) add(document.range[0], "MULTIPLE_DOCS", "");
			found ??= document as Document.Parsed;
		}
		return problems.length > 0 || found === undefined ? problems : found;
	} catch (stopped) {
		if (stopped !== TOO_MANY) throw stopped;
		return problems;
	}
}

const TOO_MANY = Symbol("too many syntax errors");

type ErrorSource = number | readonly number[] | { offset: number };

function offsetOf(source: ErrorSource): number {
	if (typeof source === "number") return source;
	return "offset" in source ? source.offset : (source[0] as number);
}

/** Where the library speaks to programmers. */
const wording: { [code: string]: string } = {
	MULTIPLE_DOCS: "a file holds one workflow; remove what follows ---",
	TAG_RESOLVE_FAILED: "tags are not supported",
};

function syntaxProblem(text: string, at: number, code: string, message: string): PlacedProblem {
	const line = text.slice(text.lastIndexOf("\n", at - 1) + 1).split("\n", 1)[0] as string;
	const quote = code === "BLOCK_AS_IMPLICIT_KEY" && /\$\{\{/.test(line);
	return {
		path: [],
		message: wording[code] ?? (message.split("\n", 1)[0] as string).slice(0, 200),
		...(quote ? { hint: 'An expression with ": " in it has to be in quotes.' } : {}),
		at,
	};
}
