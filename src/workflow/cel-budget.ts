/**
 * The bounds of one evaluation. CEL alone always ends, but nested macros over long lists can take years, and doubling a
 * list in `cel.bind` fills any memory; so the nodes that can do much pay for it, and an empty purse ends the evaluation.
 */
import { Environment } from "@marcbachmann/cel-js";
import { isAllowedKey } from "../json.ts";

/** Longest text an expression or a template may make, in characters. */
export const MAX_TEXT = 1024 * 1024;
/** Work one evaluation may do: about a third of a second at worst. */
export const MAX_TICKS = 1_000_000;
/** Work of all evaluations that belong together: those of one template. */
export const MAX_TOGETHER = 3 * MAX_TICKS;

type Run = (evaluator: Evaluator, node: Node, context: unknown) => unknown;

interface Evaluator {
	run(node: Node, context: unknown): unknown;
	tryEval(node: Node, context: unknown): unknown;
}

/** The parts of the library's syntax tree that its types leave out; the tests of this file fail when they change. */
export interface Node {
	op: string;
	args: unknown;
	pos: number;
	start: number;
	meta: { evaluate: Run; alternate?: Node; macro?: { args?: Node[]; var?: string; val?: Node; exp?: Node } };
	handle?: (...parameters: unknown[]) => unknown;
	left: Node;
	right: Node;
	receiverWithArgs?: Node[];
	setMeta(key: string, value: unknown): Node;
}

class OutOfBudget extends Error {
	override message = "The expression needs too much work or memory";
}

/**
 * What is left for the running evaluation and for those that belong together, and the work done so far. One is enough:
 * evaluation is synchronous and does not nest.
 */
const budget = { left: 0, together: Number.POSITIVE_INFINITY, done: 0 };

/** One evaluation with a budget of its own. */
export function budgeted<Value>(evaluate: () => Value): Value {
	const given = Math.min(MAX_TICKS, budget.together);
	budget.left = given;
	try {
		return evaluate();
	} finally {
		budget.together -= given - Math.max(budget.left, 0);
	}
}

/** All evaluations inside share a budget besides their own. */
export function together<Value>(work: () => Value): Value {
	budget.together = MAX_TOGETHER;
	try {
		return work();
	} finally {
		budget.together = Number.POSITIVE_INFINITY;
	}
}

/** Work of all evaluations so far. */
export const workDone = (): number => budget.done;

export function pay(ticks: number): void {
	budget.left -= ticks;
	budget.done += ticks;
	if (budget.left < 0) throw new OutOfBudget();
}

/** Pays for what was done before and is used again: an evaluation costs the same, whether another one came before it. */
export function payAgain(ticks: number): void {
	budget.left -= ticks;
	if (budget.left < 0) throw new OutOfBudget();
}

/** What work costs. */
export function priceOf<Value>(work: () => Value): { made: Value; ticks: number } {
	const before = budget.done;
	const made = work();
	return { made, ticks: budget.done - before };
}

/** CEL as {@link measure} expects it, with arithmetic across the two kinds of numbers. */
export function boundedEnvironment(): Environment {
	const made = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
	const mixed: [string, (a: number, b: number) => number][] = [
		["+", (a, b) => a + b],
		["-", (a, b) => a - b],
		["*", (a, b) => a * b],
		["/", (a, b) => a / b],
	];
	for (const [operator, compute] of mixed) {
		made.registerOperator(`int ${operator} double: double`, (a: bigint, b: number) => compute(Number(a), b));
		made.registerOperator(`double ${operator} int: double`, (a: number, b: bigint) => compute(a, Number(b)));
	}
	made.registerFunction("list.distinct(): list<dyn>", distinct, { async: false } as object);
	// The library absorbs errors of operands in || and of items in exists; running out of budget must pass through (C2).
	const probe = made.parse("true");
	(probe.ast as unknown as Node).setMeta("evaluate", (evaluator: Evaluator) => {
		evaluator.tryEval = (node, context) => {
			try {
				return evaluator.run(node, context);
			} catch (error) {
				if (error instanceof OutOfBudget) throw error;
				return error;
			}
		};
		return true;
	});
	probe();
	return made;
}

/** The items without those that are equal to an earlier one, as in the list extension of cel-go. */
function distinct(list: unknown[]): unknown[] {
	const seen = new Set<string>();
	return list.filter((item) => {
		const text = JSON.stringify(item, bigAsNumber);
		return !seen.has(text) && seen.add(text);
	});
}

const bigAsNumber = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);

const binaryOperators = new Set(["==", "!=", "in", "+", "-", "*", "/", "%", "<", "<=", ">", ">="]);
/** Constant time, whatever their operand holds. */
const cheapCalls = new Set(["size", "type", "dyn"]);

/** Makes the node pay for what it does. Has to come after the check, which chooses the handlers. */
export function measure(node: Node): void {
	if (node.op === "comprehension") {
		const { step } = node.args as { step: Node };
		const inner = step.meta.evaluate;
		step.setMeta("evaluate", ((evaluator, at, context) => {
			pay(1);
			return inner(evaluator, at, context);
		}) satisfies Run);
		// A step that is itself a macro never reaches its own `evaluate`, but then the macro inside pays.
		return;
	}
	if (node.op === "map") {
		node.setMeta("evaluate", ((evaluator, at, context) =>
			makeMap(evaluator, at.args as [Node, Node][], context)) satisfies Run);
		return;
	}
	const name = (node.args as unknown[] | null)?.[0];
	if (node.meta.macro !== undefined || cheapCalls.has(name as string)) return;
	if (binaryOperators.has(node.op)) {
		node.setMeta("evaluate", ((evaluator, at, context) => {
			const left = evaluator.run(at.left, context);
			const right = evaluator.run(at.right, context);
			pay(1 + weight(left) + weight(right));
			return checkText(at.handle?.(left, right, at, evaluator));
		}) satisfies Run);
	} else if (node.op === "call") {
		node.setMeta("evaluate", ((evaluator, at, context) => {
			const values = runAll(evaluator, (at.args as [string, Node[]])[1], context);
			return checkText(at.handle?.(values, at, evaluator));
		}) satisfies Run);
	} else if (node.op === "rcall") {
		node.setMeta("evaluate", ((evaluator, at, context) => {
			const values = runAll(evaluator, at.receiverWithArgs ?? [], context);
			if (name === "join") checkJoin(values);
			return checkText(at.handle?.(values, evaluator, at));
		}) satisfies Run);
	}
}

/** The library leaves keys out in silence that JSON here does not have; they are an error, as they are everywhere. */
function makeMap(evaluator: Evaluator, entries: readonly [Node, Node][], context: unknown): object {
	const map: { [key: string]: unknown } = {};
	for (const [key, value] of entries) {
		const name = String(evaluator.run(key, context));
		if (!isAllowedKey(name)) {
			throw Object.assign(new Error(`"${name}" is a key that is not allowed`), { range: { start: key.pos } });
		}
		map[name] = evaluator.run(value, context);
	}
	return map;
}

function runAll(evaluator: Evaluator, nodes: Node[], context: unknown): unknown[] {
	const values = nodes.map((node) => evaluator.run(node, context));
	for (const value of values) pay(1 + weight(value));
	return values;
}

/** How much work a value is to go through once. Pays while it counts, so that counting ends as well. */
function weight(value: unknown): number {
	if (typeof value === "string") return value.length >>> 6;
	if (typeof value !== "object" || value === null) return 0;
	const members = Array.isArray(value) ? value : Object.values(value);
	pay(members.length);
	let total = 0;
	for (const member of members) total += weight(member);
	return total;
}

function checkText(value: unknown): unknown {
	if (typeof value === "string" && value.length > MAX_TEXT) throw new OutOfBudget();
	if (Array.isArray(value)) pay(value.length);
	return value;
}

function checkJoin([list, separator]: unknown[]): void {
	if (!Array.isArray(list)) return;
	let length = list.length * (typeof separator === "string" ? separator.length : 0);
	for (const item of list) length += typeof item === "string" ? item.length : 0;
	if (length > MAX_TEXT) throw new OutOfBudget();
}
