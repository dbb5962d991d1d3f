import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hasCode } from "../../errors.ts";
import { compilePattern } from "./monitor-pattern.ts";

const atom = fc.constantFrom(
	"a",
	"b",
	"é",
	"😀",
	".",
	"\\d",
	"\\w",
	"\\s",
	"[ab]",
	"[^a]",
	"[\\]a-c]",
	"\\u{61}",
	"\\x62",
);
const edge = fc.constantFrom("^", "$", "\\b", "\\B");
const repetition = fc.constantFrom("", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?");
const { pattern } = fc.letrec<{ pattern: string; branch: string; item: string }>((tie) => ({
	item: fc.oneof(
		{ maxDepth: 3 },
		{ weight: 4, arbitrary: fc.tuple(atom, repetition).map(([a, q]) => a + q) },
		{ weight: 1, arbitrary: edge },
		{
			weight: 2,
			arbitrary: fc.tuple(fc.constantFrom("(", "(?:"), tie("pattern"), repetition).map(([o, p, q]) => `${o}${p})${q}`),
		},
	),
	branch: fc.array(tie("item"), { maxLength: 4 }).map((items) => items.join("")),
	pattern: fc.array(tie("branch"), { minLength: 1, maxLength: 3 }).map((branches) => branches.join("|")),
}));
const text = fc
	.array(fc.constantFrom("a", "b", "c", "1", " ", "é", "😀", "]"), { maxLength: 8 })
	.map((c) => c.join(""));

describe("a pattern", () => {
	test("matches what RegExp matches, for any pattern of the supported syntax", () => {
		fc.assert(
			fc.property(pattern, text, fc.boolean(), (source, subject, ignoreCase) => {
				fc.pre(source.length < 60);
				// V8 lets an empty match begin between the halves of one character: /\B/u.exec("a😀a").index is 2.
				fc.pre(!(source.includes("\\B") && subject.includes("😀")));
				const expected = new RegExp(source, ignoreCase ? "iu" : "u").test(subject);
				assert.equal(compilePattern(source, { ignoreCase }).test(subject), expected);
			}),
			{ numRuns: 2_000 },
		);
	});

	test("gives the named groups that RegExp gives", () => {
		const cases: [string, string][] = [
			["(?<level>[A-Z]+)\\s+(?<text>.*)$", "12:00 ERROR disk full"],
			["(?<a>x+?)(?<b>x*)", "xxx"],
			["(?<a>x+)(?<b>x*)", "xxx"],
			["(?<a>x)|(?<b>y)", "zy"],
			["(?<rest>.*)(?<last>\\d+)", "abc 123"],
			["(?<first>\\w+)(?: (?<second>\\w+))?", "one"],
		];
		for (const [source, subject] of cases) {
			const groups = Object.entries(new RegExp(source, "u").exec(subject)?.groups ?? {}).filter(
				([, v]) => v !== undefined,
			);
			assert.deepEqual(compilePattern(source).groups(subject), Object.fromEntries(groups), source);
		}
	});

	test("gives null for the groups when nothing matches", () => {
		assert.equal(compilePattern("(?<a>x)").groups("y"), null);
	});

	// Work is counted as text read times instructions, so a linear matcher ends; a backtracking one would outlive the universe.
	for (const source of ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)=$", "(\\w*)*:$", "a*a*a*a*a*a*b"]) {
		test(`cannot hang the process with ${source}`, { timeout: 20_000 }, () => {
			assert.equal(compilePattern(source).test(`${"a".repeat(10_000)}!`), false);
		});
	}

	for (const source of ["(a)\\1", "(?<x>a)\\k<x>", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?i:a)"]) {
		test(`is refused when it cannot be matched in linear time: ${source}`, () => {
			assert.throws(
				() => compilePattern(source),
				(error) => hasCode(error, "E_INPUT_INVALID"),
			);
		});
	}

	for (const source of ["(", "[b-a]", "*", "a{2,1}", `${"a".repeat(1_001)}`, "(?:a{50}){50}", "(?<constructor>a)"]) {
		test(`is refused when it is broken or too large: ${source.slice(0, 20)}`, () => {
			assert.throws(
				() => compilePattern(source),
				(error) => hasCode(error, "E_INPUT_INVALID"),
			);
		});
	}
});
