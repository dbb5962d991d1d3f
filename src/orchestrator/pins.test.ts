import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { defineSkill } from "../skill/skill.ts";

const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });

/** Workflow files in a folder of which no working folder is: one with a default path, those that run it, and itself. */
function files(t: TestContext) {
	const root = temporaryFolder(t);
	const folder = join(root, "flows");
	mkdirSync(folder);
	const put = (name: string, body: string): void =>
		writeFileSync(join(folder, `${name}.yaml`), `apiVersion: muster/v1\nkind: Workflow\nname: ${name}\n${body}`);
	const said = 'outputs: { from: "${{ steps.read.output }}" }\n';
	put(
		"inner",
		`inputs: { data: { type: string, format: path, default: ../data } }\nsteps:\n  - { id: read, skill: echo, with: "\${{ inputs.data }}" }\n${said}`,
	);
	const runs = (name: string): string =>
		`steps:\n  - { id: run, workflow: ${name} }\noutputs: { from: "\${{ steps.run.output.from }}" }\n`;
	put("middle", `${runs("inner")}triggers:\n  - event: go\n`);
	put("outer", runs("middle"));
	return { folder, data: join(root, "data"), dataDir: join(root, "store") };
}

describe("the default paths of a workflow that another one runs", () => {
	it("begin at its own file, at any depth, also when an event starts it and when it is begun again", async (t) => {
		const { folder, data, dataDir } = files(t);
		const options = { skills: [echo], workflows: [folder] };
		const first = await startTest(t, { ...options, dataDir });
		const run = await first.startRun("outer");
		assert.deepEqual((await first.waitRun(run)).outputs, { from: data });
		await first.enableWorkflow("middle");
		await first.shutdown();
		const second = await startTest(t, { skills: [echo], dataDir });
		const { runs } = await second.sendEvent({ type: "go" });
		assert.deepEqual((await second.waitRun(runs[0] as string)).outputs, { from: data });
		const again = await second.retryRun(run, { from: "run" });
		assert.deepEqual((await second.waitRun(again)).outputs, { from: data });
	});

	it("leave the hash of a definition alone", async (t) => {
		const hashes = [files(t), files(t)].map(async ({ folder }) => {
			const muster = await startTest(t, { skills: [echo], workflows: [folder] });
			return muster.run(await muster.startRun("outer")).hash;
		});
		const [one, other] = await Promise.all(hashes);
		assert.equal(one, other);
	});
});
