import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { heldTable, muster, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";
import { startOrchestrator } from "../main.ts";

test("muster down waits for the grace of what runs, and says when it takes longer than it may wait", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const table = await heldTable(t);
	const server = await up(t, folder, "--grace", "60s");
	await muster(t, "submit", "collect", "-i", `source=${table.url}`, "--data", folder);
	await table.asked;
	const late = await muster(t, "down", "--timeout", "100ms", "--data", folder);
	assert.deepEqual([late.code, /has not stopped within 100 ms/.test(late.stderr)], [8, true], late.stderr);
	table.answer();
	assert.equal((await server.ended).code, 0);
	assert.match((await muster(t, "down", "--data", folder)).stderr, /nothing runs on/);
});

test("muster down leaves a program alone that has no server, and has nothing to do where nothing runs", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const none = await muster(t, "down", "--data", folder);
	assert.deepEqual([none.code, /nothing runs on/.test(none.stderr)], [0, true]);
	const orchestrator = await startOrchestrator({ dataDir: folder, workers: 0, coordinators: 0 });
	t.after(() => orchestrator.shutdown());
	const refused = await muster(t, "down", "--data", folder);
	assert.deepEqual([refused.code, /works on .* without a server/.test(refused.stderr)], [5, true], refused.stderr);
});
