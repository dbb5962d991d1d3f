/**
 * One expression in the Common Expression Language: parsed, checked, bounded and run on JSON data.
 *
 * Invariants
 * C1  Data only: members are own members of plain objects and lists; no function of JavaScript can be reached.
 * C2  Evaluation ends: every step of a macro and every operation is paid from a budget of MAX_TICKS, and running out
 *     of it cannot be absorbed by `||`, `exists` or `all`.
 * C3  A plain path (`steps.a.output`) is read without CEL; whatever is not there is left to CEL, so errors are the same.
 *
 * CEL tells `int` (BigInt) from `double`, JSON does not: whole numbers go in as BigInt and come out as numbers, and
 * `int + double` and the like are added, since whether 3.0 or 3.5 is in the data must not decide what works.
 */
import { MusterError } from "../errors.ts";
import { copyJson, type Json } from "../json.ts";
import { boundedEnvironment, budgeted, measure, type Node } from "./cel-budget.ts";
import { fromCel, isWhole, toCel } from "./cel-values.ts";

/** What an expression can see, by name. */
export interface Scope {
	readonly [name: string]: Json;
}

/** A member path that an expression reads from its scope: `steps.a.output` is ["steps", "a", "output"]. */
export interface Read {
	readonly path: readonly string[];
	/** Where it begins in the expression. */
	readonly offset: number;
}

export interface Expression {
	readonly text: string;
	readonly reads: readonly Read[];
	/** @throws E_EXPRESSION */
	evaluate(scope: Scope): Json;
}

/** Longest expression, in characters. */
export const MAX_EXPRESSION = 4_096;
const environment = boundedEnvironment();

/** @throws E_EXPRESSION when it does not parse or can never be evaluated */
export function parseExpression(text: string): Expression {
	if (text.length > MAX_EXPRESSION) {
		throw new MusterError(
			"E_EXPRESSION",
			`An expression has ${text.length} characters; ${MAX_EXPRESSION} are allowed`,
			{
				details: { expression: `${text.slice(0, 80)}...`, reason: "too long" },
			},
		);
	}
	try {
		return prepare(text);
	} catch (error) {
		throw failure(text, error);
	}
}

function prepare(text: string): Expression {
	const parsed = environment.parse(text);
	const check = parsed.check();
	if (!check.valid) throw check.error;
	const root = parsed.ast as unknown as Node;
	const reads: Read[] = [];
	visit(root, [], (node, locals) => {
		refuse(node);
		measure(node);
		const chain = chainOf(node);
		if (chain === undefined || locals.includes(chain.path[0] as string)) return false;
		reads.push(chain);
		return true;
	});
	const paths = reads.map((read) => read.path);
	const plain = root.meta.alternate === undefined ? chainOf(root)?.path : undefined;
	return {
		text,
		reads,
		evaluate(scope) {
			const found = plain && follow(scope, plain);
			if (found !== undefined) return found;
			try {
				const made: unknown = budgeted(() => parsed(narrow(scope, paths)));
				return budgeted(() => copyJson(fromCel(made), "the result", "E_OUTPUT_INVALID"));
			} catch (error) {
				throw failure(text, error);
			}
		},
	};
}

const isNode = (value: unknown): value is Node =>
	typeof value === "object" && value !== null && "op" in value && "meta" in value;

/** Calls `see` on every node that is evaluated, until it answers true (nothing below is of interest). */
function visit(given: Node, locals: readonly string[], see: (node: Node, locals: readonly string[]) => boolean): void {
	const node = given.meta.alternate ?? given;
	if (see(node, locals)) return;
	const macro = node.meta.macro;
	if (macro !== undefined) {
		for (const argument of macro.args ?? []) visit(argument, locals, see);
		if (macro.val !== undefined) visit(macro.val, locals, see);
		if (macro.exp !== undefined) visit(macro.exp, [...locals, macro.var ?? ""], see);
	} else if (node.op === "comprehension") {
		const { iterable, init, step, iterVarName } = node.args as {
			[part in "iterable" | "init" | "step"]: Node;
		} & { iterVarName: string };
		visit(iterable, locals, see);
		visit(init, locals, see);
		visit(step, [...locals, iterVarName], see);
	} else {
		visitAll(node.args, locals, see);
	}
}

function visitAll(value: unknown, locals: readonly string[], see: Parameters<typeof visit>[2]): void {
	if (isNode(value)) visit(value, locals, see);
	else if (Array.isArray(value)) for (const item of value) visitAll(item, locals, see);
}

/** The longest path of names down to a variable: `a.b["c"]` is one, `a[0].b` is not. */
function chainOf(given: Node): { path: string[]; offset: number } | undefined {
	const path: string[] = [];
	let node = given;
	while (node.meta.alternate === undefined && node.meta.macro === undefined) {
		if (node.op === "id") return { path: [node.args as string, ...path.reverse()], offset: node.start };
		if (node.op !== "." && node.op !== "[]") return undefined;
		const [left, member] = node.args as [Node, string | Node];
		const name = typeof member === "string" ? member : member.op === "value" ? member.args : undefined;
		if (typeof name !== "string") return undefined;
		path.push(name);
		node = left;
	}
	return undefined;
}

/** The value at the path, or undefined when anything about it is unusual. */
function follow(scope: Scope, path: readonly string[]): Json | undefined {
	let value: Json | undefined = scope as { [name: string]: Json };
	for (let i = 0; i < path.length; i++) {
		const name = path[i] as string;
		if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
			return undefined;
		}
		value = value[name];
	}
	return value;
}

function refuse(node: Node): void {
	if (node.op !== "rcall" || (node.args as unknown[])[0] !== "matches") return;
	// JavaScript's regular expressions can take exponential time, and nothing can stop one that runs.
	throw Object.assign(new Error("matches() is not available: a regular expression may never end"), {
		hint: "Use contains(), startsWith() or endsWith().",
		range: { start: node.pos },
	});
}

/** Only what the expression reads, in CEL's numbers. Large outputs that it does not mention cost nothing. */
function narrow(scope: Scope, paths: readonly (readonly string[])[]): object {
	const narrowed: Record<string, unknown> = Object.create(null);
	for (const path of paths) {
		let from: Json = scope as { [name: string]: Json };
		let to = narrowed;
		for (const [depth, name] of path.entries()) {
			if (!Object.hasOwn(from, name) || isWhole(to)) break;
			const value: Json | undefined = (from as { [name: string]: Json })[name];
			if (value === undefined) break;
			const last = depth === path.length - 1;
			if (last || typeof value !== "object" || value === null || Array.isArray(value)) {
				to[name] = toCel(value);
				break;
			}
			to[name] ??= Object.create(null);
			to = to[name] as Record<string, unknown>;
			from = value;
		}
	}
	return narrowed;
}

const hints: Record<string, string> = {
	no_such_key: "Where it may be missing, write has(a.b) ? a.b : other.",
	no_such_overload: "Both sides must be of one kind: string(x), int(x) and double(x) convert.",
	unknown_variable: "Known are inputs, steps, run and, in a forEach step, its item and index. Text needs quotes.",
};

function failure(text: string, thrown: unknown): MusterError {
	const error = thrown as {
		summary?: string;
		message?: string;
		hint?: string;
		code?: string;
		range?: { start: number };
	};
	const reason = error.summary ?? error.message ?? "failed";
	const offset = Math.min(error.range?.start ?? -1, text.length);
	return new MusterError("E_EXPRESSION", `${reason}\n${excerpt(text, offset)}`, {
		hint: error.hint ?? hints[error.code ?? ""],
		details: { expression: text, reason, ...(offset < 0 ? {} : { offset }) },
	});
}

/** The line of the expression with a caret under the place, cut to what a terminal shows. */
function excerpt(text: string, offset: number): string {
	const start = Math.max(text.lastIndexOf("\n", offset - 1) + 1, offset - 60, 0);
	const line = (text.slice(start).split("\n", 1)[0] as string).slice(0, 100).replace(/\t/g, " ");
	return offset < 0 ? `  ${line}` : `  ${line}\n  ${" ".repeat(offset - start)}^`;
}
