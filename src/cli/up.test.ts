import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { heldTable, muster, start, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

describe("up", { concurrency: true }, () => {
	test("commands find it by its data folder, and see what it does", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const server = await up(t, folder, "--workers", "3", "--coordinators", "1");
		const owner = JSON.parse(readFileSync(join(folder, "owner.json"), "utf8"));
		assert.deepEqual([owner.pid, owner.url], [server.process.pid, server.url]);
		assert.equal(statSync(join(folder, "token")).mode & 0o777, 0o600);
		assert.equal(statSync(folder).mode & 0o777, 0o700);
		const status = JSON.parse((await muster(t, "status", "--json", "--data", folder)).stdout);
		assert.deepEqual([status.orchestrator, status.pid, status.totalAgents], ["running", server.process.pid, 4]);
		const agents = JSON.parse((await muster(t, "agents", "--json", "--data", folder)).stdout);
		assert.equal(agents.items.length, 4);
		const detached = await muster(t, "run", "content-creation", "--detach", "--data", folder);
		assert.equal(detached.code, 0, detached.stderr);
		const id = detached.stdout.trim();
		const shown = await muster(t, "task", id, "--data", folder);
		assert.match(shown.stdout, new RegExp(`run +${id}`));
		const listed = JSON.parse((await muster(t, "workflows", "--json", "--data", folder)).stdout);
		assert.ok(listed.items.length >= 3);
		server.process.kill("SIGTERM");
		assert.equal((await server.ended).code, 0);
		assert.match(readFileSync(join(folder, "muster.log"), "utf8"), /"msg":"started"/);
	});

	test("a second one on the same folder ends with the first one's process and address", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const server = await up(t, folder);
		const { port } = new URL(server.url);
		for (const args of [
			["--port", "0"],
			["--port", port],
		]) {
			const second = await muster(t, "up", "--data", folder, ...args);
			assert.equal(second.code, 5);
			assert.match(
				second.stderr,
				new RegExp(`E_DATA_FOLDER_LOCKED.*process ${server.process.pid} \\(${server.url}\\)`),
			);
		}
		const other = await muster(t, "up", "--data", join(folder, "other"), "--port", port);
		assert.equal(other.code, 5);
		assert.match(other.stderr, new RegExp(`E_CONFLICT: port ${port} .*in use`));
		assert.equal(JSON.parse((await muster(t, "status", "--json", "--data", folder)).stdout).pid, server.process.pid);
	});

	test("SIGTERM lets what runs end within the grace", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const table = await heldTable(t);
		const server = await up(t, folder, "--grace", "60s");
		const id = (await muster(t, "submit", "collect", "-i", `source=${table.url}`, "--data", folder)).stdout.trim();
		await table.asked;
		server.process.kill("SIGTERM");
		await server.line(/stopping; 1 running task/);
		table.answer();
		const ended = await server.ended;
		assert.equal(ended.code, 0, ended.stderr);
		const task = JSON.parse((await muster(t, "task", id, "--json", "--data", folder)).stdout);
		assert.deepEqual([task.state, task.attempts], ["completed", 1]);
	});

	test("a second SIGTERM stops at once, and the task goes on at the next start", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const table = await heldTable(t);
		const server = await up(t, folder, "--grace", "60s");
		const id = (await muster(t, "submit", "collect", "-i", `source=${table.url}`, "--data", folder)).stdout.trim();
		await table.asked;
		server.process.kill("SIGTERM");
		await server.line(/stopping; 1 running task/);
		server.process.kill("SIGTERM");
		const ended = await server.ended;
		assert.equal(ended.code, 0, ended.stderr);
		assert.match(ended.stderr, /1 running task\(s\) were cut off and go on at the next start/);
		const between = JSON.parse((await muster(t, "task", id, "--json", "--data", folder)).stdout);
		assert.equal(between.state, "ready");
		table.answer();
		const again = await up(t, folder);
		const done = JSON.parse(
			(
				await muster(
					t,
					"submit",
					"collect",
					"-i",
					`source=${table.url}`,
					"--after",
					id,
					"--wait",
					"--json",
					"--data",
					folder,
				)
			).stdout,
		);
		assert.equal(done.state, "completed");
		again.process.kill("SIGTERM");
		assert.equal((await again.ended).code, 0);
	});

	test("a command of its own gives way: kill -9 leaves nothing that blocks the next one", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const server = await up(t, folder);
		server.process.kill("SIGKILL");
		await server.ended;
		const status = JSON.parse((await muster(t, "status", "--json", "--data", folder)).stdout);
		assert.equal(status.orchestrator, "stopped");
		const stored = await muster(t, "submit", "collect", "-i", "source=x.csv", "--data", folder);
		assert.equal(stored.code, 0, stored.stderr);
	});
});

describe("interrupting run", { concurrency: true }, () => {
	const held = (url: string): string => `apiVersion: muster/v1
kind: Workflow
name: held
steps:
  - id: collect
    skill: collect
    with: { source: "${url}" }
`;

	test("the first ^C cancels the run, with and without a server", async (t) => {
		for (const withServer of [false, true]) {
			const folder = temporaryFolder(t);
			const data = join(folder, "d");
			const table = await heldTable(t);
			writeFileSync(join(folder, "held.yaml"), held(table.url));
			const server = withServer ? await up(t, data) : undefined;
			const run = start(t, ["run", join(folder, "held.yaml"), "--data", data]);
			await table.asked;
			run.process.kill("SIGINT");
			const ended = await run.ended;
			assert.equal(ended.code, 130, ended.stderr);
			assert.match(ended.stderr, /cancelling the run/);
			const { items } = JSON.parse((await muster(t, "ps", "--runs", "--json", "--data", data)).stdout);
			assert.equal(items[0].state, "cancelled");
			server?.process.kill("SIGTERM");
			await server?.ended;
		}
	});

	test("a run whose wait is over goes on: in the server, or at the next start", async (t) => {
		const folder = temporaryFolder(t);
		const data = join(folder, "d");
		const table = await heldTable(t);
		writeFileSync(join(folder, "held.yaml"), held(table.url));
		const late = await muster(t, "run", join(folder, "held.yaml"), "--timeout", "1s", "--data", data);
		assert.equal(late.code, 8, late.stderr);
		assert.match(late.stderr, /goes on at the next start/);
		table.answer();
		const server = await up(t, data);
		const next = await muster(t, "run", join(folder, "held.yaml"), "--data", data);
		assert.equal(next.code, 0, next.stderr);
		server.process.kill("SIGTERM");
		await server.ended;
		const { items } = JSON.parse((await muster(t, "ps", "--runs", "--json", "--data", data)).stdout);
		assert.deepEqual(
			items.map(({ state }: { state: string }) => state),
			["completed", "completed"],
		);
	});

	test("when the server dies under a run, the command says so and the run goes on later", async (t) => {
		const folder = temporaryFolder(t);
		const data = join(folder, "d");
		const table = await heldTable(t);
		writeFileSync(join(folder, "held.yaml"), held(table.url));
		const server = await up(t, data);
		const run = start(t, ["run", join(folder, "held.yaml"), "--data", data]);
		await table.asked;
		await run.line(/collect: running/);
		server.process.kill("SIGKILL");
		const ended = await run.ended;
		assert.equal(ended.code, 6, ended.stderr);
		assert.match(ended.stderr, /E_UNREACHABLE|E_STOPPED/);
		const shown = await muster(t, "ps", "--data", data);
		assert.match(shown.stdout, /running .*was cut off; it goes on with: muster up/);
	});
});
