/**
 * Regular expressions from outside, matched in time linear in the text: no pattern can hang the process.
 *
 * The syntax is that of JavaScript with the `u` flag, without back-references, lookaround and modifiers (refused by
 * name). The matcher is Thompson's simulation with Pike's captures: all alternatives advance together, character by
 * character, in order of preference, so the same alternative wins as with backtracking.
 * Source: R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009.
 */
import { MusterError } from "../../errors.ts";

/** Bounds the work for each character of a text. */
const MAX_INSTRUCTIONS = 1_000;
const MAX_PATTERN_LENGTH = 1_000;

export interface Pattern {
	test(text: string): boolean;
	/** The named groups of the first match (those that took part in it), null without a match. */
	groups(text: string): Record<string, string> | null;
}

type Assertion = "start" | "end" | "boundary" | "inside";
type Instruction =
	| { op: "character"; accepts: (character: number) => boolean }
	| { op: "split"; first: number; second: number }
	| { op: "jump"; to: number }
	| { op: "save"; slot: number }
	| { op: "assert"; what: Assertion }
	| { op: "match" };

type Node =
	| { type: "character"; source: string }
	| { type: "assert"; what: Assertion }
	| { type: "sequence"; items: Node[] }
	| { type: "either"; items: Node[] }
	| { type: "repeat"; item: Node; least: number; most: number; lazy: boolean }
	| { type: "group"; item: Node; name: string };

/** @throws E_INPUT_INVALID for a pattern that is no regular expression, and for one that cannot be matched in linear time */
export function compilePattern(source: string, options: { ignoreCase?: boolean } = {}): Pattern {
	if (source.length > MAX_PATTERN_LENGTH) throw refused(source, `is longer than ${MAX_PATTERN_LENGTH} characters`);
	const flags = options.ignoreCase === true ? "iu" : "u";
	try {
		new RegExp(source, flags); // compiled to check the syntax, never run
	} catch (cause) {
		throw refused(source, `is not a regular expression (${(cause as Error).message})`);
	}
	const names: string[] = [];
	const program = new Assembler(source, flags, names).assemble(new Parser(source).parse());
	return {
		test: (text) => match(program, text, 0) !== null,
		groups(text) {
			const slots = match(program, text, names.length * 2);
			if (slots === null) return null;
			const found: Record<string, string> = {};
			names.forEach((name, i) => {
				const [from, to] = [slots[i * 2], slots[i * 2 + 1]];
				if (from !== undefined && to !== undefined) found[name] = text.slice(from, to);
			});
			return found;
		},
	};
}

const refused = (source: string, problem: string): MusterError =>
	new MusterError("E_INPUT_INVALID", `the pattern ${JSON.stringify(source.slice(0, 200))} ${problem}`, {
		hint: "Patterns are matched in linear time: use classes, groups, alternatives and repetitions.",
	});

/** Reads a pattern whose syntax RegExp has accepted, so it looks only for what it must tell apart. */
class Parser {
	readonly #source: string;
	#at = 0;

	constructor(source: string) {
		this.#source = source;
	}

	parse(): Node {
		const branches: Node[] = [this.#sequence()];
		while (this.#take("|")) branches.push(this.#sequence());
		return branches.length === 1 ? (branches[0] as Node) : { type: "either", items: branches };
	}

	#sequence(): Node {
		const items: Node[] = [];
		while (this.#at < this.#source.length && !this.#sees("|") && !this.#sees(")")) items.push(this.#repeated());
		return { type: "sequence", items };
	}

	#repeated(): Node {
		const item = this.#atom();
		const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})(\??)/.exec(this.#source.slice(this.#at, this.#at + 40));
		if (found === null) return item;
		this.#at += found[0].length;
		const [, mark, from, comma, to, lazy] = found;
		const least = mark === undefined ? Number(from) : mark === "+" ? 1 : 0;
		const most = mark === "?" ? 1 : mark !== undefined || (comma !== "" && to === "") ? Infinity : Number(to || from);
		return { type: "repeat", item, least, most, lazy: lazy === "?" };
	}

	#atom(): Node {
		const start = this.#at;
		if (this.#take("^")) return { type: "assert", what: "start" };
		if (this.#take("$")) return { type: "assert", what: "end" };
		if (this.#take("\\b")) return { type: "assert", what: "boundary" };
		if (this.#take("\\B")) return { type: "assert", what: "inside" };
		if (this.#take("(")) return this.#group();
		if (this.#take("[")) {
			while (!this.#take("]")) this.#at += this.#sees("\\") ? 2 : 1;
		} else if (this.#take("\\")) {
			this.#escape();
		} else {
			this.#at += String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0).length;
		}
		return { type: "character", source: this.#source.slice(start, this.#at) };
	}

	#group(): Node {
		const name = /^\?<([^>=!]+)>/.exec(this.#source.slice(this.#at, this.#at + 100));
		if (name !== null) this.#at += name[0].length;
		else if (this.#sees("?") && !this.#take("?:")) throw refused(this.#source, "uses lookaround or modifiers");
		if (["__proto__", "constructor", "prototype"].includes(name?.[1] ?? ""))
			throw refused(this.#source, `has a group named ${name?.[1]}`);
		const item = this.parse();
		this.#at++; // the closing parenthesis: RegExp has seen it
		return name === null ? item : { type: "group", item, name: name[1] as string };
	}

	#escape(): void {
		if (/^(?:[1-9]|k<)/.test(this.#source.slice(this.#at, this.#at + 2)))
			throw refused(this.#source, "uses a back-reference");
		const long = /^(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|x..|c.)/;
		this.#at += long.exec(this.#source.slice(this.#at, this.#at + 80))?.[0].length ?? 1;
	}

	#sees(text: string): boolean {
		return this.#source.startsWith(text, this.#at);
	}

	#take(text: string): boolean {
		const there = this.#sees(text);
		if (there) this.#at += text.length;
		return there;
	}
}

/** Turns the tree into instructions; a bounded repetition is written out. */
class Assembler {
	readonly #source: string;
	readonly #flags: string;
	readonly #names: string[];
	readonly #program: Instruction[] = [];

	constructor(source: string, flags: string, names: string[]) {
		this.#source = source;
		this.#flags = flags;
		this.#names = names;
	}

	assemble(tree: Node): Instruction[] {
		this.#add(tree);
		this.#emit({ op: "match" });
		return this.#program;
	}

	#emit(instruction: Instruction): number {
		if (this.#program.length >= MAX_INSTRUCTIONS) throw refused(this.#source, "is too large once written out");
		return this.#program.push(instruction) - 1;
	}

	#add(node: Node): void {
		switch (node.type) {
			case "character":
				this.#emit({ op: "character", accepts: oneCharacter(node.source, this.#flags) });
				return;
			case "assert":
				this.#emit({ op: "assert", what: node.what });
				return;
			case "sequence":
				for (const item of node.items) this.#add(item);
				return;
			case "either":
				this.#either(node.items);
				return;
			case "repeat":
				this.#repeat(node);
				return;
			case "group": {
				if (!this.#names.includes(node.name)) this.#names.push(node.name);
				const slot = this.#names.indexOf(node.name) * 2;
				this.#emit({ op: "save", slot });
				this.#add(node.item);
				this.#emit({ op: "save", slot: slot + 1 });
			}
		}
	}

	#either([first, ...rest]: Node[]): void {
		if (first === undefined) return;
		if (rest.length === 0) {
			this.#add(first);
			return;
		}
		const split = this.#emit({ op: "split", first: 0, second: 0 });
		this.#add(first);
		const jump = this.#emit({ op: "jump", to: 0 });
		this.#program[split] = { op: "split", first: split + 1, second: this.#program.length };
		this.#either(rest);
		this.#program[jump] = { op: "jump", to: this.#program.length };
	}

	#repeat({ item, least, most, lazy }: Extract<Node, { type: "repeat" }>): void {
		for (let i = 0; i < least; i++) this.#add(item);
		const fork = (at: number, out: number): void => {
			this.#program[at] = lazy
				? { op: "split", first: out, second: at + 1 }
				: { op: "split", first: at + 1, second: out };
		};
		if (most === Infinity) {
			const loop = this.#emit({ op: "split", first: 0, second: 0 });
			this.#add(item);
			this.#emit({ op: "jump", to: loop });
			fork(loop, this.#program.length);
			return;
		}
		const forks: number[] = [];
		for (let i = least; i < most; i++) {
			forks.push(this.#emit({ op: "split", first: 0, second: 0 }));
			this.#add(item);
		}
		for (const at of forks) fork(at, this.#program.length);
	}
}

/** One atom, judged by RegExp on one character at a time: constant work. ASCII is answered from a table. */
function oneCharacter(source: string, flags: string): (character: number) => boolean {
	const expression = new RegExp(`^${source}$`, flags);
	const ascii = Array.from({ length: 128 }, (_, code) => expression.test(String.fromCharCode(code)));
	return (code) => (code < 128 ? (ascii[code] as boolean) : expression.test(String.fromCodePoint(code)));
}

const isWord = (code: number | undefined): boolean => code !== undefined && /^\w$/.test(String.fromCodePoint(code));

function holds(what: Assertion, text: string, at: number): boolean {
	if (what === "start") return at === 0;
	if (what === "end") return at === text.length;
	const boundary = isWord(text.charCodeAt(at - 1) || undefined) !== isWord(text.codePointAt(at));
	return what === "boundary" ? boundary : !boundary;
}

type Slots = (number | undefined)[];

/** The slots of the preferred match that starts leftmost, or null. With no slots wanted it stops at any match. */
function match(program: Instruction[], text: string, slotCount: number): Slots | null {
	const seen = new Int32Array(program.length).fill(-1);
	let threads: { pc: number; slots: Slots }[] = [];
	let best: Slots | null = null;

	const follow = (into: typeof threads, pc: number, slots: Slots, at: number): void => {
		if (seen[pc] === at) return;
		seen[pc] = at;
		const instruction = program[pc] as Instruction;
		if (instruction.op === "jump") {
			follow(into, instruction.to, slots, at);
		} else if (instruction.op === "split") {
			follow(into, instruction.first, slots, at);
			follow(into, instruction.second, slots, at);
		} else if (instruction.op === "save") {
			follow(into, pc + 1, slotCount === 0 ? slots : slots.with(instruction.slot, at), at);
		} else if (instruction.op === "assert") {
			if (holds(instruction.what, text, at)) follow(into, pc + 1, slots, at);
		} else {
			into.push({ pc, slots });
		}
	};

	const untouched: Slots = new Array(slotCount).fill(undefined);
	for (let at = 0; ; ) {
		if (best === null) follow(threads, 0, untouched, at);
		const code = text.codePointAt(at);
		const next = at + (code !== undefined && code > 0xffff ? 2 : 1);
		const advanced: typeof threads = [];
		for (const { pc, slots } of threads) {
			const instruction = program[pc] as Instruction;
			if (instruction.op === "match") {
				best = slots;
				break; // those behind it are less preferred
			}
			if (instruction.op === "character" && code !== undefined && instruction.accepts(code))
				follow(advanced, pc + 1, slots, next);
		}
		if (code === undefined || (best !== null && (slotCount === 0 || advanced.length === 0))) return best;
		threads = advanced;
		at = next;
	}
}
