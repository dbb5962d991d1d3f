/**
 * YAML as plain JSON with the position of every part, and nothing of YAML that is dangerous or surprising:
 * core schema, text keys once each, no tags, no merge keys, few aliases, bounded size and depth.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import type { Json } from "../json.ts";
import { MAX_PROBLEMS, type Problem, quoteName } from "./problems.ts";
import { compose, MAX_DEPTH, type PlacedProblem, parse } from "./yaml-syntax.ts";

const MAX_ALIASES = 100;
/** Values that are there again because of aliases. */
const MAX_REPEATED = 100_000;

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
	// Counted here: in a text that is broken badly enough the library's parser passes over line ends without telling.
	const lines = new LineCounter();
	lines.addNewLine(0);
	for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) lines.addNewLine(end + 1);
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
	const parts = parse(text);
	if (!Array.isArray(parts)) return refused([parts]);
	const document = compose(text, parts);
	if (Array.isArray(document)) return refused(document);
	const reader = new Reader(document);
	const value = reader.read();
	return { value, problems: reader.problems, locate: (problem) => reader.locate(problem, text), position };
}

class Reader {
	readonly problems: PlacedProblem[] = [];
	readonly #document: Document.Parsed;
	readonly #anchors = new Map<string, Node>();
	/** The way to the present value, and the collections on it, to find aliases to themselves. */
	readonly #path: (string | number)[] = [];
	readonly #open = new Set<Node>();
	#aliases = 0;
	/** Aliases that are just being followed, one inside of the other. */
	#following = 0;
	#repeated = 0;

	constructor(document: Document.Parsed) {
		this.#document = document;
	}

	read(): Json {
		return this.#convert(this.#document.contents);
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

	#refuse(node: unknown, message: string, hint?: string): null {
		if (this.problems.length < MAX_PROBLEMS) {
			const path = [...this.#path];
			this.problems.push({ path, message, at: startOf(node), ...(hint === undefined ? {} : { hint }) });
		}
		return null;
	}

	#convert(node: unknown): Json {
		if (node === null || node === undefined) return null;
		if (this.#following > 0 && ++this.#repeated > MAX_REPEATED) {
			return this.#repeated === MAX_REPEATED + 1 ? this.#refuse(node, "aliases make the file too large") : null;
		}
		if (this.#path.length > MAX_DEPTH) return this.#refuse(node, `nested deeper than ${MAX_DEPTH} levels`);
		if (isAlias(node)) return this.#follow(node);
		const { tag, anchor } = node as { tag?: string; anchor?: string };
		if (anchor !== undefined) this.#anchors.set(anchor, node as Node);
		if (tag !== undefined) return this.#refuse(node, `the tag ${quoteName(tag)} is not supported`, "Leave tags away.");
		if (isScalar(node)) return this.#scalar(node);
		this.#open.add(node as Node);
		const value = isSeq(node)
			? node.items.map((item, index) => this.#member(index, () => this.#convert(item)))
			: this.#map(node);
		this.#open.delete(node as Node);
		return value;
	}

	#member<Value>(name: string | number, read: () => Value): Value {
		this.#path.push(name);
		const value = read();
		this.#path.pop();
		return value;
	}

	#scalar(node: { value: unknown }): Json {
		const { value } = node;
		if (typeof value === "number" && !Number.isFinite(value)) {
			return this.#refuse(node, `${value} is not a number that JSON has`);
		}
		return value as Json;
	}

	#map(node: unknown): Json {
		const object: { [key: string]: Json } = {};
		for (const { key, value } of isMap(node) ? node.items : []) {
			const name = keyOf(key);
			if (name === undefined) {
				this.#refuse(key, "a key must be a text", "Put it in quotes.");
			} else if (name === "__proto__" || name === "constructor" || name === "prototype") {
				this.#member(name, () => this.#refuse(key, `the key "${name}" is not allowed`));
			} else if (Object.hasOwn(object, name)) {
				this.#member(name, () => this.#refuse(key, `the key "${quoteName(name)}" is there twice`));
			} else {
				object[name] = this.#member(name, () => this.#convert(value));
			}
		}
		return object;
	}

	#follow(alias: { source: string }): Json {
		if (++this.#aliases > MAX_ALIASES) {
			return this.#aliases === MAX_ALIASES + 1 ? this.#refuse(alias, `more than ${MAX_ALIASES} aliases`) : null;
		}
		const name = quoteName(alias.source);
		const target = this.#anchors.get(alias.source);
		if (target === undefined) return this.#refuse(alias, `the alias *${name} has no anchor before it`);
		if (this.#open.has(target)) return this.#refuse(alias, `the alias *${name} contains itself`);
		this.#following++;
		const value = this.#convert(target);
		this.#following--;
		return value;
	}

	#resolve(node: unknown): unknown {
		return isAlias(node) ? this.#anchors.get(node.source) : node;
	}
}

const keyOf = (key: unknown): string | undefined =>
	isScalar(key) && typeof key.value === "string" && key.tag === undefined ? key.value : undefined;

const startOf = (node: unknown): number => (node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
