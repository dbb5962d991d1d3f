/** What the pages repeat from the code is what the code says, and what they show runs. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createProgram } from "../src/cli/program.ts";
import { readSettings } from "../src/config.ts";
import { defineSkill, errorTable, startOrchestrator } from "../src/index.ts";
import { MAX_INPUT_BYTES, MAX_JSON_DEPTH } from "../src/json.ts";
import { builtInSkills } from "../src/skill/built-in.ts";
import { taskStates, transitions } from "../src/task/task.ts";
import {
	MAX_INNER_INPUTS,
	MAX_INNER_LIVE,
	MAX_INNER_RUNS,
	MAX_MADE,
	MAX_OUTPUT,
	MAX_STEP_INPUT_BYTES,
	MAX_STEP_WORK,
} from "../src/workflow/bounds.ts";
import { MAX_EXPRESSION } from "../src/workflow/cel.ts";
import { MAX_TEXT, MAX_TICKS, MAX_TOGETHER } from "../src/workflow/cel-budget.ts";
import {
	MAX_ITEMS,
	MAX_NESTING,
	MAX_ROUNDS,
	MAX_RUN_DEPTH,
	MAX_RUN_STEPS,
	MAX_STEPS,
} from "../src/workflow/definition.ts";
import { MAX_SIGNALS_KEPT } from "../src/workflow/run.ts";
import { MAX_FILE_BYTES } from "../src/workflow/yaml-syntax.ts";

const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** Cells of all table rows of a page, without their back-ticks. */
const rowsOf = (text: string): string[][] =>
	text
		.split("\n")
		.filter((line) => /^\s*\|(?!-)/.test(line))
		.map((line) => line.trim().slice(1, -1).split("|"))
		.map((cells) => cells.map((cell) => cell.trim().replaceAll("`", "")));

const blockOf = (text: string, language: string): string =>
	new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? "";

test("docs/errors.md lists every code as it is", () => {
	const rows = rowsOf(read("docs/errors.md")).filter(([code]) => code?.startsWith("E_"));
	const expected = Object.entries(errorTable).map(([code, { title, status, exit, retryable }]) => [
		...[code, title, String(status), String(exit)],
		retryable ? "yes" : "no",
	]);
	assert.deepEqual(rows, expected);
});

test("docs/task-states.md lists every state and every transition", () => {
	const page = read("docs/task-states.md");
	const [states, moves] = page.split("| from | trigger |") as [string, string];
	assert.deepEqual(
		rowsOf(states)
			.map(([state]) => state)
			.slice(1),
		taskStates,
	);
	const expected = Object.entries(transitions).flatMap(([from, to]) =>
		Object.entries(to).map(([trigger, next]) => [from, trigger, next]),
	);
	assert.deepEqual(
		rowsOf(moves)
			.map((cells) => cells.slice(0, 3))
			.filter(([from]) => (taskStates as readonly string[]).includes(from ?? "")),
		expected,
	);
});

test("docs/workflow-format.md says the bounds as they are", () => {
	const table = read("docs/workflow-format.md").split("<!-- bounds -->")[1]?.split("\n## ")[0] ?? "";
	const [, ...rows] = rowsOf(table);
	const mi = (value: number): string => `${value / 1024 / 1024} Mi`;
	const plain = (value: number): string => value.toLocaleString("en");
	assert.deepEqual(
		rows.map(([, most]) => most),
		[
			...[`${mi(MAX_FILE_BYTES)}B`, plain(MAX_STEPS), plain(MAX_NESTING), plain(MAX_ITEMS), plain(MAX_ROUNDS)],
			...[
				plain(MAX_RUN_STEPS),
				`${mi(MAX_INPUT_BYTES)}B`,
				`${mi(MAX_STEP_INPUT_BYTES)}B`,
				mi(MAX_OUTPUT),
				mi(MAX_MADE),
			],
			...[plain(MAX_RUN_DEPTH), plain(MAX_INNER_LIVE), plain(MAX_INNER_RUNS), mi(MAX_INNER_INPUTS)],
			...[plain(readSettings({ dataDir: "." }).maxTasks), plain(MAX_JSON_DEPTH), plain(MAX_EXPRESSION), mi(MAX_TEXT)],
			...[plain(MAX_TICKS), plain(MAX_TOGETHER), plain(MAX_STEP_WORK), plain(MAX_SIGNALS_KEPT)],
		],
	);
	for (const [what, , code] of rows) assert.ok(Object.hasOwn(errorTable, code ?? ""), what);
});

test("the README's first program is the first example", () => {
	const [program] = read("examples/01-first-skill.ts").split("\n/* Output:\n");
	assert.equal(blockOf(read("README.md"), "ts"), program);
});

test("the README's workflow runs", async () => {
	const yaml = blockOf(read("README.md").replace(/^ {3}/gm, ""), "yaml");
	const folder = await mkdtemp(join(tmpdir(), "muster-docs-"));
	await writeFile(join(folder, "words.yaml"), yaml);
	const countWords = defineSkill<{ text: string }, { words: number }>({
		name: "count-words",
		description: "Counts the words of a text.",
		run: ({ text }) => ({ words: text.split(" ").length }),
	});
	const orchestrator = await startOrchestrator({ dataDir: join(folder, "data"), skills: [countWords] });
	try {
		const id = await orchestrator.startRun(join(folder, "words.yaml"), { texts: ["two words", "and three more"] });
		const run = await orchestrator.waitRun(id, { timeout: "30s" });
		assert.deepEqual(run.outputs, { words: [2, 3] });
	} finally {
		await orchestrator.shutdown();
		await rm(folder, { recursive: true });
	}
});

test("the README names every skill, every command and every workflow that there is", () => {
	const readme = read("README.md");
	const skills = builtInSkills({ folders: [], commands: [], webhooks: [] }).map(({ name }) => name);
	const [, table] = readme.split("| skill | does |") as [string, string];
	const rows = rowsOf((table.split("\n\n")[0] ?? "").slice(table.indexOf("\n")));
	assert.deepEqual(
		rows.map(([name]) => name),
		skills,
	);
	const commands = createProgram({ version: () => "", done: () => undefined }).commands.map((command) =>
		command.name(),
	);
	const sentence = /`npx muster` and one of ([\s\S]*?)\. Each/.exec(readme)?.[1] ?? "";
	assert.deepEqual(
		[...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name),
		commands,
	);
	for (const file of readdirSync(new URL("workflows", root))) {
		assert.ok(readme.includes(`\`${file.replace(".yaml", "")}\``), `${file} is named`);
	}
});

test("every path that a page names is there", () => {
	for (const page of [
		"README.md",
		"ARCHITECTURE.md",
		"CONTRIBUTING.md",
		"docs/bus.md",
		"docs/configuration.md",
		"docs/errors.md",
		"docs/security.md",
		"docs/skills.md",
		"docs/task-states.md",
		"docs/workflow-format.md",
	]) {
		const text = read(page);
		const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path as string);
		for (const path of linked) assert.ok(existsSync(new URL(path, new URL(page, root))), `${page} links to ${path}`);
		const named = [...text.matchAll(/`((?:src|test|examples|docs|scripts)\/[\w./-]+\.(?:ts|md|cjs))`/g)].map(
			([, path]) => path,
		);
		for (const path of named) assert.ok(existsSync(new URL(path as string, root)), `${page} names ${path}`);
	}
	const heads = [...read("ARCHITECTURE.md").matchAll(/`((?:[a-z-]+\/)?[a-z-]+\.ts)`/g)].map(
		([, path]) => path as string,
	);
	assert.ok(heads.length > 20);
	for (const path of heads) {
		const known = existsSync(new URL(`src/${path}`, root)) || ["scheduler.ts", "runner.ts", "limits.ts"].includes(path);
		assert.ok(known || path.startsWith("test/"), `ARCHITECTURE.md names ${path}`);
	}
});

test("ARCHITECTURE.md lists the invariants that stand at the heads of the files", () => {
	const [, text] = read("ARCHITECTURE.md").split("## Where the invariants stand") as [string, string];
	const listed = [...text.matchAll(/([A-Z])1(?:-\1(\d+))?\s+`([^`]+)`/g)];
	assert.ok(listed.length > 5);
	for (const [, letter, last = "1", path] of listed) {
		const found = [...read(`src/${path}`).matchAll(new RegExp(`\\b${letter}(\\d)(?:  |: )`, "g"))].map(([, n]) => n);
		const expected = Array.from({ length: Number(last) }, (_, i) => String(i + 1));
		assert.deepEqual(found, expected, `${path} holds ${letter}1 to ${letter}${last}`);
	}
	const others = readdirSync(new URL("src", root), { recursive: true, encoding: "utf8" })
		.filter((path) => path.endsWith(".ts") && / \* [A-Z]1 {2}/.test(read(`src/${path}`)))
		.filter((path) => !listed.some(([, , , known]) => known === path));
	assert.deepEqual(others, []);
});

test("what the README checks its promises with is there", () => {
	const commands = read("README.md").matchAll(/npx node --test ([^`]+)`/g);
	const patterns = [...commands].flatMap(([, list]) => (list as string).replaceAll('"', "").split(" "));
	assert.ok(patterns.length >= 8);
	for (const pattern of patterns) {
		const folder = pattern.slice(0, pattern.lastIndexOf("/"));
		const names = readdirSync(new URL(folder, root)).filter((name) => name.endsWith(".test.ts"));
		const wanted = pattern.slice(folder.length + 1);
		assert.ok(wanted === "*.test.ts" ? names.length > 0 : names.includes(wanted), `${pattern} is there`);
	}
});
