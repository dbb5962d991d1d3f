// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a workflow file writes expressions
import assert from "node:assert/strict";
import { test } from "node:test";
import { MusterError } from "../errors.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { definitionHash } from "./hash.ts";
import { assertValid } from "./validate.ts";
import { type FileProblem, parseWorkflow } from "./yaml.ts";

const HEAD = "apiVersion: muster/v1\nkind: Workflow\nname: flow\n";
const ONE = "steps: [{ id: a, skill: work }]\n";

function errorOf(text: string): MusterError {
	try {
		parseWorkflow(text, "flow.yaml");
	} catch (error) {
		assert.ok(error instanceof MusterError && error.code === "E_WORKFLOW_INVALID", String(error));
		return error;
	}
	return assert.fail("the file should be refused");
}

const FULL = `${HEAD}version: 1.2.0
description: What it does
labels: { team: content }
inputs:
  topic: { type: string, description: About what }
  words: { type: integer, default: 800, minimum: 100, maximum: 5000 }
defaults:
  priority: low
  timeout: 2m
  retry: { max: 5, initial: 2s, cap: 1m }
steps:
  - id: research
    skill: research
    forEach: { in: "$\{{ ['a', 'b'] }}", as: angle }
    with: { query: "$\{{ inputs.topic + ' ' + angle }}", place: "$\{{ index }}" }
  - id: write
    skill: writing
    needs: research
    if: $\{{ steps.research.outputs.size() > 0 }}
    priority: high
    capabilities: fast
    timeout: 500ms
    idleTimeout: 30s
    retry: { max: 1, backoff: fixed }
    with: { notes: "$\{{ steps.research.outputs }}" }
outputs:
  text: $\{{ steps.write.output }}
`;

test("a place lies inside of the text, however broken that is", () => {
	const text = "[${{ steps.a.output }}---\n- ";
	assert.throws(
		() => parseWorkflow(text, "f"),
		(error) => {
			const { problems } = (error as MusterError).details as { problems: { line: number; column: number }[] };
			return problems.every(({ line, column }) => column <= (text.split("\n")[line - 1]?.length ?? -1) + 1);
		},
	);
});

test("a file becomes the intermediate form: defaults merged, durations in milliseconds, one need as a list", () => {
	const retry = { factor: 2, jitter: "full" } as const;
	assert.deepEqual(parseWorkflow(FULL, "flow.yaml"), {
		name: "flow",
		version: "1.2.0",
		description: "What it does",
		labels: { team: "content" },
		inputs: {
			topic: { type: "string", description: "About what" },
			words: { type: "integer", default: 800, minimum: 100, maximum: 5000 },
		},
		steps: [
			{
				id: "research",
				skill: "research",
				needs: [],
				forEach: { in: "${{ ['a', 'b'] }}", as: "angle" },
				with: { query: "${{ inputs.topic + ' ' + angle }}", place: "${{ index }}" },
				priority: "low",
				timeoutMs: 120_000,
				retry: { maxAttempts: 5, initialMs: 2_000, capMs: 60_000, ...retry },
			},
			{
				id: "write",
				skill: "writing",
				needs: ["research"],
				if: "${{ steps.research.outputs.size() > 0 }}",
				with: { notes: "${{ steps.research.outputs }}" },
				priority: "high",
				capabilities: ["fast"],
				timeoutMs: 500,
				idleTimeoutMs: 30_000,
				retry: { maxAttempts: 1, initialMs: 2_000, factor: 1, capMs: 60_000, jitter: "none" },
			},
		],
		outputs: { text: "${{ steps.write.output }}" },
	} satisfies WorkflowDefinition);
});

test("the hash does not depend on how the file is written", () => {
	const flowStyle = parseWorkflow(`${HEAD}${ONE}`, "a.yaml");
	const blockStyle = parseWorkflow(
		`name: flow\nsteps:\n- skill: work # the same\n  "id": 'a'\nkind: Workflow\napiVersion: muster/v1\n`,
		"b.yaml",
	);
	assert.equal(definitionHash(flowStyle), definitionHash(blockStyle));
	assert.match(definitionHash(flowStyle), /^[0-9a-f]{64}$/);
	assert.notEqual(definitionHash(flowStyle), definitionHash({ ...flowStyle, name: "other" }));
});

test("every problem of shape and meaning is told at once, in the order of the file, with line and column", () => {
	const error = errorOf(`${HEAD}inputs:
  topic: { type: strin }
  n: { type: integer, default: 0, minimum: 1 }
budget: {}
steps:
  - id: a
    skil: research
    forEach: { in: [1], as: steps }
    with: { t: "$\{{ inputs.topc }}" }
    timeout: 3 weeks
  - id: b
    skill: write
    needz: a
    if: steps.b.outputs.size( > 0
    with: "x $\{{ steps.b.output }}"
    loop: 3
  - id: b
    skill: write
    priority: hgh
outputs:
  o: "$\{{ steps.bb.output }}"
`);
	assert.deepEqual(error.message.split("\n"), [
		"flow.yaml:5:18 type must be one of string, integer, number, boolean, array, object",
		"flow.yaml:6:32 the default is 0, below the minimum 1",
		'flow.yaml:7:1 "budget" is not supported by this version',
		'flow.yaml:9:5 step "a" says nothing of what it does: it needs exactly one of skill, workflow, wait, loop, steps',
		'flow.yaml:10:5 unknown key "skil" (Did you mean "skill"?)',
		'flow.yaml:11:29 "steps" would hide the steps that expressions know',
		'flow.yaml:12:21 no input has the name "topc" (Did you mean "topic"?)',
		"flow.yaml:13:14 timeout must be a duration such as 500ms, 2s, 5m, 24h or 7d",
		'flow.yaml:14:5 step "b" has skill and loop: it needs exactly one of skill, workflow, wait, loop, steps',
		'flow.yaml:16:5 unknown key "needz" (Did you mean "needs"?)',
		"flow.yaml:17:31 expression: Unexpected token: GT",
		'flow.yaml:18:18 step "b" reads itself before it has run',
		"flow.yaml:19:11 loop must be a map of names to values",
		'flow.yaml:20:9 "b" is already the id of step 2',
		"flow.yaml:22:15 priority must be one of critical, high, normal, low, background",
		'flow.yaml:24:11 no step has the id "bb"',
	]);
	const problems = error.details?.problems as FileProblem[] | undefined;
	assert.deepEqual(problems?.[4], {
		file: "flow.yaml",
		line: 10,
		column: 5,
		path: "steps[0].skil",
		message: 'unknown key "skil"',
		hint: 'Did you mean "skill"?',
	});
});

/** What follows the first three lines, and the only problem of the file. */
const broken: [string, string, string][] = [
	["no steps at all", "", "1:1 steps is missing"],
	["an empty list of steps", "steps: []\n", "4:8 steps must have at least one step"],
	["a duplicate key", `${ONE}steps: []\n`, '5:1 the key "steps" is there twice'],
	[
		"an id with a dash",
		"steps: [{ id: a-b, skill: work }]\n",
		'4:15 "a-b" cannot be a name here (Use letters, digits and _, so that steps.ID works in expressions.)',
	],
	[
		"a need of nobody",
		"steps: [{ id: write, skill: work }, { id: b, skill: work, needs: wirte }]\n",
		'4:66 no step of this list has the id "wirte" (Did you mean "write"?)',
	],
	["a step that needs itself", "steps: [{ id: a, skill: work, needs: [a] }]\n", '4:39 step "a" needs itself'],
	[
		"a cycle of two",
		"steps:\n- { id: a, skill: w, needs: b }\n- { id: b, skill: w, needs: a }\n",
		"5:29 the needs form a cycle: a -> b -> a",
	],
	[
		"a cycle behind a chain",
		"steps:\n- { id: a, skill: w, needs: b }\n- { id: b, skill: w, needs: c }\n- { id: c, skill: w, needs: [d] }\n- { id: d, skill: w, needs: b }\n",
		"6:29 the needs form a cycle: b -> c -> d -> b",
	],
	[
		"a step that is not among the needs",
		"steps:\n- { id: a, skill: w }\n- { id: b, skill: w, with: '${{ 1 + steps.a.output }}' }\n",
		'6:37 step "a" may not be over when "b" starts (Add a to its needs.)',
	],
	[
		"a member that a step has not",
		"steps: [{ id: a, skill: w }]\noutputs: { o: '${{ steps.a.outptus }}' }\n",
		'5:20 a step has no "outptus" (Did you mean "outputs"?)',
	],
	[
		"an item outside of its step",
		"steps: [{ id: a, skill: w, if: 'item > 1', forEach: { in: [1] } }]\n",
		'4:33 the name "item" is not known here (Known here: inputs, steps, run. A text needs quotes.)',
	],
	[
		"a name of the run",
		`${ONE}outputs: { o: '$\{{ run.mode }}' }\n`,
		'5:20 run has no "mode" (It has id and workflow.)',
	],
	[
		"a regular expression",
		`${ONE}outputs: { o: '$\{{ run.id.matches("a") }}' }\n`,
		"5:20 expression: matches() is not available: a regular expression may never end (Use contains(), startsWith() or endsWith().)",
	],
	[
		"an expression that is not closed",
		`${ONE}outputs: { o: '$\{{ run.id }' }\n`,
		'5:16 expression: "${{" is not closed by "}}"',
	],
	[
		"a default of another type",
		`inputs: { a: { type: boolean, default: 1 } }\n${ONE}`,
		"4:40 the default is 1, which is not true or false",
	],
	[
		"a default outside of its enum",
		`inputs: { a: { type: string, enum: [x], default: y } }\n${ONE}`,
		'4:50 the default is "y", which is not one of "x"',
	],
	[
		"bounds the wrong way round",
		`inputs: { a: { type: number, minimum: 2, maximum: 1 } }\n${ONE}`,
		"4:39 the minimum is 2, above the maximum 1",
	],
	["a bound of a text", `inputs: { a: { type: string, minimum: 2 } }\n${ONE}`, "4:39 a string has no minimum"],
	[
		"an input name with a space",
		`inputs: { a b: { type: string } }\n${ONE}`,
		'4:11 "a b" cannot be a name here (Use letters, digits and _.)',
	],
	[
		"an item that hides a name",
		"steps: [{ id: a, skill: w, forEach: { in: [1], as: index } }]\n",
		'4:52 "index" would hide the index that expressions know',
	],
	[
		"an item that is a word of the language",
		"steps: [{ id: a, skill: w, forEach: { in: [1], as: while } }]\n",
		'4:52 "while" cannot be a name in expressions',
	],
	[
		"an item that is a constant of the language",
		"steps: [{ id: a, skill: w, forEach: { in: [1], as: int } }]\n",
		'4:52 "int" cannot be a name in expressions',
	],
	["a version that YAML reads as a number", `version: 1.10\n${ONE}`, "4:10 version must be a text: put it in quotes"],
	[
		"a planned key",
		"steps: [{ id: a, skill: w, budget: { usd: 1 } }]\n",
		'4:28 "budget" is not supported by this version',
	],
	["a planned key misplaced", `output: 1\n${ONE}`, '4:1 unknown key "output" (Did you mean "outputs"?)'],
	["a retry without sense", "steps: [{ id: a, skill: w, retry: { max: 0 } }]\n", "4:42 max must be at least 1"],
	[
		"an unquoted expression with a colon",
		`${ONE}outputs:\n  o: $\{{ run.id == "a" ? 1 : 2 }}\n`,
		'6:6 Nested mappings are not allowed in compact mappings (An expression with ": " in it has to be in quotes.)',
	],
	[
		"a number that JSON lacks",
		"steps: [{ id: a, skill: w, with: .inf }]\n",
		"4:34 Infinity is not a number that JSON has",
	],
	["two workflows in one file", `${ONE}---\n${HEAD}`, "5:1 a file holds one workflow; remove what follows ---"],
];

for (const [what, rest, problem] of broken) {
	test(`a file with ${what} is refused with the place`, () => {
		assert.equal(errorOf(HEAD + rest).message, `flow.yaml:${problem}`);
	});
}

test("a file that is no map is refused", () => {
	for (const text of ["", "- a\n", "hello\n", "7\n"]) {
		assert.match(errorOf(text).message, /^flow.yaml:1:1 A workflow file is a map/);
	}
});

test("windows line ends and a byte order mark are no problem", () => {
	assert.equal(parseWorkflow(`\ufeff${HEAD}${ONE}`.replaceAll("\n", "\r\n"), "flow.yaml").steps.length, 1);
});

test("an alias repeats what its anchor holds, with the place of the anchor", () => {
	const text = `${HEAD}steps:\n- { id: a, skill: w, retry: &r { max: 0 } }\n- { id: b, skill: w, retry: *r }\n`;
	assert.match(errorOf(text).message, /^flow.yaml:5:39 max must be at least 1\nflow.yaml:5:39 max must/);
	assert.equal(parseWorkflow(text.replace("max: 0", "max: 2"), "f").steps[1]?.retry?.maxAttempts, 2);
});

test("a chain of 10,000 steps is read and checked within a second", () => {
	const steps = Array.from(
		{ length: 10_000 },
		(_, i) => `- { id: s${i}, skill: w, needs: [${i > 0 ? `s${i - 1}` : ""}] }\n`,
	);
	const text = `${HEAD}steps:\n${steps.join("")}`;
	// Of this thread, so that what else the machine does makes no difference.
	const before = process.threadCpuUsage();
	assert.equal(parseWorkflow(text, "flow.yaml").steps.length, 10_000);
	const { user, system } = process.threadCpuUsage(before);
	assert.ok(user + system < 1_000_000, `took ${user + system} µs`);
});

test("20,000 steps with one that needs and reads all others are possible, one more step is not", () => {
	const ids = Array.from({ length: 19_999 }, (_, i) => `s${i}`);
	const reads = Array.from(
		{ length: 100 },
		(_, i) => `"\${{ [${ids.slice(i * 200, i * 200 + 200).map((id) => `steps.${id}.output`)}] }}"`,
	);
	const join = `- { id: join, skill: w, needs: [${ids}], with: [${reads}] }\n`;
	const text = `${HEAD}steps:\n${ids.map((id) => `- { id: ${id}, skill: w }\n`).join("")}${join}`;
	assert.equal(parseWorkflow(text, "flow.yaml").steps.at(-1)?.needs.length, 19_999);
	assert.match(errorOf(`${text}- { id: one_more, skill: w }\n`).message, /at most 20000 steps/);
});

test("a definition that comes from no file is checked the same way, with paths instead of lines", () => {
	const definition = parseWorkflow(`${HEAD}${ONE}`, "flow.yaml");
	assert.doesNotThrow(() => assertValid(definition));
	assert.throws(() => assertValid({ ...definition, outputs: { o: "${{ steps.b.output }}" } }), {
		code: "E_WORKFLOW_INVALID",
		message: 'Workflow "flow": outputs.o: no step has the id "b"',
	});
});
