/**
 * YAML as plain JSON with the position of every part, and nothing of YAML that is dangerous or surprising:
 * core schema, text keys once each, no tags, no merge keys, few aliases, bounded size and depth.
 */
import {
	type Document,
	isAlias,
	isMap,
	isScalar,
	isSeq,
	Lexer,
	LineCounter,
	type Node,
	parseDocument,
	type YAMLError,
} from "yaml";
import type { Json } from "../json.ts";
import { type Path, type Problem, quoteName } from "./problems.ts";

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_DEPTH = 64;
/** The composer's time and memory grow with these, so that a file of 1 MiB of commas would cost half a gigabyte. */
const MAX_TOKENS = 100_000;
const MAX_ALIASES = 100;
/** Values after aliases are followed. */
const MAX_VALUES = 100_000;

/** A problem and the character where it is. */
export interface PlacedProblem extends Problem {
	at: number;
}

export interface YamlDocument {
	/** Undefined when the text could not be read at all. */
	value: Json | undefined;
	problems: PlacedProblem[];
	/** The character at which a part begins; of a part that is not there, the nearest one around it. */
	locate(problem: Problem): number;
	/** From 1. */
	position(at: number): { line: number; column: number };
}

export function readYaml(text: string): YamlDocument {
	const lines = new LineCounter();
	const position = (at: number) => {
		const { line, col } = lines.linePos(Math.min(at, text.length));
		return { line: Math.max(1, line), column: Math.max(1, col) };
	};
	const refused = (problems: PlacedProblem[]): YamlDocument => ({
		value: undefined,
		problems,
		locate: () => 0,
		position,
	});
	const hostile = scan(text, lines);
	if (hostile !== undefined) return refused([hostile]);
	const document = parseDocument(text, {
		schema: "core",
		merge: false,
		// The library compares each key with each other one; Reader does it with a set.
		uniqueKeys: false,
		lineCounter: lines,
		prettyErrors: false,
	});
	const syntax = [...document.errors, ...document.warnings].slice(0, 100);
	if (syntax.length > 0) {
		return refused(syntax.map((error) => syntaxProblem(text, error)));
	}
	const reader = new Reader(document);
	const value = reader.read();
	return { value, problems: reader.problems, locate: (problem) => reader.locate(problem, text), position };
}

/** Where the library speaks to programmers. */
const wording: { [code: string]: string } = {
	MULTIPLE_DOCS: "a file holds one workflow; remove what follows ---",
	TAG_RESOLVE_FAILED: "tags are not supported",
};

function syntaxProblem(text: string, { code, message, pos }: YAMLError): PlacedProblem {
	const at = pos[0];
	const line = text.slice(text.lastIndexOf("\n", at - 1) + 1).split("\n", 1)[0] as string;
	const quote = code === "BLOCK_AS_IMPLICIT_KEY" && /\$\{\{/.test(line);
	return {
		path: [],
		message: wording[code] ?? (message.split("\n", 1)[0] as string).slice(0, 200),
		...(quote ? { hint: 'An expression with ": " in it has to be in quotes.' } : {}),
		at,
	};
}

/** Looks through the tokens before anything recursive does. Also counts the lines up to the problem it finds. */
function scan(text: string, lines: LineCounter): PlacedProblem | undefined {
	const problem = findHostile(text);
	if (problem === undefined) return undefined;
	lines.addNewLine(0);
	for (let i = text.indexOf("\n"); i >= 0 && i < problem.at; i = text.indexOf("\n", i + 1)) lines.addNewLine(i + 1);
	return problem;
}

function findHostile(text: string): PlacedProblem | undefined {
	const refuse = (at: number, message: string): PlacedProblem => ({ path: [], message, at });
	if (Buffer.byteLength(text) > MAX_FILE_BYTES) return refuse(0, `the file is larger than ${MAX_FILE_BYTES} bytes`);
	let at = 0;
	let tokens = 0;
	/** Open flow collections, and indicators that nest on one line: `- - -`. */
	let flow = 0;
	let onLine = 0;
	for (const token of new Lexer().lex(text)) {
		if (++tokens > MAX_TOKENS) return refuse(at, "the file has too many parts");
		if (token === "[" || token === "{") flow++;
		else if (token === "]" || token === "}") flow--;
		else if (token === "-" || token === "?") onLine++;
		else if (token === "\n" || token === "\r\n") onLine = 0;
		if (flow > MAX_DEPTH || onLine > MAX_DEPTH) return refuse(at, `nested deeper than ${MAX_DEPTH} levels`);
		// The lexer marks documents, scalars and flow ends with control characters that are not in the text.
		if (token !== "\u0002" && token !== "\u0018" && token !== "\u001f") at += token.length;
	}
	return undefined;
}

class Reader {
	readonly problems: PlacedProblem[] = [];
	readonly #document: Document.Parsed;
	readonly #anchors = new Map<string, Node>();
	/** Collections on the way to the present one, to find aliases to themselves. */
	readonly #open = new Set<Node>();
	#values = 0;
	#aliases = 0;

	constructor(document: Document.Parsed) {
		this.#document = document;
	}

	read(): Json {
		return this.#convert(this.#document.contents, [], 0);
	}

	locate({ path, atKey, within }: Problem, text: string): number {
		let node: Node | null = this.#document.contents;
		let at = startOf(node);
		for (const [depth, part] of path.entries()) {
			const around = this.#resolve(node);
			const pair = isMap(around) ? around.items.find((item) => keyOf(item.key) === part) : undefined;
			const next = pair !== undefined ? pair.value : isSeq(around) ? around.items[part as number] : undefined;
			if (pair === undefined && next === undefined) return at;
			const key = pair?.key as Node | undefined;
			if (key !== undefined && (next === null || next === undefined || (atKey && depth === path.length - 1))) {
				return startOf(key);
			}
			node = next as Node;
			at = startOf(node);
		}
		const end = node?.range?.[1] ?? at;
		const found = within === undefined || within.text === "" ? -1 : text.indexOf(within.text, at);
		return within !== undefined && found >= 0 && found < end ? found + within.offset : at;
	}

	#refuse(node: unknown, path: Path, message: string, hint?: string): null {
		if (this.problems.length < 100) {
			const at = startOf(node);
			this.problems.push({ path, message, at, ...(hint === undefined ? {} : { hint }) });
		}
		return null;
	}

	#convert(node: unknown, path: Path, depth: number): Json {
		if (node === null || node === undefined) return null;
		if (++this.#values > MAX_VALUES) {
			return this.#values === MAX_VALUES + 1 ? this.#refuse(node, path, "aliases make the file too large") : null;
		}
		if (depth > MAX_DEPTH) return this.#refuse(node, path, `nested deeper than ${MAX_DEPTH} levels`);
		if (isAlias(node)) return this.#follow(node, path, depth);
		const { tag, anchor } = node as { tag?: string; anchor?: string };
		if (anchor !== undefined) this.#anchors.set(anchor, node as Node);
		if (tag !== undefined)
			return this.#refuse(node, path, `the tag ${quoteName(tag)} is not supported`, "Leave tags away.");
		if (isScalar(node)) return this.#scalar(node, path);
		this.#open.add(node as Node);
		const value = isSeq(node)
			? node.items.map((item, index) => this.#convert(item, [...path, index], depth + 1))
			: this.#map(node, path, depth);
		this.#open.delete(node as Node);
		return value;
	}

	#scalar(node: { value: unknown }, path: Path): Json {
		const { value } = node;
		if (typeof value === "number" && !Number.isFinite(value))
			return this.#refuse(node, path, `${value} is not a number that JSON has`);
		return value as Json;
	}

	#map(node: unknown, path: Path, depth: number): Json {
		const object: { [key: string]: Json } = {};
		for (const { key, value } of isMap(node) ? node.items : []) {
			const name = keyOf(key);
			if (name === undefined) {
				this.#refuse(key, path, "a key must be a text", "Put it in quotes.");
			} else if (name === "__proto__" || name === "constructor" || name === "prototype") {
				this.#refuse(key, [...path, name], `the key "${name}" is not allowed`);
			} else if (Object.hasOwn(object, name)) {
				this.#refuse(key, [...path, name], `the key "${quoteName(name)}" is there twice`);
			} else {
				object[name] = this.#convert(value, [...path, name], depth + 1);
			}
		}
		return object;
	}

	#follow(alias: { source: string }, path: Path, depth: number): Json {
		if (++this.#aliases > MAX_ALIASES) {
			return this.#aliases === MAX_ALIASES + 1 ? this.#refuse(alias, path, `more than ${MAX_ALIASES} aliases`) : null;
		}
		const target = this.#anchors.get(alias.source);
		if (target === undefined)
			return this.#refuse(alias, path, `the alias *${quoteName(alias.source)} has no anchor before it`);
		if (this.#open.has(target))
			return this.#refuse(alias, path, `the alias *${quoteName(alias.source)} contains itself`);
		return this.#convert(target, path, depth);
	}

	#resolve(node: unknown): unknown {
		return isAlias(node) ? this.#anchors.get(node.source) : node;
	}
}

const keyOf = (key: unknown): string | undefined =>
	isScalar(key) && typeof key.value === "string" && key.tag === undefined ? key.value : undefined;

const startOf = (node: unknown): number => (node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
