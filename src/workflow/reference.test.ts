/** What goes wrong when a workflow is written in TypeScript, and what expressions and texts do with values. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import {
	type BuiltWorkflow,
	defineSkill,
	defineWorkflow,
	expr,
	MusterError,
	subWorkflow,
	task,
	text,
	use,
} from "../index.ts";
import { evaluateTemplate } from "./expression.ts";
import type { Reference } from "./reference.ts";

/** That it is refused with the code of an invalid workflow and this in its message. */
const refused = (make: () => unknown, message: RegExp): void =>
	assert.throws(
		make,
		(error) => error instanceof MusterError && error.code === "E_WORKFLOW_INVALID" && message.test(error.message),
	);

const writing = defineSkill<{ topic: string; words: number }, { article: string; score: number }>({
	name: "writing",
	description: "Writes.",
	run: ({ topic }) => ({ article: `on ${topic}`, score: 1 }),
});
const topic = z.object({ topic: z.string() });

describe("expressions and texts", () => {
	/** What a value becomes when it goes through a template, as a run would see it. */
	const through = (make: (topic: Reference<string>) => unknown): unknown => {
		const built = defineWorkflow("w", { inputs: topic })
			.step("s", ({ inputs }) => task("t", { value: make(inputs.topic) }))
			.build();
		return evaluateTemplate(built.steps[0]?.with ?? null, { inputs: { topic: "T" } });
	};

	it("keep a value as it is, whatever is in it", () => {
		const texts = ['" || true || "', "'\\\"\n\t\u0000\u2028", "${{ inputs.topic }}", "}} ${{", "\\u0041", 'r"', "é😀"];
		for (const value of [...texts, 0, -1, 0.25, -2.5, true, null, ["a", { "b c": [1] }], {}]) {
			assert.deepEqual(
				through(() => value),
				{ value },
			);
			assert.deepEqual(
				through(() => expr`${value}`),
				{ value },
			);
			assert.deepEqual(
				through(() => expr`[${value}][0]`),
				{ value },
			);
			if (typeof value === "string")
				assert.deepEqual(
					through(() => text`<${value}>`),
					{ value: `<${value}>` },
				);
		}
		assert.deepEqual(
			through(() => expr`1e30 == ${1e30} && 1 -${-2} == 3`),
			{ value: true },
		);
		assert.deepEqual(
			through(() => text`${"$"}{{ inputs.topic }}`),
			{ value: "${{ inputs.topic }}" },
		);
	});

	/** What expressions are made of, in any order. */
	const hostile = fc.string({ unit: fc.constantFrom("$", "{", "}", '"', "'", "\\", "\n", "a", "inputs.topic") });

	it("keep any JSON as it is", () => {
		const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));
		const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
		fc.assert(
			fc.property(fc.oneof(json, hostile), (value) => {
				assert.deepEqual(plain(through(() => value)), plain({ value }));
				assert.deepEqual(plain(through(() => expr`${value}`)), plain({ value }));
			}),
		);
	});

	it("keep any words beside references, also where the parts of a text meet", () => {
		fc.assert(
			fc.property(hostile, hostile, hostile, (a, b, c) => {
				const value = through((topic) => text`${a}${b}${topic}${text`${b}${topic}${c}`}${text`${c}`}${a}`);
				assert.deepEqual(value, { value: `${a}${b}T${b}T${c}${c}${a}` });
			}),
			{ numRuns: 1_000 },
		);
	});

	it("make a text of what is none", () => {
		assert.deepEqual(
			through(() => text`${expr`1 + 2`}`),
			{ value: "3" },
		);
		assert.deepEqual(
			through(() => text`${""}${text`${expr`null`}`}`),
			{ value: "" },
		);
	});

	it("bracket an expression inside of another, and names that are no words", () => {
		const odd = z.object({ o: z.record(z.string(), z.string()) });
		const built = defineWorkflow("w", { inputs: odd }).step("s", ({ inputs }) =>
			task("t", [expr`${expr`1 + 2`} * 3`, inputs.o["a b"], inputs.o.in, expr`[${inputs.o.x}, "a"]`]),
		);
		const expected = [
			"${{ (1 + 2) * 3 }}",
			'${{ inputs.o["a b"] }}',
			'${{ inputs.o["in"] }}',
			'${{ [inputs.o.x, "a"] }}',
		];
		assert.deepEqual(built.build().steps[0]?.with, expected);
	});

	it("refuse a value inside of a text, joined to a word, or of no JSON", () => {
		refused(() => expr`"hello ${"x"}"`, /inside of a text/);
		refused(() => expr`r${"x"}`, /joined to a word/);
		refused(() => expr`${1}x`, /joined to a word/);
		refused(() => expr`${Number.NaN} > 1`, /NaN/);
		refused(() => expr`${() => 1}`, /cannot hold function/);
		refused(() => expr`${new Map()}`, /cannot hold a Map/);
		refused(() => text`a ${{ b: 1 }}`, /a text cannot hold a Object/);
		refused(() => expr`${text`a`}`, /cannot be part of an expression/);
	});
});

describe("misuse", () => {
	const define = (make: (ref: never) => unknown) => () =>
		defineWorkflow("w", { inputs: topic })
			.step("s", ({ inputs }) => task("t", make(inputs.topic as never)))
			.build();

	it("of a reference in JavaScript is refused where it happens", () => {
		refused(
			define((ref) => `on ${ref}`),
			/"inputs.topic" has no value while the workflow is defined/,
		);
		refused(
			define((ref) => ref + 1),
			/has no value/,
		);
		refused(
			define((ref) => ref > 1),
			/has no value/,
		);
		refused(
			define((ref) => JSON.stringify({ ref })),
			/has no value/,
		);
		refused(
			define((ref) => [...(ref as string[])]),
			/has no value/,
		);
		refused(
			define((ref) => ({ ...(ref as object) })),
			/has no value/,
		);
		refused(
			define((ref) => "a" in (ref as object)),
			/has no value/,
		);
		refused(
			define((ref) => (ref as string[]).map(() => 1)),
			/"inputs.topic.map" has no value/,
		);
		refused(
			define((ref) => String(ref)),
			/has no value/,
		);
		refused(
			define(() => `${text`a`}`),
			/the text "a" has no value/,
		);
	});

	it("of the builder is refused with what to do", () => {
		const base = defineWorkflow("w");
		refused(() => base.step("s", (() => 1) as never), /the step "s" does not say what it does/);
		refused(
			() => base.step("s", { if: (() => "a > 1") as never }, () => task("t")),
			/"if" of "s" is "a > 1", not a condition/,
		);
		refused(() => base.step("s", ({ group }) => group((() => 1) as never)), /the steps inside of a step are not there/);
		refused(() => base.step("s", () => task("t", { at: new Date(0) })), /the input.at is a Date/);
		refused(
			() => base.step("s", { timeout: "soon" }, () => task("t")).build(),
			/steps\[0\]\.timeout: must be a duration/,
		);
		refused(() => base.step("s", { colour: 1 } as never, () => task("t")).build(), /colour/);
		refused(() => base.build(), /must have at least one step/);
		refused(
			() =>
				defineWorkflow("W")
					.step("s", () => task("t"))
					.build(),
			/"W" cannot be a name here/,
		);
		refused(
			() =>
				base
					.step("s", () => task("t"))
					.step("s", () => task("t"))
					.build(),
			/already the id/,
		);
	});

	it("of what is not over yet is an error of the definition", () => {
		const two = defineWorkflow("w")
			.step("a", () => task("t"))
			.step("b", ({ steps }) => task("t", steps.a.output));
		refused(() => two.build(), /step "a" may not be over when "b" starts \(Add a to its needs\.\)/);
	});

	it("of a name that means something else inside is refused", () => {
		const nested = (as: string) => () =>
			defineWorkflow("w").forEach("a", { in: [1] }, (outer, { group }) =>
				group((body) => body.forEach("b", { in: [2], as }, (inner) => task("t", { outer, inner }))),
			);
		refused(nested("item"), /uses "item" of another place: here the name means something else/);
		assert.ok(nested("inner")().build());
		const leaked: unknown[] = [];
		const chain = defineWorkflow("w").forEach("a", { in: [1] }, (item) => {
			leaked.push(item);
			return task("t");
		});
		refused(() => chain.step("b", () => task("t", leaked[0])), /here the name means nothing/);
		const hidden = () =>
			defineWorkflow("w")
				.step("a", () => task("t"))
				.step("b", ({ group }) => group((body) => body.step("a", () => task("t"))));
		refused(hidden, /would hide a step around it/);
	});

	it("of inputs that a workflow cannot declare is refused", () => {
		const kinds = {
			optional: z.string().optional(),
			rule: z.string().min(3),
			format: z.email(),
			union: z.union([z.string(), z.number()]),
			change: z.string().transform(Number),
			above: z.number().positive(),
			coerced: z.coerce.number(),
			narrow: z.int32(),
			single: z.float32(),
			list: z.array(z.string()).min(1),
			nullable: z.string().nullable(),
		};
		for (const [name, kind] of Object.entries(kinds)) {
			refused(
				() => defineWorkflow("w", { inputs: z.object({ [name]: kind }) }),
				new RegExp(`the input "${name}" .*cannot say`),
			);
		}
		refused(() => defineWorkflow("w", { inputs: topic.refine(() => true) }), /the inputs have a rule/);
	});
});

test("a chain can be carried on in two ways, and a built definition is frozen", () => {
	const base = defineWorkflow("w").step("a", () => task("t"));
	const one = base.step("b", () => task("t")).build();
	assert.deepEqual([one.steps.length, base.build().steps.length], [2, 1]);
	assert.ok(Object.isFrozen(one.steps[0]?.needs));
});

test("the compiler finds a misspelt input, step, member and a wrong type", () => {
	defineWorkflow("w", { inputs: topic })
		.step("first", ({ inputs }) => use(writing, { topic: inputs.topic }))
		.step("second", { needs: "first" }, ({ inputs, steps }) => {
			// @ts-expect-error no such input
			inputs.topics;
			// @ts-expect-error no such step
			steps.frist;
			// @ts-expect-error no such member of the output
			steps.first.output.text;
			// @ts-expect-error the skill has no such input
			use(writing, { title: inputs.topic });
			// @ts-expect-error a text is no number
			use(writing, { words: inputs.topic });
			return use(writing, { words: steps.first.output.score });
		});
	const anything = defineSkill({ name: "anything", description: "Takes any JSON.", run: (input) => input });
	defineWorkflow("w")
		.step("first", () => task<{ text?: string }>("t"))
		.step("second", { needs: "first" }, ({ steps }) => use(anything, [steps.first.output, steps.first.output.text]))
		.build();
	const none = defineWorkflow("w");
	// @ts-expect-error no such step to need
	const needs = () => none.step("a", { needs: "b" }, () => task("t")).build();
	refused(needs, /no step of this list/);
	const typed: BuiltWorkflow<object, { score: number }> = defineWorkflow("w")
		.step("a", () => use(writing))
		.outputs(({ steps }) => ({ score: steps.a.output.score }));
	assert.equal(typed.name, "w");
	const inner = defineWorkflow("inner", { inputs: topic }).step("s", ({ inputs }) => use(writing, inputs));
	// @ts-expect-error the other workflow has no such input
	none.step("a", () => subWorkflow(inner.build(), { title: "x" }));
	// @ts-expect-error its input is a text
	none.step("a", () => subWorkflow(inner.build(), { topic: 1 }));
});
