/** What a mistake is told on the command line. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
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
