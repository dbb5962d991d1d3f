import assert from "node:assert/strict";
import { test } from "node:test";
import type { InputSpec, WorkflowDefinition } from "./definition.ts";
import { absolutePaths, checkInputs, coerceInputs } from "./inputs.ts";

const flow = (inputs: Record<string, InputSpec>): WorkflowDefinition => ({
	name: "flow",
	inputs,
	steps: [],
	outputs: {},
});

const all = flow({
	topic: { type: "string" },
	words: { type: "integer", default: 800, minimum: 100, maximum: 5000 },
	rate: { type: "number", default: 0.5 },
	dry: { type: "boolean", default: false },
	angles: { type: "array", default: ["a"] },
	units: { type: "object", default: {} },
	style: { type: "string", default: "plain", enum: ["plain", "formal"] },
});

test("defaults fill what is not given, and what is given is copied", () => {
	const given = { topic: "tea", angles: ["x"] };
	const inputs = checkInputs(all, given);
	assert.deepEqual(inputs, {
		topic: "tea",
		words: 800,
		rate: 0.5,
		dry: false,
		angles: ["x"],
		units: {},
		style: "plain",
	});
	given.angles.push("y");
	(inputs.units as Record<string, number>).m = 1;
	assert.deepEqual(inputs.angles, ["x"]);
	assert.deepEqual(checkInputs(all, given).units, {});
});

test("everything that is unknown, missing or does not fit is told at once", () => {
	assert.throws(
		() => checkInputs(all, { topc: "x", words: 50, rate: "1", dry: null, angles: {}, units: [], style: "odd" }),
		{
			code: "E_INPUT_INVALID",
			message: [
				'Inputs of workflow "flow":',
				'topc: is not an input of this workflow (Did you mean "topic"?)',
				"topic: is required",
				"words: is 50, below the minimum 100",
				'rate: is "1", which is not a number',
				"dry: is null, which is not true or false",
				"angles: is {}, which is not a list",
				"units: is [], which is not an object",
				'style: is "odd", which is not one of "plain", "formal"',
			].join("\n"),
		},
	);
});

test("inputs that are not an object or not JSON are refused", () => {
	for (const given of [[], "x", 7, { topic: () => 1 }, { topic: "x", rate: Number.NaN }]) {
		assert.throws(() => checkInputs(all, given), { code: "E_INPUT_INVALID" });
	}
});

test("a fraction is no whole number, nor is one that a number cannot hold exactly", () => {
	for (const words of [100.5, 2 ** 53])
		assert.throws(() => checkInputs(all, { topic: "x", words }), { code: "E_INPUT_INVALID" });
});

test("texts become values of the declared type", () => {
	const texts = {
		topic: "007",
		words: "900",
		rate: "-2.5e1",
		dry: "true",
		angles: '["a", 1]',
		units: '{"wind": "m/s"}',
	};
	assert.deepEqual(coerceInputs(all, texts), {
		topic: "007",
		words: 900,
		rate: -25,
		dry: true,
		angles: ["a", 1],
		units: { wind: "m/s" },
	});
});

test("texts that are not of the declared type are told at once, with what to write", () => {
	const texts = { words: "1e3.5", rate: "0x10", dry: "yes", angles: "a,b", units: "[]", wrods: "1", toString: "x" };
	assert.throws(() => coerceInputs(all, texts), {
		code: "E_INPUT_INVALID",
		message: [
			'Inputs of workflow "flow":',
			'words: is "1e3.5", which is not a whole number',
			'rate: is "0x10", which is not a number',
			'dry: is "yes", which is not true or false (Write true or false.)',
			'angles: is "a,b", which is not a list (Write JSON, for example ["a", "b"].)',
			'units: is "[]", which is not an object (Write JSON, for example {"a": 1}.)',
			'wrods: is not an input of this workflow (Did you mean "words"?)',
			"toString: is not an input of this workflow (Inputs are topic, words, rate, dry, angles, units, style.)",
		].join("\n"),
	});
});

test("empty texts and spaces are no numbers", () => {
	for (const words of ["", " ", " 900", "Infinity", "NaN"]) {
		assert.throws(() => coerceInputs(all, { words }), { code: "E_INPUT_INVALID" }, JSON.stringify(words));
	}
});

const paths: WorkflowDefinition = {
	name: "paths",
	inputs: {
		folder: { type: "string", format: "path", default: "../texts" },
		note: { type: "string", default: "../texts" },
	},
	steps: [],
	outputs: {},
};

test("begins a default path in the folder of the workflow's file, and leaves other texts and given paths alone", () => {
	assert.deepEqual(checkInputs(paths, {}, "/elsewhere/workflows"), { folder: "/elsewhere/texts", note: "../texts" });
	assert.equal(checkInputs(paths, { folder: "mine" }, "/elsewhere/workflows").folder, "mine");
	assert.equal(checkInputs(paths, {}, `${process.cwd()}/workflows`).folder, "texts");
});

test("tells another process whole paths, and web addresses as they are", () => {
	assert.deepEqual(absolutePaths(paths, { folder: "mine", note: "mine" }, "/home/me"), {
		folder: "/home/me/mine",
		note: "mine",
	});
	assert.equal(absolutePaths(paths, { folder: "https://example.org/a" }, "/home/me").folder, "https://example.org/a");
});
