import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { muster, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

const flow = `apiVersion: muster/v1
kind: Workflow
name: nightly
inputs:
  topic: { type: string }
steps:
  - { id: research, skill: research, with: { topic: "\${{ inputs.topic }}", folder: samples/library } }
outputs: {}
triggers:
  - cron: { expr: "0 3 29 2 *", timezone: Europe/Berlin }
  - event: go
`;

describe("muster workflows enable and muster schedules", { concurrency: true }, () => {
	for (const served of [false, true]) {
		test(`enable, list and disable ${served ? "through a server" : "without a server"}`, async (t) => {
			const folder = temporaryFolder(t);
			const file = join(folder, "nightly.yaml");
			writeFileSync(file, flow);
			const data = ["--data", join(folder, "data")];
			const server = served ? await up(t, join(folder, "data")) : undefined;
			const missing = await muster(t, "workflows", "enable", file, ...data);
			assert.equal(missing.code, 2, missing.stderr);
			assert.match(missing.stderr, /gives no "topic"/);
			const enabled = await muster(t, "workflows", "enable", file, "-i", "topic=queues", ...data);
			assert.equal(enabled.code, 0, enabled.stderr);
			assert.match(enabled.stdout, /nightly enabled .*\n {2}cron 0 3 29 2 \* \(Europe\/Berlin\)\n {2}event go\n/);
			assert.equal(/muster up/.test(enabled.stderr), !served);
			const listed = await muster(t, "schedules", "--json", ...data);
			const { items } = JSON.parse(listed.stdout) as { items: Record<string, unknown>[] };
			assert.deepEqual(
				items.map(({ id, workflow, fired }) => [id, workflow, fired]),
				[["workflow:nightly:0", "nightly", 0]],
			);
			assert.match((await muster(t, "schedules", ...data)).stdout, /workflow:nightly:0 +0 3 29 2 \* +Europe\/Berlin/);
			assert.match((await muster(t, "workflows", "enabled", ...data)).stdout, /^nightly enabled/);
			const kept = await muster(t, "schedules", "delete", "workflow:nightly:0", ...data);
			assert.equal(kept.code, 5, kept.stderr);
			assert.match(kept.stderr, /muster workflows disable nightly/);
			assert.equal((await muster(t, "workflows", "disable", "nightly", ...data)).stdout, "nightly disabled\n");
			assert.equal((await muster(t, "workflows", "disable", "nightly", ...data)).code, 5);
			assert.equal((await muster(t, "schedules", "delete", "none", ...data)).code, 4);
			assert.match((await muster(t, "schedules", ...data)).stderr, /There are no schedules/);
			server?.process.kill("SIGTERM");
			await server?.ended;
		});
	}

	test("a webhook whose secret is not there is told of, also by the doctor", async (t) => {
		const folder = temporaryFolder(t);
		const file = join(folder, "orders.yaml");
		const secret = join(folder, "secret");
		const hook = `  - webhook: { path: /orders, secret: "\${file:${secret}}" }\n`;
		writeFileSync(
			file,
			flow.replace("nightly", "orders").replace("topic: { type: string }", 'topic: { type: string, default: "x" }') +
				hook,
		);
		const data = ["--data", join(folder, "data")];
		const enabled = await muster(t, "workflows", "enable", file, ...data);
		assert.equal(enabled.code, 0, enabled.stderr);
		const problem = /the secret \$\{file:\S+\} is not there, so every call is refused; write the file/;
		assert.match(enabled.stdout, problem);
		assert.match(enabled.stderr, /^warning: \/hooks\/orders: the secret/m);
		const sick = await muster(t, "doctor", ...data);
		assert.equal(sick.code, 1);
		assert.match(sick.stdout, /FAIL {2}webhook \/hooks\/orders: the secret/);
		writeFileSync(secret, "a".repeat(32));
		const well = await muster(t, "doctor", ...data);
		assert.match(well.stdout, /ok {4}webhook \/hooks\/orders: of orders; its secret is there/);
		assert.doesNotMatch((await muster(t, "workflows", "enabled", ...data)).stdout, problem);
	});

	test("what is missing is told", async (t) => {
		const folder = temporaryFolder(t);
		for (const args of [
			["workflows", "enable"],
			["workflows", "disable"],
			["schedules", "delete"],
		]) {
			assert.equal((await muster(t, ...args, "--data", folder)).code, 2, args.join(" "));
		}
	});
});
