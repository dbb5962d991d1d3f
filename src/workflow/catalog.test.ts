import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Catalog } from "./catalog.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";

const uses = (name: string, ...others: string[]): WorkflowDefinition => ({
	...{ name, inputs: {}, outputs: {} },
	steps: others.map((workflow, i): StepDefinition => ({ id: `s${i}`, needs: [], workflow })),
});

const leaf = (name: string): WorkflowDefinition => ({
	...{ name, inputs: {}, outputs: {} },
	steps: [{ id: "work", needs: [], skill: "work" }],
});

async function folderWith(t: TestContext, files: Record<string, string>): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "muster-catalog-"));
	t.after(() => rm(folder, { recursive: true }));
	for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
	return folder;
}

test("the workflows that steps run are found at any depth, in code and in files, also in a circle", async (t) => {
	const file = `apiVersion: muster/v1\nkind: Workflow\nname: c\nsteps: [{ id: back, workflow: a }]\n`;
	const catalog = new Catalog([await folderWith(t, { "c.yaml": file })]);
	const a = catalog.add({
		...leaf("a"),
		steps: [{ id: "l", needs: [], loop: { max: 1, steps: [{ id: "g", needs: [], steps: uses("", "b").steps }] } }],
		finally: uses("", "d").steps.map((step) => ({ ...step, id: "last" })),
	});
	catalog.add(uses("b", "c", "d"));
	catalog.add(leaf("d"));
	const found = await catalog.resolveUses(a.definition);
	assert.deepEqual([...found.keys()].sort(), ["a", "b", "c", "d"]);
	assert.equal(found.get("a")?.hash, a.hash);
	assert.match(found.get("c")?.file ?? "", /c\.yaml$/);
	assert.deepEqual(await catalog.resolveUses(leaf("d")), new Map());
});

test("a definition that runs itself is taken as it was given, not as the catalog has it", async () => {
	const catalog = new Catalog([]);
	catalog.add(leaf("a"));
	const given = uses("a", "a");
	assert.equal((await catalog.resolveUses(given)).get("a")?.definition, given);
});

test("a workflow that is not there is named with the step that runs it", async () => {
	const catalog = new Catalog([]);
	catalog.add(leaf("publish"));
	await assert.rejects(catalog.resolveUses(uses("outer", "publsh")), {
		code: "E_WORKFLOW_UNKNOWN",
		message: 'step "s0" of "outer": there is no workflow "publsh"',
		hint: 'Did you mean "publish"?',
	});
});

test("at most 100 workflows can be used", async () => {
	const catalog = new Catalog([]);
	const names = Array.from({ length: 101 }, (_, i) => `w${i}`);
	for (const name of names) catalog.add(leaf(name));
	assert.equal((await catalog.resolveUses(uses("a", ...names.slice(1)))).size, 100);
	await assert.rejects(catalog.resolveUses(uses("a", ...names)), { code: "E_WORKFLOW_INVALID" });
});
