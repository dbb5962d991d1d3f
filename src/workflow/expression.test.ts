import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../errors.ts";
import type { Json } from "../json.ts";
import { evaluateCondition, evaluateTemplate, expressionsIn } from "./expression.ts";

const open = "$" + "{{";
const scope = {
	inputs: { topic: "tea", n: 3, list: [1, { a: 2 }], none: null },
	steps: { a: { output: { ok: true } } },
};

test("a text that is one expression keeps the type of its value", () => {
	assert.equal(evaluateTemplate(`${open} inputs.n }}`, scope), 3);
	assert.deepEqual(evaluateTemplate(`${open}inputs.list}}`, scope), [1, { a: 2 }]);
	assert.deepEqual(evaluateTemplate(`${open} steps.a.output }}`, scope), { ok: true });
	assert.equal(evaluateTemplate(`${open} inputs.none }}`, scope), null);
});

test("in a longer text values become text: null is nothing, lists and objects are JSON", () => {
	assert.equal(
		evaluateTemplate(`about ${open} inputs.topic }}, ${open} inputs.n + 1 }} times`, scope),
		"about tea, 4 times",
	);
	assert.equal(evaluateTemplate(`<${open} inputs.none }}${open} inputs.list }}>`, scope), '<[1,{"a":2}]>');
	assert.equal(evaluateTemplate(` ${open} inputs.n }}`, scope), " 3");
});

test("lists and objects are walked and names of members are left alone", () => {
	const template = { [`${open} x }}`]: [`${open} inputs.n }}`, { deep: `${open} inputs.topic }}` }, 7, null] };
	assert.deepEqual(evaluateTemplate(template, scope), { [`${open} x }}`]: [3, { deep: "tea" }, 7, null] });
});

test("braces inside texts and map literals do not end an expression", () => {
	assert.deepEqual(evaluateTemplate(`${open} {'a': {'b': 1}} }}`, scope), { a: { b: 1 } });
	assert.deepEqual(evaluateTemplate(`${open}{'a': {'b': 1}}}}`, scope), { a: { b: 1 } });
	assert.equal(evaluateTemplate(`${open} '}}' + "\\"}}" }}!`, scope), '}}"}}!');
	assert.equal(evaluateTemplate(`${open} """a"}}""" }}`, scope), 'a"}}');
	assert.equal(evaluateTemplate(`${open} '${open} x }}' }}`, scope), `${open} x }}`);
});

test("an expression that is not closed is refused", () => {
	for (const text of [`${open} inputs.n }`, `a ${open}`, `${open} "}} `, `${open} {'a': 1}}`]) {
		assert.throws(
			() => evaluateTemplate(text, scope),
			(error) => hasCode(error, "E_EXPRESSION"),
			text,
		);
	}
});

test("a template without expressions is itself", () => {
	const plain = fc.jsonValue().filter((value) => !JSON.stringify(value).includes(open)) as fc.Arbitrary<Json>;
	fc.assert(fc.property(plain, (template) => assert.deepEqual(evaluateTemplate(template, {}), template)));
});

test("a value put in the place of an expression comes out as it is, however it is nested", () => {
	fc.assert(
		fc.property(fc.jsonValue() as fc.Arbitrary<Json>, fc.nat(5), (value, depth) => {
			let template: Json = `${open} x }}`;
			let expected = value;
			for (let i = 0; i < depth; i++)
				[template, expected] = [
					[template, { i }],
					[expected, { i }],
				];
			assert.deepEqual(evaluateTemplate({ deep: template }, { x: value }), { deep: expected });
		}),
	);
});

test("a text around a text value is concatenation", () => {
	const plain = fc.string().filter((text) => !text.includes("$"));
	fc.assert(
		fc.property(plain, fc.string(), plain, (before, value, after) => {
			const filled = evaluateTemplate(`${before}${open} x }}${after}`, { x: value });
			assert.equal(filled, before + value + after);
		}),
	);
});

test("a text that grows beyond the bound is refused", () => {
	const template = `${open} x }}. `.repeat(20);
	assert.throws(() => evaluateTemplate(template, { x: "y".repeat(100_000) }), { code: "E_EXPRESSION" });
});

test("an if is an expression with or without braces and must be true or false", () => {
	assert.equal(evaluateCondition("inputs.n > 2", scope), true);
	assert.equal(evaluateCondition(`${open} inputs.n > 3 }}`, scope), false);
	assert.throws(() => evaluateCondition("inputs.n", scope), {
		code: "E_EXPRESSION",
		message: /a number, not true or false/,
	});
});

test("expressions are listed with their path and place, the broken ones with their error", () => {
	const found = expressionsIn({ a: [`x ${open} inputs.n }} ${open} 1 + }}`], b: `${open} y` });
	assert.deepEqual(
		found.map(({ path, text, offset, error }) => ({ path, text, offset, broken: error !== undefined })),
		[
			{ path: ["a", 0], text: "inputs.n", offset: 6, broken: false },
			{ path: ["a", 0], text: "1 +", offset: 22, broken: true },
			{ path: ["b"], text: `${open} y`, offset: 0, broken: true },
		],
	);
});

test("ten thousand different expressions leave the memory as it was", () => {
	const before = process.memoryUsage().heapUsed;
	for (let i = 0; i < 10_000; i++) assert.equal(evaluateTemplate(`${open} ${i} + 1 }}`, {}), i + 1);
	assert.ok(process.memoryUsage().heapUsed - before < 100e6);
});
