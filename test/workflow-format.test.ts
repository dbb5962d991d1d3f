/** docs/workflow-format.md says what the code does: its tables are made from the schema, its examples are workflows. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { parseWorkflow } from "../src/workflow/yaml.ts";
import { keyTable, keyTablePlaces } from "./key-table.ts";

const file = new URL("../docs/workflow-format.md", import.meta.url);
const page = (): string => readFileSync(file, "utf8");

const HEAD = "apiVersion: muster/v1\nkind: Workflow\nname: flow\n";

function isWorkflow(rest: string): boolean {
	try {
		return parseWorkflow(HEAD + rest, "f").steps.length > 0;
	} catch {
		return false;
	}
}

test("docs/workflow-format.md has the keys as they are (WRITE_DOCS=1 writes them)", () => {
	const text = page();
	const places: string[] = [];
	const made = text.replace(/<!-- keys of (\S+) -->\n+(?:\|.*\n)*\n*/g, (_, place: string) => {
		places.push(place);
		return `<!-- keys of ${place} -->\n\n${keyTable(place)}\n\n`;
	});
	if (process.env.WRITE_DOCS) writeFileSync(file, made);
	assert.equal(page(), made);
	assert.deepEqual(places.toSorted(), keyTablePlaces);
});

test("docs/workflow-format.md says which keys go with which kind of step", () => {
	const table = page().split("What goes with what:\n\n")[1]?.split("\n\n")[0] ?? "";
	const lines = table.split("\n").filter((line) => !line.startsWith("|-"));
	const [head = [], ...rows] = lines.map((line) =>
		line
			.replaceAll("`", "")
			.split("|")
			.slice(1, -1)
			.map((cell) => cell.trim()),
	);
	const kinds = head.slice(1);
	assert.ok(rows.length > 10);
	const body: { [kind: string]: string } = {
		...{ skill: "skill: w", workflow: "workflow: w", wait: "wait: { signal: s }" },
		...{ loop: "loop: { max: 1, steps: [{ id: b, skill: w }] }", steps: "steps: [{ id: b, skill: w }]" },
	};
	const values: { [key: string]: string } = {
		...{
			forEach: "{ in: [1] }",
			compensate: "{ skill: u }",
			priority: "low",
			capabilities: "[c]",
			with: "{}",
			output: "1",
		},
		...{ retry: "{ max: 2 }", concurrency: "k", rate: "{ key: k, limit: 1, per: 1s }" },
	};
	for (const [key = "", ...cells] of rows) {
		for (const [index, kind] of kinds.entries()) {
			const step = `{ id: a, ${body[kind]}, ${key}: ${values[key] ?? "1s"} }`;
			assert.equal(isWorkflow(`steps: [${step}]\n`), cells[index] === "yes", `${key} on a step with ${kind}`);
		}
	}
});

test("every workflow in docs/workflow-format.md is one, and fits the published schema", () => {
	const fits = new Ajv2020({ strictRequired: false }).compile(
		JSON.parse(readFileSync(new URL("../schemas/workflow.schema.json", import.meta.url), "utf8")),
	);
	const examples = [...page().matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);
	assert.ok(examples.length > 10);
	for (const text of examples) {
		const whole = text.includes("apiVersion") ? text : HEAD + text;
		assert.doesNotThrow(() => parseWorkflow(whole, "workflow-format.md"), text);
		assert.ok(fits(parse(whole)), `${text}${JSON.stringify(fits.errors)}`);
	}
});
