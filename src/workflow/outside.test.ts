/** What a file says of other workflows and of skills, as far as it can be known before it runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { MusterError } from "../errors.ts";
import { checkOutside } from "./outside.ts";
import { formatPath } from "./problems.ts";
import { parseWorkflow } from "./yaml.ts";

const HEAD = "apiVersion: muster/v1\nkind: Workflow\nname: outer\ninputs: { list: { type: array, default: [] } }\n";
const parse = (rest: string) => parseWorkflow(HEAD + rest, "f");
const inner = {
	...parse("steps: [{ id: a, skill: own }]\n"),
	name: "inner",
	inputs: { topic: { type: "string" as const }, words: { type: "integer" as const, default: 5 } },
};
const workflows = new Map([
	["inner", inner],
	[
		"gone",
		new MusterError("E_WORKFLOW_UNKNOWN", 'there is no workflow "gone"', { hint: "There are: inner." }) as never,
	],
]);
const action = z.discriminatedUnion("kind", [
	z.strictObject({ kind: z.literal("write"), path: z.string(), text: z.string() }),
	z.strictObject({ kind: z.literal("call"), url: z.string() }),
]);
const copy = z
	.strictObject({ from: z.string(), copies: z.int().max(9).default(1), after: z.array(action).default([]) })
	.refine(({ from }) => from !== "nowhere", "goes nowhere");
const skills = new Map<string, z.ZodType | undefined>([
	["copy", copy],
	["own", undefined],
]);

const found = (steps: string): string[] => {
	const { problems, warnings } = checkOutside(parse(`steps: [${steps}]\n`), { workflows, skills });
	return [...problems.list, ...warnings.list].map(
		({ path, message, hint }) => `${formatPath(path)}: ${message}${hint === undefined ? "" : ` (${hint})`}`,
	);
};

const listed = "${{ inputs.list }}";

test("another workflow is there and takes what it is given", () => {
	assert.deepEqual(found("{ id: a, workflow: inner, with: { topic: t, words: 3 } }"), []);
	assert.deepEqual(found(`{ id: a, workflow: inner, with: { topic: "${listed}", words: "${listed}" } }`), []);
	assert.deepEqual(found(`{ id: a, workflow: inner, with: "${listed}" }`), []);
	assert.deepEqual(found("{ id: a, workflow: gone }"), [
		'steps[0].workflow: there is no workflow "gone" (There are: inner.)',
	]);
	assert.deepEqual(
		found("{ id: a, loop: { max: 1, steps: [{ id: b, workflow: inner, with: { word: 1, words: x } }] } }"),
		[
			'steps[0].loop.steps[0].with.word: "inner" has no input "word" (Did you mean "words"?)',
			'steps[0].loop.steps[0].with.words: the input "words" of "inner" is "x", which is not a whole number',
			'steps[0].loop.steps[0].with: "inner" requires the input "topic"',
		],
	);
	assert.deepEqual(found("{ id: a, workflow: inner }"), ['steps[0].workflow: "inner" requires the input "topic"']);
});

test("a skill takes what it is given, as far as that is written there", () => {
	const wrong = "the input of copy is not right";
	assert.deepEqual(
		found("{ id: a, skill: copy, with: { from: x, copies: 2 } }, { id: b, skill: own, with: { any: 1 } }"),
		[],
	);
	assert.deepEqual(found("{ id: a, skill: copy, with: { form: x, copies: 10 } }"), [
		`steps[0].with.from: ${wrong}: from: is required`,
		`steps[0].with.copies: ${wrong}: copies: Too big: expected number to be <=9`,
		`steps[0].with.form: ${wrong}: unknown key "form" (Did you mean "from"?)`,
	]);
	assert.deepEqual(found("{ id: a, skill: copy, with: { from: nowhere } }"), [`steps[0].with: ${wrong}: goes nowhere`]);
	assert.deepEqual(found("{ id: a, skill: copy }"), [`steps[0].skill: ${wrong}: from: is required`]);
	const undo = `{ id: a, skill: own, compensate: { skill: copy, with: { from: x, after: [{ kind: call, ur: a }] } } }`;
	assert.deepEqual(found(undo), [
		`steps[0].compensate.with.after[0].url: ${wrong}: after.0.url: is required`,
		`steps[0].compensate.with.after[0].ur: ${wrong}: after.0: unknown key "ur" (known here: kind, url)`,
	]);
});

test("what an expression will give is not judged, what stands beside it is", () => {
	for (const given of [`"${listed}"`, `{ from: "${listed}", copies: "${listed}", after: "${listed}" }`]) {
		assert.deepEqual(found(`{ id: a, skill: copy, with: ${given} }`), []);
	}
	assert.deepEqual(found(`{ id: a, skill: copy, with: { from: x, after: [{ kind: "${listed}", url: a }] } }`), []);
	assert.deepEqual(found(`{ id: a, skill: copy, with: { from: "${listed}", many: 1 } }`).length, 1);
	assert.deepEqual(
		found(`{ id: a, skill: copy, with: { from: x, after: [{ kind: write, path: "${listed}" }] } }`).length,
		1,
	);
});

test("a skill that is not known is only told of, and once", () => {
	assert.deepEqual(found("{ id: a, skill: coppy }, { id: b, skill: coppy }"), [
		'steps[0].skill: no skill "coppy" comes with Muster (Did you mean "copy"?)',
	]);
});
