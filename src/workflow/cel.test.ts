import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../errors.ts";
import { canonicalJson, type Json } from "../json.ts";
import { MAX_EXPRESSION, parseExpression, type Scope } from "./cel.ts";

const evaluate = (text: string, scope: Scope = {}): Json => parseExpression(text).evaluate(scope);

const refused = (text: string, scope: Scope = {}) => {
	let thrown: unknown;
	try {
		evaluate(text, scope);
	} catch (error) {
		thrown = error;
	}
	assert.ok(hasCode(thrown, "E_EXPRESSION"), `${text} should be refused, but ${thrown}`);
	return thrown;
};

const name = fc.constantFrom("a", "b", "toString", "length", "size", "valueOf");
// What crosses the journal never has such a key (copyJson).
const json = fc
	.jsonValue({ maxDepth: 3 })
	.filter((value) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(value))) as fc.Arbitrary<Json>;
const data: fc.Arbitrary<Json> = fc.oneof(
	json,
	fc.dictionary(name, fc.oneof(json, fc.dictionary(name, json)), { noNullPrototype: true }),
);

test("a plain path gives what CEL gives, also where it ends in nothing", () => {
	fc.assert(
		fc.property(data, fc.array(name, { maxLength: 3 }), (value, path) => {
			const plain = ["x", ...path].join(".");
			const outcome = (text: string): string => {
				try {
					return canonicalJson(evaluate(text, { x: value }));
				} catch (error) {
					return String((error as { details: { reason: string } }).details.reason);
				}
			};
			// dyn() is the identity, but it is a call, so the whole goes through CEL.
			assert.equal(outcome(plain), outcome(`dyn(${plain})`));
		}),
		{ numRuns: 500 },
	);
});

test("any JSON that goes in comes out the same", () => {
	fc.assert(
		fc.property(json, (value) => {
			assert.equal(canonicalJson(evaluate("dyn(x)", { x: value })), canonicalJson(value));
		}),
	);
});

test("whole numbers and fractions can be compared and added, whichever the data holds", () => {
	assert.equal(evaluate("n + 1", { n: 2 }), 3);
	assert.equal(evaluate("n >= 0.8", { n: 1 }), true);
	assert.equal(evaluate("n * 2", { n: 1.5 }), 3);
	assert.equal(evaluate("2 * n", { n: 1.5 }), 3);
	assert.equal(evaluate("n - 0.5", { n: 3 }), 2.5);
	assert.equal(evaluate("n / 2.0", { n: 3 }), 1.5);
});

test("a key that JSON here does not have is an error of a map too, and leaves nothing out in silence", () => {
	for (const key of ["__proto__", "constructor", "prototype"]) {
		for (const text of [`{'a': 1, '${key}': {'x': 5}}`, `{k: 1}`, `size({'${key}': 1})`, `[1].map(i, {'${key}': i})`]) {
			assert.match(refused(text, { k: key }).message, new RegExp(`"${key}" is a key that is not allowed`));
		}
	}
	assert.deepEqual(evaluate("{'a': 1, 'b': {'c': k}, 3: true}", { k: "x" }), { a: 1, b: { c: "x" }, 3: true });
	assert.deepEqual(evaluate("{}"), {});
});

test("distinct() keeps the first of equal items, in their order", () => {
	const list = [3, "a", 1, 3, { b: 1 }, "a", { b: 1 }, "1"];
	assert.deepEqual(evaluate("l.distinct()", { l: list }), [3, "a", 1, { b: 1 }, "1"]);
});

test("what an expression reads is known without running it, and names of macros are not part of it", () => {
	const paths = (text: string) => parseExpression(text).reads.map(({ path }) => path.join("."));
	assert.deepEqual(paths("steps.a.output.x + inputs.n"), ["steps.a.output.x", "inputs.n"]);
	assert.deepEqual(paths("steps['a'].outputs[0].title"), ["steps.a.outputs"]);
	assert.deepEqual(paths("xs.filter(x, x.ok && x.n > min).map(y, y.z)"), ["xs", "min"]);
	assert.deepEqual(paths("has(a.b) ? a.b : 1"), ["a.b", "a.b"]);
	assert.deepEqual(paths("cel.bind(v, a.b, v + c)"), ["a.b", "c"]);
	assert.deepEqual(paths("steps[inputs.which]"), ["steps", "inputs.which"]);
});

test("an expression sees members that it names beside an object that it takes whole", () => {
	const scope = { inputs: { a: 1, b: { c: 2 } } };
	assert.deepEqual(evaluate("[inputs.b.c, size(inputs), size(inputs.b)]", scope), [2, 2, 1]);
	assert.deepEqual(evaluate("[size(inputs), inputs.b.c]", scope), [2, 2]);
	assert.equal(evaluate("has(inputs.b.d)", scope), false);
});

test("nothing of JavaScript can be reached", () => {
	for (const member of ["constructor", "__proto__", "toString", "hasOwnProperty", "length", "prototype"]) {
		refused(`x.${member}`, { x: {} });
		refused(`x["${member}"]`, { x: {} });
		refused(`x.${member}`, { x: "text" });
		refused(`x.${member}`, { x: [1] });
		refused(member);
	}
	refused("x.constructor('return process')()", { x: {} });
	refused('{"__proto__": {"polluted": true}}');
	assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

const long = Array.from({ length: 10_000 }, (_, index) => index);
const nested = (seed: string, step: (inner: string, index: number) => string): string =>
	Array.from({ length: 60 }).reduce<string>((inner, _, index) => step(inner, index), seed);

const endless: [string, string, Scope][] = [
	["nested map", "l.map(a, l.map(b, l.map(c, 1)))", { l: long }],
	["nested exists", "l.exists(a, l.exists(b, l.exists(c, a + b + c < 0)))", { l: long }],
	["nested all behind ||", "l.all(a, l.all(b, l.all(c, true))) || true", { l: long }],
	["membership in a loop", "l.filter(a, !(a + 1 in l))", { l: long.map(() => -1) }],
	["doubling a list", nested("l", (inner, i) => `cel.bind(x${i}, ${inner}, x${i} + x${i})`), { l: [1] }],
	["doubling a text", nested("l", (inner, i) => `cel.bind(x${i}, ${inner}, x${i} + x${i})`), { l: "ab" }],
	["sharing lists", nested("l", (inner, i) => `cel.bind(x${i}, ${inner}, [x${i}, x${i}])`), { l: [1] }],
	["joining long texts", "l.map(x, s).join()", { l: long, s: "x".repeat(100_000) }],
	["repeating a long text", "l.map(x, s)", { l: long, s: "x".repeat(100_000) }],
	["comparing lists in a loop", "l.filter(x, l == m)", { l: long, m: [...long] }],
	["splitting in a loop", "l.map(x, s.split(''))", { l: long, s: "x".repeat(100_000) }],
];

for (const [what, text, scope] of endless) {
	test(`evaluation ends within its budget: ${what}`, () => {
		const before = process.memoryUsage().heapUsed;
		assert.match(refused(text, scope).message, /too much work or memory/);
		assert.ok(process.memoryUsage().heapUsed - before < 200e6);
	});
}

test("a macro over the longest list that a forEach takes is within the budget", () => {
	assert.equal((evaluate("l.filter(x, x % 2 == 0).map(x, x * 2 + 1)", { l: long }) as Json[]).length, 5_000);
});

test("regular expressions are refused with what to use instead", () => {
	assert.match(String(refused('s.matches("(a+)+$")', { s: "aaa" }).hint), /contains/);
});

test("an expression that is too long or too deep is refused", () => {
	refused("1".padEnd(MAX_EXPRESSION + 1));
	refused(`${"(".repeat(1_000)}1${")".repeat(1_000)}`);
	refused(`${"!".repeat(4_000)}true`);
});

test("what JSON cannot hold is refused", () => {
	for (const text of ["type(1)", 'double("nan")', "1.0 / 0.0", 'b"x"', "9007199254740993", 'duration("1s")', "cel"]) {
		refused(text);
	}
});

test("an error shows the expression with a caret under the place", () => {
	const error = refused("inputs.topic + steps.a.foo", { inputs: { topic: "x" }, steps: { a: {} } });
	assert.equal(error.message, `No such key: foo\n  inputs.topic + steps.a.foo\n  ${" ".repeat(23)}^`);
	assert.equal(error.details?.expression, "inputs.topic + steps.a.foo");
	assert.equal(error.details?.offset, 23);
	assert.match(String(error.hint), /has\(/);
});

test("what is wrong in every case is found while parsing", () => {
	for (const text of ["1 +", "a..b", "foo(1)", 'true ? 1 : "x"', '1 == "x"', '"abc', ""]) {
		assert.throws(() => parseExpression(text), { code: "E_EXPRESSION" });
	}
});
