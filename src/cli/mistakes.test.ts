/** What a mistake is told on the command line. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { muster } from "../../test/cli-fixture.ts";

let folder: string;
before(async () => {
	folder = await mkdtemp(join(tmpdir(), "muster-mistakes-"));
});
after(() => rm(folder, { recursive: true }));

const input = (value: unknown): string[] => ["--input-json", JSON.stringify(value), "--data", folder];

test("an input that may have several forms: the one that was meant is explained", async (t) => {
	const act = await muster(t, "submit", "act", ...input({ actions: [{ kind: "write-file", path: "a" }] }));
	assert.equal(act.code, 2);
	assert.match(act.stderr, /the input of act is not right: actions\.0\.content: is required/);
	const monitor = await muster(t, "submit", "monitor", ...input({ watch: { fil: "a" } }));
	assert.match(monitor.stderr, /watch: unknown key "fil" \(Did you mean "file"\? allowed: \{ file \}, \{ folder \},/);
});

test("anomalies that are none are told one by one", async (t) => {
	const { code, stderr } = await muster(t, "submit", "act", "--wait", ...input({ anomalies: [{ id: "x" }] }));
	assert.equal(code, 1);
	assert.match(stderr, /the anomalies are not right, .*0\.rule: is required; 0\.severity: /);
	assert.match(
		stderr,
		/hint: Each is as `detect` gives it: \{ id, rule, severity, observation, value, expected, text \}/,
	);
});

test("--check knows the workflows and skills that a file uses", async (t) => {
	const file = join(folder, "outer.yaml");
	const steps = [
		"  - { id: one, workflow: data-anlysis }",
		"  - { id: two, workflow: content-creation, with: { topc: clocks } }",
		"  - { id: three, skill: collect, with: { sorce: a.csv } }",
		"  - { id: four, skill: own-thing }",
	];
	await writeFile(file, `apiVersion: muster/v1\nkind: Workflow\nname: outer\nsteps:\n${steps.join("\n")}\n`);
	const { code, stderr } = await muster(t, "workflows", "--check", file);
	assert.equal(code, 3);
	assert.match(stderr, /outer\.yaml:5:26 there is no workflow "data-anlysis" \(Did you mean "data-analysis"\?\)\n/);
	assert.match(stderr, /outer\.yaml:6:52 "content-creation" has no input "topc" \(Did you mean "topic"\?\)\n/);
	assert.match(
		stderr,
		/outer\.yaml:7:42 the input of collect is not right: unknown key "sorce" \(Did you mean "source"\?\)/,
	);
	assert.match(stderr, /note: \S+outer\.yaml:8:24 no skill "own-thing" comes with Muster/);
});
