import assert from "node:assert/strict";
import { test } from "node:test";
import type { StepDefinition } from "./definition.ts";
import { parseWorkflow } from "./yaml.ts";

const HEAD = "apiVersion: muster/v1\nkind: Workflow\nname: flow\n";

const parse = (rest: string) => parseWorkflow(HEAD + rest, "f");
/** The steps, written as one flow list. */
const stepsOf = (list: string): StepDefinition[] => parse(`steps: [${list}]\n`).steps;

/** Every message about the file, without the places. */
function problemsOf(rest: string): string[] {
	try {
		parse(rest);
	} catch (error) {
		return (error as Error).message.split("\n").map((line) => line.replace(/^f:\d+:\d+ /, ""));
	}
	return [];
}

const w = { needs: [], skill: "w" };

const compiled: [string, string, Partial<StepDefinition>][] = [
	[
		"need is short for a quorum",
		"skill: w, forEach: { in: [1, 2], need: 2 }",
		{ skill: "w", forEach: { in: [1, 2], as: "item", onFailure: { quorum: 2 } } },
	],
	[
		"items have a policy and a limit",
		"workflow: other, forEach: { in: [1], as: one, parallel: 3, onFailure: best-effort }, with: { a: 1 }",
		{ workflow: "other", forEach: { in: [1], as: "one", parallel: 3, onFailure: "best-effort" }, with: { a: 1 } },
	],
	[
		"a text is the title of an approval",
		"wait: { approval: Publish?, timeout: 24h, onTimeout: continue }",
		{ wait: { approval: { title: "Publish?" }, timeoutMs: 86_400_000, onTimeout: "continue" } },
	],
	[
		"an approval may have content and labels",
		"wait: { approval: { title: T, content: { a: 1 }, onDeny: continue, labels: { risk: low } } }",
		{ wait: { approval: { title: "T", content: { a: 1 }, onDeny: "continue", labels: { risk: "low" } } } },
	],
	["a wait may be for a time", "wait: { duration: 5m }", { wait: { durationMs: 300_000 } }],
	[
		"the time of a wait may be a template",
		'wait: { duration: "${{ run.id }}" }',
		{ wait: { durationMs: "${{ run.id }}" } },
	],
	["a text is the type of an event", "wait: { event: order.paid }", { wait: { event: { type: "order.paid" } } }],
	["a wait may be for a signal", "wait: { signal: go }", { wait: { signal: "go" } }],
	[
		"a loop has its own steps",
		"loop: { max: 3, until: 'round > 1', onMax: fail, steps: [{ id: b, skill: w }] }, timeout: 1h, output: 7",
		{
			loop: { max: 3, until: "round > 1", onMax: "fail", steps: [{ id: "b", ...w }] },
			timeoutMs: 3_600_000,
			output: 7,
		},
	],
	["a group has its own steps", "steps: [{ id: b, skill: w }]", { steps: [{ id: "b", ...w }] }],
	[
		"a text is the key of a concurrency limit",
		"skill: w, concurrency: k",
		{ skill: "w", concurrency: { key: "k", limit: 1, policy: "queue" } },
	],
	[
		"a rate is so many in a time",
		"skill: w, rate: { key: k, limit: 2, per: 1m }, stallTimeout: 1s",
		{ skill: "w", rate: { key: "k", limit: 2, perMs: 60_000 }, stallTimeoutMs: 1_000 },
	],
	[
		"compensation is a skill with a policy of its own",
		"skill: w, compensate: { skill: undo, with: '${{ steps.a.output }}', retry: { max: 9, backoff: fixed } }",
		{
			skill: "w",
			compensate: {
				skill: "undo",
				with: "${{ steps.a.output }}",
				retry: { maxAttempts: 9, initialMs: 1_000, factor: 1, capMs: 30_000, jitter: "none" },
			},
		},
	],
];

for (const [what, members, expected] of compiled) {
	test(what, () => assert.deepEqual(stepsOf(`{ id: a, ${members} }`), [{ id: "a", needs: [], ...expected }]));
}

test("defaults go to skill steps at any depth, in onFailure and finally too, and to no other kind", () => {
	const file = parse(`defaults: { timeout: 1s, stallTimeout: 2s, priority: low, retry: { max: 2 } }
steps:
  - { id: a, loop: { max: 1, steps: [{ id: b, steps: [{ id: c, skill: w, timeout: 9s }] }] } }
  - { id: d, workflow: other }
onFailure: [{ id: e, skill: w }]
finally: [{ id: f, wait: { signal: go } }]
`);
	const retry = { maxAttempts: 2, initialMs: 1_000, factor: 2, capMs: 30_000, jitter: "full" };
	const defaults = { priority: "low", timeoutMs: 1_000, stallTimeoutMs: 2_000, retry };
	assert.deepEqual(file.steps[0]?.loop?.steps[0]?.steps?.[0], { id: "c", ...w, ...defaults, timeoutMs: 9_000 });
	assert.deepEqual(file.steps[1], { id: "d", needs: [], workflow: "other" });
	assert.deepEqual(file.onFailure, [{ id: "e", ...w, ...defaults }]);
	assert.deepEqual(file.finally, [{ id: "f", needs: [], wait: { signal: "go" } }]);
});

test("triggers, the concurrency group and the engine are read", () => {
	const { triggers, concurrency, ...rest } = parse(`engine: embedded
inputs: { topic: { type: string, default: x }, at: { type: integer, default: 0 } }
steps: [{ id: a, skill: w }]
triggers:
  - { cron: { expr: "0 7 * * 1-5", timezone: Europe/Berlin, overlap: queue }, with: { at: "\${{ trigger.dueAt }}" } }
  - { event: { type: com.example.asked, filter: "event.data.n > 3" }, with: { topic: "\${{ event.data.topic }}" } }
  - { event: any }
  - { webhook: { path: /orders/new, secret: "\${env:HOOK_SECRET}" }, with: { topic: "\${{ event.data }}" } }
concurrency: { group: "\${{ inputs.topic }}" }
`);
	assert.deepEqual(concurrency, { group: "${{ inputs.topic }}", limit: 1, policy: "queue" });
	assert.deepEqual(triggers, [
		{
			cron: { expr: "0 7 * * 1-5", timezone: "Europe/Berlin", overlap: "queue" },
			with: { at: "${{ trigger.dueAt }}" },
		},
		{
			event: { type: "com.example.asked", filter: "event.data.n > 3" },
			with: { topic: "${{ event.data.topic }}" },
		},
		{ event: { type: "any" } },
		{ webhook: { path: "/orders/new", secret: "${env:HOOK_SECRET}" }, with: { topic: "${{ event.data }}" } },
	]);
	assert.ok(!("engine" in rest), "it is not part of what a run is pinned to");
});

const EDIT = `inputs: { n: { type: integer, default: 1 } }
steps:
  - { id: write, skill: w }
  - { id: late, skill: w }
  - id: edit
    needs: write
    loop:
      max: 4
      until: "ok"
      steps:
        - { id: review, skill: w, with: "read" }
        - { id: revise, skill: w, needs: review, if: "steps.review.output.score < 8" }
        - { id: parts, needs: review, forEach: { in: [1, 2], as: part }, steps: [{ id: inner, skill: w, with: "deep" }] }
    output: "out"
onFailure: [{ id: tell, skill: w, with: "told" }, { id: again, skill: w }]
finally: [{ id: clean, steps: [{ id: sweep, skill: w, with: "swept" }] }]
outputs: { o: "end" }
`;

/** What is wrong when the expression stands at a place of the file above. */
const at = (place: string, expression: string): string[] => {
	const text = place === "ok" ? expression : `\${{ ${expression} }}`;
	return problemsOf(EDIT.replace(`"${place}"`, JSON.stringify(text)).replace(/"(ok)"/, '"true"'));
};

const visible: [string, string, string | undefined][] = [
	["read", "steps.write.output", undefined],
	["read", "has(steps.revise) ? steps.revise.output : round", undefined],
	["read", "has(steps.review)", undefined],
	["read", "steps.parts.outputs", undefined],
	["read", "steps.late.output", 'step "late" may not be over when "edit" starts (Add late to its needs.)'],
	["read", "steps.edit.output", 'step "edit" is not over while the steps inside of it run'],
	["read", "steps.inner", 'no step has the id "inner"'],
	["read", "steps.revize", 'no step has the id "revize" (Did you mean "revise"?)'],
	["read", "round.index", 'round has no "index"'],
	["read", "part", 'the name "part" is not known here (Known here: inputs, steps, run, round. A text needs quotes.)'],
	["deep", "[part, index, round, steps.write.output, steps.review.output, has(steps.revise)]", undefined],
	["deep", "steps.inner.output", 'step "inner" reads itself before it has run'],
	["ok", "steps.review.output.score > 8 && has(steps.revise) && round > 0 && steps.write.state != ''", undefined],
	["ok", "steps.late.output", 'step "late" may not be over when "edit" starts (Add late to its needs.)'],
	["out", "steps.revise.missing", undefined],
	["out", "steps.revise.outptu", 'a step has no "outptu" (Did you mean "output"?)'],
	["told", "[error.code, error.message, error.step, run.id, has(steps.edit), has(steps.late)]", undefined],
	["told", "steps.again.output", 'step "again" may not be over when "tell" starts (Add again to its needs.)'],
	["told", "error.title", 'error has no "title" (It has code, message and step.)'],
	["told", "steps.review", 'no step has the id "review"'],
	["swept", "[run.state, error == null, has(steps.write)]", undefined],
	["swept", "steps.clean", 'step "clean" is not over while the steps inside of it run'],
	["end", "steps.edit.output", undefined],
	["end", "steps.tell.output", 'no step has the id "tell"'],
	["end", "error.code", 'the name "error" is not known here (Known here: inputs, steps, run. A text needs quotes.)'],
	["end", "run.state", 'run has no "state" (It has id and workflow.)'],
];

for (const [place, expression, problem] of visible) {
	test(`at "${place}", ${expression} ${problem === undefined ? "can be read" : "cannot be read"}`, () => {
		assert.deepEqual(at(place, expression), problem === undefined ? [] : [problem]);
	});
}

const A = "{ id: a, skill: w";
const refused: [string, string, string][] = [
	[
		"a step that says nothing of what it does",
		"steps: [{ id: a }]",
		'step "a" says nothing of what it does: it needs exactly one of skill, workflow, wait, loop, steps',
	],
	[
		"a retry on a loop",
		"steps: [{ id: a, retry: { max: 2 }, loop: { max: 1, steps: [{ id: b, skill: w }] } }]",
		'"retry" means nothing on a step with loop (Put it on the steps inside.)',
	],
	[
		"a retry on a workflow",
		"steps: [{ id: a, retry: { max: 2 }, workflow: x }]",
		'"retry" means nothing on a step with workflow (Put it on the steps of that workflow.)',
	],
	[
		"items of an approval",
		"steps: [{ id: a, forEach: { in: [1] }, wait: { approval: x } }]",
		'"forEach" means nothing on a step with wait (Put it into a step with forEach and steps.)',
	],
	[
		"an output of a skill",
		`steps: [${A}, output: 1 }]`,
		'"output" means nothing on a step with skill (It is for steps with loop or steps.)',
	],
	[
		"a wait for two things",
		"steps: [{ id: a, wait: { signal: x, duration: 1s } }]",
		"wait has signal and duration: it needs exactly one of signal, approval, duration, event",
	],
	[
		"a wait for nothing",
		"steps: [{ id: a, wait: { timeout: 1s } }]",
		"wait says nothing of what it waits for: it needs exactly one of signal, approval, duration, event",
	],
	[
		"a duration with a timeout",
		"steps: [{ id: a, wait: { duration: 1s, timeout: 1s } }]",
		"a duration has no timeout: it is one",
	],
	[
		"an onTimeout without timeout",
		"steps: [{ id: a, wait: { signal: x, onTimeout: fail } }]",
		"onTimeout has no effect without timeout (Add timeout.)",
	],
	[
		"an onMax without until",
		"steps: [{ id: a, loop: { max: 1, onMax: fail, steps: [{ id: b, skill: w }] } }]",
		"onMax has no effect without until (Add until.)",
	],
	["a timeout of nothing", `steps: [${A}, timeout: 0s }]`, "timeout must be longer than 0"],
	[
		"need and onFailure",
		`steps: [${A}, forEach: { in: [1], need: 1, onFailure: fail } }]`,
		"need excludes onFailure, which can say the same",
	],
	["a quorum of none", `steps: [${A}, forEach: { in: [1], onFailure: { quorum: 0 } } }]`, "quorum must be at least 1"],
	["no item at a time", `steps: [${A}, forEach: { in: [1], parallel: 0 } }]`, "parallel must be at least 1"],
	["no list of items", `steps: [${A}, forEach: { as: x } }]`, "in is missing"],
	[
		"more rounds than are possible",
		"steps: [{ id: a, loop: { max: 1001, steps: [{ id: b, skill: w }] } }]",
		"max must be at most 1000",
	],
	["a group without steps", "steps: [{ id: a, steps: [] }]", "steps must have at least one step"],
	["a group of no run", `steps: [${A} }]\nconcurrency: { group: x, limit: 0 }`, "limit must be at least 1"],
	[
		"a reserved id",
		"steps: [{ id: compensate, skill: w }]",
		'"compensate" cannot be the id of a step: it is a word of the format',
	],
	[
		"an id with a dot",
		"steps: [{ id: a.b, skill: w }]",
		'"a.b" cannot be a name here (Use letters, digits and _, so that steps.ID works in expressions.)',
	],
	[
		"an id that is there twice in a group",
		"steps: [{ id: a, steps: [{ id: a, skill: w }, { id: a, skill: w }] }]",
		'"a" is already the id of step 1',
	],
	[
		"an id of the main list in finally",
		`steps: [${A} }]\nfinally: [${A} }]`,
		'"a" is already the id of step 1 of the main list',
	],
	[
		"a need of a step of another list",
		`steps: [${A} }, { id: b, steps: [{ id: c, skill: w, needs: a }] }]`,
		'no step of this list has the id "a"',
	],
	[
		"a cycle in a group",
		"steps: [{ id: a, steps: [{ id: b, skill: w, needs: c }, { id: c, skill: w, needs: b }] }]",
		"the needs form a cycle: b -> c -> b",
	],
	[
		"a cycle in a loop",
		"steps: [{ id: a, loop: { max: 1, steps: [{ id: b, skill: w, needs: b }] } }]",
		'step "b" needs itself',
	],
	[
		"a cycle in finally",
		`steps: [${A} }]\nfinally: [{ id: b, skill: w, needs: c }, { id: c, skill: w, needs: b }]`,
		"the needs form a cycle: b -> c -> b",
	],
	[
		"an item that is the word of the loop",
		`steps: [${A}, forEach: { in: [1], as: round } }]`,
		'"round" would hide the round that expressions know',
	],
	[
		"a compensation that reads another step",
		`steps: [${A}, compensate: { skill: u, with: "\${{ steps.b }}" } }, { id: b, skill: w }]`,
		'step "b" may not be over when "a" starts (Add b to its needs.)',
	],
	[
		"a filter without an event",
		'steps: [{ id: a, wait: { event: { type: x, filter: "evnt.data" } } }]',
		'the name "evnt" is not known here (Did you mean "event"?)',
	],
	[
		"a concurrency group that reads a step",
		`steps: [${A} }]\nconcurrency: { group: "\${{ steps.a }}" }`,
		'the name "steps" is not known here (Known here: inputs. A text needs quotes.)',
	],
	[
		"a trigger of two kinds",
		`steps: [${A} }]\ntriggers: [{ cron: { expr: "* * * * *" }, event: x }]`,
		"the trigger has cron and event: it needs exactly one of cron, event, webhook",
	],
	[
		"an expression for times with too few fields",
		`steps: [${A} }]\ntriggers: [{ cron: { expr: "* * *" } }]`,
		`"* * *" is no cron expression (Five or six fields: for example "0 7 * * 1-5" is 7 o'clock from Monday to Friday.)`,
	],
	[
		"a time zone that is not there",
		`steps: [${A} }]\ntriggers: [{ cron: { expr: "* * * * *", timezone: Europe/Berln } }]`,
		'"Europe/Berln" is no time zone (Did you mean "Europe/Berlin"?)',
	],
	[
		"a secret in the file",
		`steps: [${A} }]\ntriggers: [{ webhook: { path: x, secret: hunter2 } }]`,
		"a secret is not written into a workflow, but referred to (Write ${env:NAME} or ${file:PATH}.)",
	],
	[
		"an input of a trigger that is not declared",
		`steps: [${A} }]\ntriggers: [{ event: x, with: { a: 1 } }]`,
		'no input has the name "a"',
	],
	[
		"a trigger that reads the inputs",
		`steps: [${A} }]\ninputs: { b: { type: string } }\ntriggers: [{ event: x, with: { b: "\${{ inputs.b }}" } }]`,
		'the name "inputs" is not known here (Known here: event. A text needs quotes.)',
	],
	[
		"another engine",
		`steps: [${A} }]\nengine: temporal`,
		'engine must be "embedded"; another engine is not supported by this version',
	],
];

for (const [what, rest, problem] of refused) {
	test(`${what} is refused`, () => assert.deepEqual(problemsOf(`${rest}\n`), [problem]));
}

test("a compensation sees what the step made, and of an item its own output", () => {
	const compensate = "compensate: { skill: u, with: '${{ [steps.a.output, index, item, output] }}' }";
	assert.deepEqual(problemsOf(`steps: [${A}, forEach: { in: [1] }, ${compensate} }]\n`), []);
	assert.match(problemsOf(`steps: [${A}, ${compensate} }]\n`).join(), /the name "output" is not known here/);
});

test("steps nest eight deep and no deeper", () => {
	const nested = (depth: number): string =>
		depth === 0 ? "{ id: s, skill: w }" : `{ id: s, steps: [${nested(depth - 1)}] }`;
	assert.deepEqual(problemsOf(`steps: [${nested(8)}]\n`), []);
	assert.deepEqual(problemsOf(`steps: [${nested(9)}]\n`), ["steps are nested deeper than 8 levels"]);
});

test("steps of all depths count together", () => {
	const group = (id: string) =>
		`- { id: ${id}, steps: [${Array.from({ length: 7_000 }, (_, i) => `{ id: s${i}, skill: w }`)}] }\n`;
	assert.deepEqual(problemsOf(`steps:\n${group("a")}${group("b")}${group("c")}`), [
		"there are 21003 steps at all depths together; 20000 are allowed",
	]);
});

test("a broken part does not make up problems around it", () => {
	assert.deepEqual(problemsOf("steps: [{ id: a, loop: 3 }, { id: b, wait: { event: 5 } }]\n"), [
		"loop must be a map of names to values",
		"event must be a map of names to values",
	]);
	assert.deepEqual(problemsOf("steps: [{ id: a, skill: w, forEach: 7, with: '${{ item }}' }]\n"), [
		"forEach must be a map with in and as",
	]);
});
