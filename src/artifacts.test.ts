import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FileArtifacts } from "./artifacts.ts";
import { systemClock } from "./clock.ts";
import { hasCode } from "./errors.ts";

function store(t: TestContext): FileArtifacts {
	const folder = mkdtempSync(join(tmpdir(), "muster-artifacts-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return new FileArtifacts(folder, (bytes) => systemClock.randomHex(bytes));
}

test("the same content is stored once, whatever it is called", async (t) => {
	const artifacts = store(t);
	const [one, other] = [
		await artifacts.put("a.txt", "hello", "text/plain"),
		await artifacts.put("b.txt", "hello", "text/plain"),
	];
	assert.equal(one.ref, other.ref);
	assert.equal(await artifacts.text(other), "hello");
});

test("damaged content is refused, and whole again once it is stored again", async (t) => {
	const artifacts = store(t);
	const artifact = await artifacts.put("a.txt", "hello", "text/plain");
	writeFileSync(artifacts.path(artifact), "hellO");
	await assert.rejects(artifacts.read(artifact), (error) => hasCode(error, "E_ARTIFACT_UNKNOWN"));
	await artifacts.put("a.txt", "hello", "text/plain");
	assert.equal(await artifacts.text(artifact), "hello");
});

test("a name is one harmless path segment", async (t) => {
	const artifacts = store(t);
	for (const name of ["../../etc/passwd", "a/b\\c", "..", "", "\0", "x".repeat(500)]) {
		const artifact = await artifacts.put(name, name, "text/plain");
		assert.match(artifact.name, /^[^/\\\0]{1,120}$/);
		assert.ok(!artifact.name.startsWith("."));
	}
});

test("a reference that is none leads nowhere", async (t) => {
	const artifacts = store(t);
	const forged = { ref: "sha256:../../../etc/passwd", size: 1, mediaType: "text/plain", name: "x" };
	await assert.rejects(artifacts.read(forged), (error) => hasCode(error, "E_ARTIFACT_UNKNOWN"));
});
