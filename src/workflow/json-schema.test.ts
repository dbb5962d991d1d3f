import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { type JsonSchema, workflowJsonSchema } from "./json-schema.ts";
import { parseWorkflow } from "./yaml.ts";

const root = new URL("../../", import.meta.url);
const published = new URL("schemas/workflow.schema.json", root);
const fits = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(workflowJsonSchema());

test("the published schema is the one that the code gives (WRITE_DOCS=1 writes it)", () => {
	const schema = workflowJsonSchema();
	if (process.env.WRITE_DOCS) writeFileSync(published, `${JSON.stringify(schema, null, "\t")}\n`);
	assert.deepEqual(JSON.parse(readFileSync(published, "utf8")), schema);
});

test("every key has a description", () => {
	const bare: string[] = [];
	const look = (schema: JsonSchema, path: string): void => {
		for (const [key, member] of Object.entries(schema.properties ?? {})) {
			if (member.description === undefined) bare.push(`${path}.${key}`);
			look(member, `${path}.${key}`);
		}
		for (const [index, option] of (schema.anyOf ?? []).entries()) look(option, `${path}|${index}`);
		for (const inside of [schema.items, schema.additionalProperties]) {
			if (typeof inside === "object") look(inside, `${path}[]`);
		}
		for (const [name, part] of Object.entries(schema.$defs ?? {})) look(part, name);
	};
	look(workflowJsonSchema(), "");
	assert.deepEqual(bare, []);
});

const files = ["workflows", "examples"].flatMap((folder) =>
	readdirSync(new URL(`${folder}/`, root))
		.filter((name) => name.endsWith(".yaml"))
		.map((name) => `${folder}/${name}`),
);

for (const file of files) {
	test(`${file} fits the schema`, () => {
		const text = readFileSync(new URL(file, root), "utf8");
		parseWorkflow(text, file);
		assert.ok(fits(parse(text)), JSON.stringify(fits.errors));
	});
}

const head = { apiVersion: "muster/v1", kind: "Workflow", name: "flow" };
const steps: [string, object, boolean][] = [
	["a skill", { skill: "w", needs: "b", retry: { initial: "2s" }, concurrency: "key" }, true],
	["an approval as a text", { wait: { approval: "Publish?", timeout: "24h" } }, true],
	["a loop", { loop: { max: 2, steps: [{ id: "b", skill: "w" }] } }, true],
	["nothing to do", { needs: [] }, false],
	["two things to do", { skill: "w", workflow: "other" }, false],
	["a misspelt key", { skill: "w", needz: "b" }, false],
	["a misspelt key in a loop", { loop: { max: 2, steps: [{ id: "b", skil: "w" }] } }, false],
	["no duration", { skill: "w", timeout: "3 weeks" }, false],
	["no round", { loop: { max: 0, steps: [{ id: "b", skill: "w" }] } }, false],
];

for (const [what, step, expected] of steps) {
	test(`a step with ${what} ${expected ? "fits" : "does not fit"} the schema`, () => {
		assert.equal(fits({ ...head, steps: [{ id: "a", ...step }] }), expected, JSON.stringify(fits.errors));
	});
}
