import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Play } from "../../test/play.ts";
import type { Json } from "../json.ts";
import { createActSkill } from "../skill/automation/act.ts";
import { detect } from "../skill/automation/detect.ts";
import { monitor } from "../skill/automation/monitor.ts";
import { editing } from "../skill/content/editing.ts";
import { research } from "../skill/content/research.ts";
import { writing } from "../skill/content/writing.ts";
import { analyze } from "../skill/data/analyze.ts";
import { collect } from "../skill/data/collect.ts";
import { inspect } from "../skill/data/inspect.ts";
import { visualize } from "../skill/data/visualize.ts";
import type { AnySkill } from "../skill/skill.ts";
import { skillsOf } from "./definition.ts";
import { checkInputs, coerceInputs } from "./inputs.ts";
import { planOf } from "./plan.ts";
import type { Run } from "./run.ts";
import { stepOf } from "./scope.ts";
import { parseWorkflow } from "./yaml.ts";

const FOLDER = new URL("../../workflows/", import.meta.url);
const file = (name: string, mediaType: string) => ({ ref: `sha256:${"0".repeat(64)}`, size: 1, mediaType, name });

const read = (name: string) => parseWorkflow(readFileSync(new URL(`${name}.yaml`, FOLDER), "utf8"), `${name}.yaml`);

const skills = new Map<string, AnySkill>(
	[research, writing, editing, collect, analyze, inspect, visualize, monitor, detect, createActSkill()].map(
		(skill: AnySkill) => [skill.name, skill],
	),
);

/** What the skills return as far as the workflows read it, in the order in which tests may change it. */
const outputs: { [skill: string]: Json } = {
	research: { topic: "t", notes: [] },
	writing: {
		...{ article: file("article.md", "text/markdown"), avoided: ["old"] },
		citations: [{ marker: 1, source: { title: "A text" } }],
	},
	editing: {
		...{ article: file("article.md", "text/markdown"), report: file("report.md", "text/markdown") },
		...{ score: 1, suggestions: [{ text: "new" }] },
	},
	collect: {
		...{ table: file("table.bin", "application/json"), rowCount: 2, records: [1, 2, 3] },
		columns: [{ name: "date" }, { name: "wind" }],
	},
	inspect: { row: 1, findings: [] },
	analyze: { table: file("table.bin", "application/json"), profiles: [] },
	visualize: { report: file("report.html", "text/html"), charts: [], highlights: ["windy"] },
	monitor: { changed: true, observations: [{ magnitude: 7 }], count: 1 },
	detect: {
		...{ checked: 1, anomalies: [], counts: { strong: 0 }, notes: [] },
		incidents: [
			{ id: "a", severity: "critical", text: "a", count: 1, anomalies: file("incident.json", "application/json") },
		],
	},
	act: { actions: [], report: file("automation-log.md", "text/markdown") },
};

/** Runs a workflow with the outputs above; every input has to be one that its skill takes. */
function play(name: string, given: Record<string, Json>, changed: typeof outputs = {}): { run: Run; tasks: string[] } {
	const definition = read(name);
	const plan = planOf(definition);
	const play = new Play(definition, checkInputs(definition, given), [read("incident-response")]);
	play.go();
	for (let [leaf] = play.leaves(); leaf !== undefined; [leaf] = play.leaves()) {
		const { path, index } = leaf;
		const begun = play.commands.find(
			(command) => command.kind === "item" && command.step === path && command.index === index,
		);
		const skill = stepOf(plan, path).planned.step.skill ?? "";
		skills.get(skill)?.input?.parse(begun?.kind === "item" ? begun.input : undefined);
		play.complete(path, changed[skill] ?? outputs[skill] ?? null, index);
	}
	const { run } = play;
	if (run.error !== undefined) assert.fail(run.error.message);
	const tasks = Object.entries(run.steps).map(([path, { state, total }]) => {
		return `${path} ${state === "skipped" ? "skipped" : total}`;
	});
	return { run, tasks };
}

test("every workflow file is valid, is named as its file, runs on its defaults and uses skills that exist", () => {
	const names = readdirSync(FOLDER).map((entry) => entry.replace(/\.yaml$/, ""));
	assert.deepEqual(names.toSorted(), ["automation", "content-creation", "data-analysis", "incident-response"]);
	for (const name of names) {
		const definition = read(name);
		assert.equal(definition.name, name);
		assert.doesNotThrow(() => checkInputs(definition, name === "incident-response" ? { incident: {} } : {}));
		for (const skill of skillsOf(definition).keys()) assert.ok(skills.has(skill), skill);
	}
});

test("content creation researches each angle, then writes and edits", () => {
	const { run, tasks } = play("content-creation", { angles: ["one", "two", "three"] });
	assert.deepEqual(tasks, ["research 3", "polish 4", "polish.0.write 1", "polish.0.edit 1"]);
	assert.deepEqual(run.outputs, {
		article: file("article.md", "text/markdown"),
		report: file("report.md", "text/markdown"),
		sources: ["A text"],
		score: 1,
		rounds: 1,
	});
});

test("content creation edits again while the style is not good enough, at most four times", () => {
	const editing = { ...(outputs.editing as object), score: 0.5 };
	const { run, tasks } = play("content-creation", { angles: ["one"] }, { editing });
	assert.equal(tasks.filter((task) => task.endsWith(".write 1")).length, 4);
	assert.deepEqual([run.state, run.outputs?.rounds, run.outputs?.score], ["completed", 4, 0.5]);
});

test("data analysis profiles each column in a task of its own and draws one report", () => {
	const { run, tasks } = play("data-analysis", {});
	assert.deepEqual(tasks, ["collect 1", "profile 2", "relate 1", "inspect 3", "visualize 1"]);
	assert.deepEqual(run.outputs?.highlights, ["windy"]);
	assert.deepEqual(play("data-analysis", { groupBy: "weather", title: "T", units: { wind: "m/s" } }).tasks, tasks);
});

test("automation responds to each incident by a run of its own, and does nothing when nothing is new", () => {
	const { run, tasks } = play("automation", {});
	assert.deepEqual(tasks, ["monitor 1", "detect 1", "respond 1", "report 1"]);
	assert.deepEqual(run.outputs?.log, file("automation-log.md", "text/markdown"));
	const quiet = play("automation", {}, { monitor: { changed: false, observations: [], count: 0 } });
	assert.deepEqual(quiet.tasks, ["monitor 1", "detect skipped", "respond skipped", "report skipped"]);
	assert.deepEqual(quiet.run.outputs, { log: null, anomalies: [], counts: {}, notDone: [] });
});

test("a response asks a person from the given severity on", () => {
	const asks = (severity: string, approveFrom: string): boolean => {
		const definition = read("incident-response");
		const incident = { severity, text: "a", anomalies: file("incident.json", "application/json") };
		const run = new Play(definition, checkInputs(definition, { incident, approveFrom }));
		run.go();
		return run.run.steps.approve?.state === "running";
	};
	const levels = ["info", "warning", "critical"];
	const table = ["never", "critical", "warning", "info"].map((from) => levels.filter((level) => asks(level, from)));
	assert.deepEqual(table, [[], ["critical"], ["warning", "critical"], levels]);
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
