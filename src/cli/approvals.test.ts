import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { muster, start, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

const flow = `apiVersion: muster/v1
kind: Workflow
name: publish
steps:
  - id: ready
    wait: { signal: press-ready }
  - id: approve
    wait:
      approval: { title: "Publish \\u202Eeht?", content: { text: "line\\e[31m red" }, labels: { risk: low } }
      timeout: 24h
outputs:
  by: \${{ steps.approve.output.by }}
  press: \${{ steps.ready.output.number }}
`;

describe("a run that waits for people", { concurrency: true }, () => {
	test("is shown, signalled, approved and then completes, all through a running server", async (t) => {
		const folder = temporaryFolder(t);
		const file = join(folder, "publish.yaml");
		writeFileSync(file, flow);
		const data = join(folder, "data");
		const server = await up(t, data);
		const run = start(t, ["run", file, "--data", data, "--json"]);
		const told = await run.line(/approve: running: it waits for the approval of a person/);
		const id = /muster approvals approve (\S+)/.exec(told)?.[1] as string;
		const [runId] = id.split(".") as [string];

		const signal = await muster(t, "signal", runId, "press-ready", "-i", "number=7", "--data", data);
		assert.equal(signal.code, 0, signal.stderr);
		const list = await muster(t, "approvals", "--json", "--label", "risk=low", "--data", data);
		assert.deepEqual(
			(JSON.parse(list.stdout) as { items: { id: string }[] }).items.map((item) => item.id),
			[id],
		);
		const shown = await muster(t, "approvals", "show", id, "--data", data);
		assert.match(shown.stdout, /Publish \\u202eeht\?/);
		assert.match(shown.stdout, /\\\\u001b\[31m red|\\u001b\[31m red/);
		const step = await muster(t, "task", id, "--data", data);
		assert.match(
			step.stdout,
			/waits +it waits for the approval of a person: .*end it with: muster approvals approve run_/,
		);
		const approved = await muster(t, "approvals", "approve", "--label", "risk=low", "--by", "Ann", "--data", data);
		assert.equal(approved.code, 0, approved.stderr);
		const ended = await run.ended;
		assert.equal(ended.code, 0, ended.stderr);
		assert.deepEqual((JSON.parse(ended.stdout) as { outputs: unknown }).outputs, { by: "Ann", press: 7 });
		const twice = await muster(t, "approvals", "deny", id, "--data", data);
		assert.equal(twice.code, 5, twice.stderr);
		assert.match(twice.stderr, /already answered: approved by Ann at \d{4}-/);
		server.process.kill("SIGTERM");
		await server.ended;
	});

	test("is answered without a server too: the answer is stored, and counts at the next start", async (t) => {
		const folder = temporaryFolder(t);
		const file = join(folder, "publish.yaml");
		writeFileSync(file, flow);
		const data = join(folder, "data");
		const first = await up(t, data);
		const detached = await muster(t, "run", file, "--detach", "--data", data, "--json");
		const { id } = JSON.parse(detached.stdout) as { id: string };
		first.process.kill("SIGTERM");
		await first.ended;
		const listed = await muster(t, "approvals", "--data", data);
		assert.match(listed.stdout, new RegExp(`${id}\\.approve`));
		const nobody = await muster(t, "approvals", "deny", "run_none", "--data", data);
		assert.deepEqual([nobody.code, /E_APPROVAL_UNKNOWN/.test(nobody.stderr)], [4, true]);
		const which = await muster(t, "approvals", "approve", "--data", data);
		assert.equal(which.code, 2);
		const denied = await muster(t, "approvals", "deny", `${id}.approve`, "--comment", "not yet", "--data", data);
		assert.match(denied.stderr, /Stored\. No server runs/);
		const task = await muster(t, "task", id, "--json", "--data", data);
		const run = JSON.parse(task.stdout) as { state: string; error: { message: string } };
		assert.equal(run.state, "failed");
		assert.match(run.error.message, /denied.*not yet/);
		const late = await muster(t, "approvals", "approve", `${id}.approve`, "--data", data);
		assert.deepEqual(
			[late.code, /asked no more: denied: .*not yet.*, at \d{4}-/.test(late.stderr)],
			[5, true],
			late.stderr,
		);
	});
});
