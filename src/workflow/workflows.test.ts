import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Json } from "../json.ts";
import { createActSkill } from "../skill/automation/act.ts";
import { detect } from "../skill/automation/detect.ts";
import { monitor } from "../skill/automation/monitor.ts";
import { editing } from "../skill/content/editing.ts";
import { research } from "../skill/content/research.ts";
import { writing } from "../skill/content/writing.ts";
import { analyze } from "../skill/data/analyze.ts";
import { collect } from "../skill/data/collect.ts";
import { visualize } from "../skill/data/visualize.ts";
import type { AnySkill } from "../skill/skill.ts";
import { decide } from "./decide.ts";
import { checkInputs, coerceInputs } from "./inputs.ts";
import type { Run } from "./run.ts";
import { parseWorkflow } from "./yaml.ts";

const FOLDER = new URL("../../workflows/", import.meta.url);
const file = (name: string, mediaType: string) => ({ ref: `sha256:${"0".repeat(64)}`, size: 1, mediaType, name });

const read = (name: string) => parseWorkflow(readFileSync(new URL(`${name}.yaml`, FOLDER), "utf8"), `${name}.yaml`);

const skills = new Map<string, AnySkill>(
	[research, writing, editing, collect, analyze, visualize, monitor, detect, createActSkill()].map(
		(skill: AnySkill) => [skill.name, skill],
	),
);

/** What the skills return as far as the workflows read it, in the order in which tests may change it. */
const outputs: { [skill: string]: Json } = {
	research: { topic: "t", notes: [] },
	writing: { article: file("article.md", "text/markdown"), citations: [{ marker: 1, source: { title: "A text" } }] },
	editing: { article: file("article.md", "text/markdown"), report: file("report.md", "text/markdown") },
	collect: { table: file("table.bin", "application/json"), rowCount: 2, columns: [{ name: "date" }, { name: "wind" }] },
	analyze: { table: file("table.bin", "application/json"), profiles: [] },
	visualize: { report: file("report.html", "text/html"), charts: [], highlights: ["windy"] },
	monitor: { changed: true, observations: [{ magnitude: 7 }], count: 1 },
	detect: { anomalies: [], counts: { strong: 0 } },
	act: { actions: [], report: file("automation-log.md", "text/markdown") },
};

/** Runs a workflow with the outputs above; every input has to be one that its skill takes. */
function play(name: string, given: Record<string, Json>, changed: typeof outputs = {}): { run: Run; tasks: string[] } {
	const definition = read(name);
	const run: Run = {
		id: "run-1",
		workflow: name,
		hash: "",
		inputs: checkInputs(definition, given),
		state: "running",
		createdAt: 0,
		steps: {},
	};
	const tasks: string[] = [];
	while (run.state === "running") {
		for (const command of decide(definition, run)) {
			if (command.kind === "complete") Object.assign(run, { state: "completed", outputs: command.outputs });
			else if (command.kind === "fail") assert.fail(command.error.message);
			else {
				const skill = definition.steps.find(({ id }) => id === command.step)?.skill ?? "";
				const inputs = command.kind === "start" ? command.inputs : [];
				for (const input of inputs) skills.get(skill)?.input?.parse(input);
				tasks.push(`${command.step} ${command.kind === "skip" ? "skipped" : inputs.length}`);
				run.steps[command.step] = {
					state: command.kind === "skip" ? "skipped" : "completed",
					total: inputs.length,
					each: command.kind === "start" && command.each,
					outputs: inputs.map(() => changed[skill] ?? outputs[skill] ?? null),
					done: inputs.length,
					failed: 0,
					startedAt: 0,
				};
			}
		}
	}
	return { run, tasks };
}

test("every workflow file is valid, is named as its file, runs on its defaults and uses skills that exist", () => {
	const names = readdirSync(FOLDER).map((entry) => entry.replace(/\.yaml$/, ""));
	assert.deepEqual(names.toSorted(), ["automation", "content-creation", "data-analysis"]);
	for (const name of names) {
		const definition = read(name);
		assert.equal(definition.name, name);
		assert.doesNotThrow(() => checkInputs(definition, {}));
		for (const step of definition.steps) assert.ok(skills.has(step.skill), step.skill);
	}
});

test("content creation researches each angle, then writes, then edits", () => {
	const { run, tasks } = play("content-creation", { angles: ["one", "two", "three"] });
	assert.deepEqual(tasks, ["research 3", "write 1", "edit 1"]);
	assert.deepEqual(run.outputs, {
		article: file("article.md", "text/markdown"),
		report: file("report.md", "text/markdown"),
		sources: ["A text"],
	});
});

test("data analysis profiles each column in a task of its own and draws one report", () => {
	const { run, tasks } = play("data-analysis", {});
	assert.deepEqual(tasks, ["collect 1", "profile 2", "relate 1", "visualize 1"]);
	assert.deepEqual(run.outputs?.highlights, ["windy"]);
	assert.deepEqual(play("data-analysis", { groupBy: "weather", title: "T", units: { wind: "m/s" } }).tasks, tasks);
});

test("automation acts on what it finds, and does nothing when nothing is new", () => {
	const { run, tasks } = play("automation", {});
	assert.deepEqual(tasks, ["monitor 1", "detect 1", "act 1"]);
	assert.deepEqual(run.outputs?.log, file("automation-log.md", "text/markdown"));
	const quiet = play("automation", {}, { monitor: { changed: false, observations: [], count: 0 } });
	assert.deepEqual(quiet.tasks, ["monitor 1", "detect skipped", "act skipped"]);
	assert.deepEqual(quiet.run.outputs, { log: null, anomalies: [], counts: {} });
});

test("automation finds in its sample what the sample's own settings find", () => {
	const settings = JSON.parse(readFileSync(new URL("../samples/automation/detect.json", FOLDER), "utf8"));
	const { rules, statistics } = checkInputs(read("automation"), {});
	assert.deepEqual({ rules, statistics }, settings);
});

test("the inputs of the files can be given as texts", () => {
	assert.deepEqual(coerceInputs(read("content-creation"), { words: "900", angles: '["a"]', topic: "7" }), {
		words: 900,
		angles: ["a"],
		topic: "7",
	});
});
