import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../errors.ts";
import { parseWorkflow } from "./yaml.ts";

const HEAD = "apiVersion: muster/v1\nkind: Workflow\nname: flow\n";
const ONE = "steps: [{ id: a, skill: work }]\n";

const letters = [..."abcdefgh"];
const bomb = letters.map((letter, i) => {
	const before = letters[i - 1];
	return `${letter}: &${letter} [${Array(9).fill(before === undefined ? "x" : `*${before}`)}]\n`;
});

/** Expressions that try to reach code. */
const reaching = [
	"constructor",
	"globalThis.process.exit(1)",
	"process.env",
	"require('fs')",
	"import('fs')",
	"inputs.constructor.constructor('return 1')()",
	"run.id.constructor",
	"run.__proto__",
	"eval('1')",
	"(() => 1)()",
	"`x`",
	"this",
	"steps.a.__proto__.polluted",
	"steps.a['constructor']",
	`run.id.${"a".repeat(5_000)}`,
	"(".repeat(2_000),
	"!".repeat(4_000),
];

const hostile: [string, string, RegExp][] = [
	["an alias bomb", `${HEAD}labels:\n  ${bomb.join("  ")}${ONE}`, /more than 100 aliases/],
	[
		"a wide alias bomb",
		`${HEAD}outputs:\n  a: &a [${Array(5_000).fill("x")}]\n  b: [${Array(90).fill("*a")}]\n${ONE}`,
		/aliases make the file too large/,
	],
	["an alias to itself", `${HEAD}steps: &s\n  - *s\n`, /5:5 the alias \*s contains itself/],
	[
		"ten thousand nested lists in one line",
		`${HEAD}steps: ${"[".repeat(10_000)}${"]".repeat(10_000)}\n`,
		/nested deeper than 64 levels/,
	],
	["lists that never close", `${HEAD}steps: ${"[".repeat(500_000)}`, /nested deeper than 64 levels/],
	["ten thousand dashes in one line", `${HEAD}steps:\n  ${"- ".repeat(10_000)}x\n`, /nested deeper than 64 levels/],
	[
		"a staircase of maps",
		`${HEAD}outputs:\n${Array.from({ length: 500 }, (_, i) => `${" ".repeat(i + 1)}a:\n`).join("")}`,
		/nested deeper than 64 levels/,
	],
	[
		"an id of half a million letters",
		`${HEAD}steps: [{ id: ${"a".repeat(500_000)}, skill: work }]\n`,
		/id must have at most 64 characters/,
	],
	[
		"a key of half a million letters",
		`${HEAD}${"a".repeat(500_000)}: 1\n`,
		/4:1 The : indicator must be at most 1024 chars/,
	],
	[
		"a need of half a million letters",
		`${HEAD}steps: [{ id: a, skill: work, needs: ${"a".repeat(500_000)} }]\n`,
		/needs\[0\] must have at most 200 characters/,
	],
	["thousands of duplicate keys", `${HEAD}${"a: 1\n".repeat(5_000)}`, /5:1 the key "a" is there twice/],
	[
		"thousands of unknown keys",
		`${HEAD}${Array.from({ length: 5_000 }, (_, i) => `k${i}: 1\n`).join("")}`,
		/and 4\d\d\d more/,
	],
	["a tag of another language", `${HEAD}steps: !!js/function "x"\n`, /4:8 tags are not supported/],
	["a tag of the core schema", `${HEAD}steps: !!set { a }\n`, /tag/],
	["a key __proto__", `${HEAD}__proto__: { polluted: true }\n${ONE}`, /4:1 the key "__proto__" is not allowed/],
	[
		"a key constructor deep inside",
		`${HEAD}steps: [{ id: a, skill: w, with: { constructor: 1 } }]\n`,
		/4:36 the key "constructor" is not allowed/,
	],
	["a merge key", `${HEAD}steps: [{ <<: { skill: w }, id: a }]\n`, /unknown key "<<"/],
	[
		"a key with a Cyrillic letter",
		`${HEAD}ѕteps: []\n${ONE}`,
		/4:1 unknown key "\\u0455teps" \(Did you mean "steps"\?\)/,
	],
	[
		"a key with an invisible letter",
		`${HEAD}ste\u200bps: []\n${ONE}`,
		/4:1 unknown key "ste\\u200bps" \(Did you mean "steps"\?\)/,
	],
	["a key that turns the direction of text", `${HEAD}"\u202esteps": []\n${ONE}`, /unknown key "\\u202esteps"/],
	["a key that is a list", `${HEAD}? [a, b]\n: 1\n${ONE}`, /4:3 a key must be a text/],
	["half a million commas", `[${",".repeat(500_000)}`, /Unexpected , in flow sequence/],
	["half a million closing brackets", "]".repeat(500_000), /Unexpected flow-seq-end/],
	["two hundred thousand anchors", "&a ".repeat(200_000), /at most one anchor/],
	["two hundred thousand documents", "---\n".repeat(200_000), /a file holds one workflow/],
	["three hundred thousand wrong escapes", `"${"\\q".repeat(300_000)}"`, /Invalid escape sequence/],
	["a staircase of a thousand keys in one line", "a: ".repeat(1_000), /nested deeper than 64 levels/],
	["more parts than the largest file has", "- a\n".repeat(450_000), /too many parts/],
	["more than the largest file", "#".repeat(2 * 1024 * 1024 + 1), /larger than 2097152 bytes/],
	[
		"five thousand circles of two steps",
		`${HEAD}steps:\n${Array.from({ length: 10_000 }, (_, i) => `- { id: s${i}, skill: w, needs: [s${i ^ 1}] }\n`).join("")}`,
		/the needs form a cycle: s0 -> s1 -> s0[\s\S]*and 4900 more/,
	],
	[
		"a circle of 10,000 steps",
		`${HEAD}steps:\n${Array.from({ length: 10_000 }, (_, i) => `- { id: s${i}, skill: w, needs: [s${(i + 1) % 10_000}] }\n`).join("")}`,
		/the needs form a cycle: s0 -> s1 -> .*s9999 -> s0$/,
	],
	[
		"a chain of loops deeper than steps nest",
		`${HEAD}steps: ${"[{ id: a, loop: { max: 1, steps: ".repeat(12)}[{ id: a, skill: w }]${" } }]".repeat(12)}\n`,
		/steps are nested deeper than 8 levels/,
	],
	["an id with a Cyrillic letter", `${HEAD}steps: [{ id: а, skill: work }]\n`, /"\\u0430" cannot be a name here/],
	["a key with a space at its end", `${HEAD}"steps ": []\n${ONE}`, /unknown key "steps " \(Did you mean "steps"\?\)/],
	["an input called __proto__", `${HEAD}inputs: { __proto__: { type: string } }\n${ONE}`, /"__proto__" is not allowed/],
	...reaching.map((text): [string, string, RegExp] => [
		`the expression ${text.slice(0, 60)}`,
		`${HEAD}${ONE}outputs: { o: ${JSON.stringify(`\${{ ${text} }}`)} }\n`,
		/4:|5:/,
	]),
];

// The first file pays for what is made once: the schema and the compiler's first sight of the code.
parseWorkflow(HEAD + ONE, "warm.yaml");

for (const [what, text, message] of hostile) {
	test(`${what} is refused quickly and in little memory`, () => {
		const memory = process.memoryUsage().heapUsed;
		const before = process.threadCpuUsage();
		assert.throws(
			() => parseWorkflow(text, "flow.yaml"),
			(error) => hasCode(error, "E_WORKFLOW_INVALID") && message.test(error.message) && error.message.length < 20_000,
		);
		// Of this thread, so that what else the machine does makes no difference. The largest take 0.8 s.
		const { user, system } = process.threadCpuUsage(before);
		assert.ok(user + system < 1_500_000, `took ${user + system} µs`);
		// What the largest files leave to the collector; a bomb would need gigabytes.
		assert.ok(process.memoryUsage().heapUsed - memory < 300e6);
		assert.equal(({} as { polluted?: boolean }).polluted, undefined);
	});
}
