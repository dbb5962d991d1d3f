import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { hasCode } from "../errors.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { definitionHash } from "./hash.ts";
import { assertValid } from "./validate.ts";
import { parseWorkflow } from "./yaml.ts";

/** A definition, or an error with a code whose problems lie inside of the text; anything else is a defect. */
function read(text: string): WorkflowDefinition | undefined {
	try {
		return parseWorkflow(text, "f");
	} catch (error) {
		assert.ok(hasCode(error, "E_WORKFLOW_INVALID"), String((error as Error).stack));
		const lines = text.split("\n");
		for (const { line, column } of (error.details?.problems ?? []) as { line: number; column: number }[]) {
			assert.ok(line >= 1 && line <= lines.length && column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1);
		}
		return undefined;
	}
}

const keys = [
	..."apiVersion kind name version labels inputs defaults steps outputs onFailure finally triggers concurrency".split(
		" ",
	),
	..."id needs if forEach skill workflow wait loop with output compensate timeout retry rate in as parallel need".split(
		" ",
	),
	..."signal approval duration event until max onMax title type filter cron expr webhook secret quorum limit per key".split(
		" ",
	),
	..."__proto__ constructor toString hasOwnProperty ѕteps".split(" "),
];
const words = [
	..."muster/v1 Workflow a b c flow string integer 5m 1s fail continue queue * & ! | > - ? : # %".split(" "),
	"${{ steps.a.output }}",
	"${{ item",
	"${{ has(steps.b) ? round : error }}",
	"a -> b",
	"\u0000",
	"\ud800",
];
const key = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keys) }, { weight: 1, arbitrary: fc.string() });
const leaf = fc.oneof(
	fc.constantFrom(...words),
	fc.integer(),
	fc.boolean(),
	fc.constant(null),
	fc.double(),
	fc.string(),
);
const { tree } = fc.letrec<{ tree: unknown; map: object }>((tie) => ({
	tree: fc.oneof({ maxDepth: 6, depthSize: "medium" }, leaf, tie("map"), fc.array(tie("tree"), { maxLength: 4 })),
	map: fc.array(fc.tuple(key, tie("tree")), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
}));

test("any structure gives a definition or a coded error with places in the text", () => {
	fc.assert(
		fc.property(tree, (value) => {
			read(stringify(value, { lineWidth: 0 }));
		}),
		{ numRuns: 500 },
	);
});

test("any text made of what YAML is made of gives a definition or a coded error", () => {
	const pieces = [
		"- ",
		"? ",
		": ",
		"{",
		"}",
		"[",
		"]",
		",",
		"\n",
		"\n  ",
		"\t",
		"&a ",
		"*a ",
		"!t ",
		"|",
		">",
		'"',
		"'",
		"#",
		"---\n",
		"...\n",
		"%Y\n",
	];
	fc.assert(
		fc.property(fc.array(fc.constantFrom(...pieces, ...keys, ...words), { maxLength: 60 }), (parts) => {
			read(parts.join(""));
		}),
		{ numRuns: 1_000 },
	);
});

/** Workflows that are often right: steps that need and read some of those before them. */
const sound = fc
	.array(
		fc.record({
			needs: fc.array(fc.nat(9), { maxLength: 3 }),
			reads: fc.array(fc.nat(9), { maxLength: 2 }),
			kind: fc.constantFrom("skill", "workflow", "loop", "steps", "wait"),
			each: fc.boolean(),
		}),
		{ minLength: 1, maxLength: 8 },
	)
	.map((drawn) =>
		drawn.map(({ needs, reads, kind, each }, place) => {
			const before = (list: number[]) =>
				[...new Set(list)].filter((other) => other < place).map((other) => `s${other}`);
			const value = `${"$"}{{ [${before(reads).map((id) => `steps.${id}.output`)}] }}`;
			const inner = { id: "inner", skill: "w", with: value };
			const body = {
				skill: { skill: "w", with: value, ...(each && { forEach: { in: value } }) },
				workflow: { workflow: "other", with: { value } },
				loop: { loop: { max: 2, until: "round > 0", steps: [inner] } },
				steps: { steps: [inner], ...(each && { forEach: { in: [1, 2], as: "part" } }) },
				wait: { wait: each ? { approval: { title: "t", content: value } } : { signal: "go" } },
			}[kind];
			return { id: `s${place}`, needs: before(needs), ...body };
		}),
	);

test("what a file compiles to is valid as it is, and hashes the same however the file is written", () => {
	let valid = 0;
	fc.assert(
		fc.property(sound, (steps) => {
			const file = { apiVersion: "muster/v1", kind: "Workflow", name: "flow", steps };
			const definition = read(stringify(file));
			if (definition === undefined) return;
			valid++;
			assertValid(definition);
			const again = read(JSON.stringify(file, null, "\t").replaceAll("\t", "  "));
			assert.ok(again !== undefined);
			assert.equal(definitionHash(again), definitionHash(definition));
			assert.deepEqual(JSON.parse(JSON.stringify(definition)), definition, "nothing in it is undefined");
		}),
	);
	assert.ok(valid > 20, `${valid} of 100 are valid`);
});

test("a program may give anything for a definition: it is one, or there is a coded error", () => {
	const shape = fc.record({
		name: leaf,
		inputs: tree,
		steps: fc.array(tree),
		outputs: tree,
		triggers: tree,
		finally: tree,
	});
	fc.assert(
		fc.property(fc.oneof(tree, shape, sound), (value) => {
			try {
				assertValid(value as WorkflowDefinition);
			} catch (error) {
				assert.ok(hasCode(error, "E_WORKFLOW_INVALID"), String((error as Error).stack));
			}
		}),
		{ numRuns: 500 },
	);
});
