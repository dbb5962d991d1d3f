/** docs/skills.md and docs/configuration.md are what the schemas say; the examples are commands that fit. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { settingsShape } from "../config.ts";
import { startOrchestrator } from "../index.ts";
import { builtInSkills } from "../main.ts";
import { configurationPage } from "./configuration-page.ts";
import { createProgram } from "./program.ts";
import { jsonSchemaOf } from "./schema-rows.ts";
import { examples, skillPage, skillViews } from "./skill-page.ts";
import { readInput } from "./values.ts";

for (const [name, page] of [
	["skills", skillPage],
	["configuration", configurationPage],
] as const) {
	test(`docs/${name}.md is what the code says (WRITE_DOCS=1 writes it)`, () => {
		const file = new URL(`../../docs/${name}.md`, import.meta.url);
		if (process.env.WRITE_DOCS) writeFileSync(file, page());
		assert.equal(readFileSync(file, "utf8"), page());
	});
}

test("every member of a skill's input and output, and every setting, has a meaning", () => {
	const members = (schema: ReturnType<typeof jsonSchemaOf>) =>
		(schema.anyOf ?? [schema]).flatMap(({ properties = {} }) => Object.entries(properties));
	const schemas = [
		...skillViews().flatMap(({ input, output }) => [input, output]),
		jsonSchemaOf(settingsShape, "input"),
	];
	for (const [name, { description, const: only }] of schemas.flatMap(members)) {
		assert.ok(description !== undefined || only !== undefined, name);
	}
});

test("the example of every skill is a command, and its input fits", () => {
	assert.deepEqual(
		Object.keys(examples),
		builtInSkills().map(({ name }) => name),
	);
	for (const { name, input } of builtInSkills()) {
		const submit = createProgram({ version: () => "", done: () => undefined }).commands.find(
			(command) => command.name() === "submit",
		);
		assert.ok(submit);
		submit.action(() => undefined).exitOverride();
		submit.parse([...(examples[name] ?? [])], { from: "user" });
		assert.deepEqual(submit.args, [name]);
		const parsed = input?.safeParse(readInput(submit.opts()));
		assert.ok(parsed?.success, `${name}: ${parsed?.error}`);
	}
});

test("a setting that is not known is refused with those that are", async () => {
	const wrong = (settings: object) => startOrchestrator(settings);
	await assert.rejects(wrong({ limits: { all: 5 } }), {
		code: "E_CONFIG_INVALID",
		message: 'the settings are not right: limits: unknown key "all" (known here: running, types)',
	});
	await assert.rejects(wrong({ worker: 5 }), { message: /unknown key "worker" \(Did you mean "workers"\?\)/ });
});
