import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { bin, muster, root, start, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

const flow = `apiVersion: muster/v1
kind: Workflow
name: quick
inputs:
  topic: { type: string }
  n: { type: integer, default: 1 }
steps:
  - id: research
    skill: research
    with: { topic: "\${{ inputs.topic }}", folder: samples/library }
outputs:
  topic: \${{ steps.research.output.topic }}
`;

function readFolder(folder: string): Record<string, string> {
	return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

describe("running work", { concurrency: true }, () => {
	test("a workflow makes the same files with and without a server", async (t) => {
		const folder = temporaryFolder(t);
		const alone = await muster(
			t,
			"run",
			"content-creation",
			"--data",
			join(folder, "a"),
			"--out",
			join(folder, "alone"),
		);
		assert.equal(alone.code, 0, alone.stderr);
		assert.match(alone.stderr, /research: completed 4\/4/);
		const server = await up(t, join(folder, "b"));
		const through = await muster(
			t,
			"run",
			"content-creation",
			"--data",
			join(folder, "b"),
			"--out",
			join(folder, "through"),
		);
		assert.equal(through.code, 0, through.stderr);
		const files = readFolder(join(folder, "alone"));
		assert.deepEqual(Object.keys(files).sort(), ["article.md", "style-report.md"]);
		assert.deepEqual(readFolder(join(folder, "through")), files);
		server.process.kill("SIGTERM");
		assert.equal((await server.ended).code, 0);
	});

	test("run --json gives the run with its files, and nothing else on stdout", async (t) => {
		const folder = temporaryFolder(t);
		const file = join(folder, "quick.yaml");
		writeFileSync(file, flow);
		const inputs = join(folder, "inputs.json");
		writeFileSync(inputs, '{"topic": "clocks", "n": 2}');
		const run = await muster(
			t,
			"run",
			file,
			"--data",
			join(folder, "d"),
			"--input-file",
			inputs,
			"-i",
			"topic=queues",
			"--json",
			"-q",
		);
		assert.equal(run.code, 0, run.stderr);
		assert.equal(run.stderr, "");
		const view = JSON.parse(run.stdout);
		assert.equal(view.state, "completed");
		assert.deepEqual(view.inputs, { topic: "queues", n: 2 });
		assert.deepEqual(view.outputs, { topic: "queues" });
		assert.deepEqual(view.files, []);
	});

	test("a submit is stored without a server and waits for one; with --wait it is done", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const stored = await muster(
			t,
			"submit",
			"research",
			"-i",
			"topic=queues",
			"-i",
			"folder=samples/library",
			"--data",
			folder,
		);
		assert.equal(stored.code, 0, stored.stderr);
		const id = stored.stdout.trim();
		assert.match(id, /^tsk_[0-9a-z]{16}$/);
		const listed = JSON.parse((await muster(t, "ps", "--json", "--data", folder)).stdout);
		assert.deepEqual(
			[listed.items[0].id, listed.items[0].state, listed.items[0].waiting.reason],
			[id, "ready", "stopping"],
		);
		const status = JSON.parse((await muster(t, "status", "--json", "--data", folder)).stdout);
		assert.deepEqual([status.orchestrator, status.taskQueue.ready, status.taskQueue.failed], ["stopped", 1, 0]);
		const after = await muster(
			t,
			...["submit", "research", "--after", id.slice(0, -1), "--wait", "--json", "--data", folder],
			...["--input-json", '{"topic": "queues"}', "-i", "folder=samples/library"],
		);
		assert.equal(after.code, 0, after.stderr);
		assert.deepEqual(JSON.parse(after.stdout).dependsOn, [id]);
		const task = JSON.parse((await muster(t, "task", id, "--json", "--data", folder)).stdout);
		assert.equal(task.state, "completed");
		assert.equal(task.attempts, 1);
	});

	test("work that fails, is cancelled or takes too long has an exit code of its own", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const missing = ["submit", "collect", "-i", "source=nowhere.csv", "--data", folder];
		const failed = await muster(t, ...missing, "--wait");
		assert.equal(failed.code, 1, failed.stderr);
		assert.match(failed.stderr, /error E_\w+: .*nowhere\.csv/);
		const dead = JSON.parse((await muster(t, "dead", "--json", "--data", folder)).stdout);
		assert.equal(dead.items.length, 1);
		const late = (
			await muster(t, "submit", "collect", "-i", "source=x.csv", "--delay", "1h", "--data", folder)
		).stdout.trim();
		const waited = await muster(
			t,
			"submit",
			"collect",
			"-i",
			"source=x.csv",
			"--delay",
			"1h",
			"--wait",
			"--timeout",
			"10ms",
			"--data",
			folder,
		);
		assert.equal(waited.code, 8, waited.stderr);
		const cancelled = await muster(t, "cancel", late, "--json", "--data", folder);
		assert.deepEqual(JSON.parse(cancelled.stdout), { id: late, before: "scheduled", state: "cancelled" });
	});
});

describe("mistakes", { concurrency: true }, () => {
	test("each has its exit code, its error code and a hint", async (t) => {
		const folder = temporaryFolder(t);
		const data = ["--data", join(folder, "d")];
		const bad = join(folder, "bad.yaml");
		writeFileSync(bad, flow.replace("skill:", "skil:"));
		const file = join(folder, "not-a-folder");
		writeFileSync(file, "");
		const cases: [args: string[], code: number, text: RegExp][] = [
			[["stauts"], 2, /error E_USAGE: unknown command 'stauts'\nhint: Did you mean status\?/],
			[["status", "--jsn"], 2, /E_USAGE: unknown option '--jsn'\nhint: Did you mean --json\?/],
			[["run"], 2, /E_USAGE: missing required argument/],
			[["run", "content-creatoin", ...data], 4, /E_WORKFLOW_UNKNOWN.*\n.*Did you mean "content-creation"\?/],
			[["run", "content-creation", "-i", "topc=x", ...data], 2, /E_INPUT_INVALID.*topc.*Did you mean "topic"\?/],
			[["run", "content-creation", "-i", "words=many", ...data], 2, /words.*not a whole number/],
			[["run", "content-creation", "-i", "topic", ...data], 2, /E_USAGE: "topic" is not a key and a value/],
			[["run", bad, ...data], 3, /bad\.yaml:9:5 .*unknown key "skil".*Did you mean "skill"\?/],
			[["run", join(folder, "none.yaml"), ...data], 2, /E_FILE_UNREADABLE/],
			[["run", "content-creation", "--detach", ...data], 6, /E_UNREACHABLE.*\n.*muster up/],
			[["workflows", "--check", bad], 3, /bad\.yaml:9:5 /],
			[["status", "--data", join(folder, "nothing")], 6, /E_DATA_FOLDER: there is no data folder/],
			[["status", "--data", file], 6, /E_DATA_FOLDER/],
			[["submit", "collect", "--data", join(file, "d")], 6, /E_DATA_FOLDER.*cannot be made/],
			[["submit", "collect", "-i", "source=a", "--priority", "urgent", ...data], 2, /Allowed choices are critical/],
			[["submit", "collect", "-i", "sorce=a", ...data], 2, /E_INPUT_INVALID/],
			[["submit", "collect", "--input-json", "{", ...data], 2, /--input-json is not JSON/],
			[["up", "--port", "99999"], 2, /whole number from 0 to 65535/],
			[["up", "--agents", "3", "--workers", "4"], 2, /cannot be used with/],
			[["up", "--agents", "621", ...data], 3, /E_CONFIG_INVALID/],
			[["up", "--host", "0.0.0.0", "--port", "0", ...data], 3, /does not listen on 0\.0\.0\.0 without encryption/],
			[["status", "--timeout", "soon", ...data], 2, /--timeout is "soon"/],
		];
		for (const [args, code, text] of cases) {
			const ended = await muster(t, ...args);
			const what = `${args.join(" ")}: ${ended.stderr}`;
			assert.equal(ended.code, code, what);
			assert.match(ended.stderr, text, what);
			assert.match(ended.stderr, /^error E_/m, what);
			assert.ok(!ended.stderr.includes("    at "), what);
			assert.equal(ended.stdout, "", what);
		}
	});

	test("looking makes no data folder", async (t) => {
		const folder = join(temporaryFolder(t), "none");
		for (const command of [["status"], ["ps"], ["agents"], ["dead"], ["task", "x"], ["cancel", "x"]]) {
			assert.notEqual((await muster(t, ...command, "--data", folder)).code, 0);
		}
		assert.equal(existsSync(folder), false);
		assert.equal((await muster(t, "doctor", "--data", folder)).code, 0);
		assert.equal(existsSync(folder), false);
	});

	test("doctor fails with a fix when a folder is damaged, and names what is whole", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		await muster(t, "submit", "collect", "-i", "source=x.csv", "--data", folder);
		assert.equal((await muster(t, "doctor", "--data", folder)).code, 0);
		const { DatabaseSync } = await import("node:sqlite");
		const db = new DatabaseSync(join(folder, "journal.db"));
		db.exec("UPDATE batches SET body = x'5b5d' WHERE seq = 1");
		db.close();
		const sick = await muster(t, "doctor", "--json", "--data", folder);
		assert.equal(sick.code, 1);
		const { ok, checks } = JSON.parse(sick.stdout) as {
			ok: boolean;
			checks: { name: string; ok: boolean; fix?: string }[];
		};
		assert.equal(ok, false);
		const failed = checks.filter((check) => !check.ok);
		assert.deepEqual(
			failed.map(({ name }) => name),
			["journal"],
		);
		assert.match(failed[0]?.fix ?? "", /backup/);
	});

	test("doctor and workflows name the broken file of the working folder", async (t) => {
		const folder = temporaryFolder(t);
		mkdirSync(join(folder, "workflows"));
		writeFileSync(join(folder, "workflows", "mine.yaml"), flow.replace("skill:", "skil:"));
		const listed = await start(t, ["workflows", "--json"], { cwd: folder }).ended;
		assert.equal(listed.code, 1);
		const { items } = JSON.parse(listed.stdout) as { items: { name: string; error?: { code: string } }[] };
		assert.deepEqual(
			items.map(({ name, error }) => [name, error?.code]),
			[
				["automation", undefined],
				["content-creation", undefined],
				["data-analysis", undefined],
				["incident-response", undefined],
				["mine", "E_WORKFLOW_INVALID"],
			],
		);
		const doctor = await start(t, ["doctor"], { cwd: folder }).ended;
		assert.equal(doctor.code, 1);
		assert.match(doctor.stdout, /FAIL {2}workflow mine: workflows\/mine\.yaml:8:5 .*\n.*workflows\/mine\.yaml:9:5 /);
	});
});

test("a reader that goes away ends a command quietly", async () => {
	const child = spawn(process.execPath, [bin, "workflows"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
	child.stdout.destroy();
	let stderr = "";
	child.stderr.on("data", (data) => {
		stderr += data;
	});
	const [code] = await once(child, "close");
	assert.equal(code, 0);
	assert.ok(!/EPIPE|error/i.test(stderr), stderr);
});

test("help and version are there without loading anything else", async (t) => {
	const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
	assert.equal((await muster(t, "--version")).stdout.trim(), version);
	const help = await muster(t, "--help");
	assert.equal(help.code, 0);
	assert.match(help.stdout, /Usage: muster/);
	assert.equal((await muster(t)).stdout, help.stdout);
});
