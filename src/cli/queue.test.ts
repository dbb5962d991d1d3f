import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { heldTable, muster, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";
import { hasCode } from "../errors.ts";
import { readConcurrency, readRate } from "./values.ts";

describe("short forms of limits", () => {
	test("a concurrency key has a limit and a policy behind it, or neither", () => {
		assert.equal(readConcurrency("tenant"), "tenant");
		assert.deepEqual(readConcurrency("tenant:3"), { key: "tenant", limit: 3 });
		assert.deepEqual(readConcurrency("tenant:1:reject"), { key: "tenant", limit: 1, policy: "reject" });
		for (const wrong of ["db:x", "db:reject", "db:1:reject:", "db:"]) {
			assert.throws(() => readConcurrency(wrong), {
				code: "E_USAGE",
				hint: /KEY:LIMIT:POLICY; where the key has colons/,
			});
		}
		assert.deepEqual(readConcurrency("tenant:a:2"), { key: "tenant:a", limit: 2 });
		assert.throws(
			() => readConcurrency("k:1:rejct"),
			(error) => hasCode(error, "E_USAGE") && /reject/.test(error.hint ?? ""),
		);
	});

	test("a rate has a key, a number and a time", () => {
		assert.deepEqual(readRate("api:10/1m"), { key: "api", limit: 10, per: "1m" });
		assert.deepEqual(readRate("api:v2:5/s"), { key: "api:v2", limit: 5, per: "1s" });
		for (const wrong of ["api", "api:10", "10/1m", "api:x/1m"]) {
			assert.throws(
				() => readRate(wrong),
				(error) => hasCode(error, "E_USAGE"),
				wrong,
			);
		}
	});
});

describe("steering the queue", { concurrency: true }, () => {
	test("a pause without a server is stored, is why a task waits, and holds for the server to come", async (t) => {
		const data = ["--data", join(temporaryFolder(t), "d")];
		const id = (
			await muster(t, "submit", "collect", "-i", "source=samples/none.csv", "--retries", "0", ...data)
		).stdout.trim();
		const paused = await muster(t, "pause", "type:collect", "--reason", "the source is down", ...data);
		assert.deepEqual([paused.code, paused.stdout], [0, "type:collect paused\n"], paused.stderr);
		assert.match((await muster(t, "pause", "type:collect", ...data)).stderr, /paused already/);
		assert.match((await muster(t, "status", ...data)).stdout, /paused +type:collect since .*: the source is down/);
		assert.match((await muster(t, "task", id, ...data)).stdout, /waits +type:collect is paused.*\n +reason paused/);
		const typo = await muster(t, "pause", "type:colect", ...data);
		assert.match(typo.stderr, /no task type "colect" is known now.* Did you mean "collect"\?/);
		const flow = await muster(t, "pause", "workflow:content-creatoin", ...data);
		assert.match(flow.stderr, /no workflow "content-creatoin" is known now.* Did you mean "content-creation"\?/);
		assert.doesNotMatch((await muster(t, "pause", "workflow:data-analysis", ...data)).stderr, /known now/);
		for (const scope of ["type:colect", "workflow:content-creatoin", "workflow:data-analysis"]) {
			assert.equal((await muster(t, "resume", scope, ...data)).code, 0);
		}
		const server = await up(t, data[1] as string);
		const shown = await muster(t, "task", id, ...data);
		assert.match(
			shown.stdout,
			/waits +type:collect is paused since .* \(the source is down\); it goes on with: muster resume type:collect/,
		);
		const resumed = await muster(t, "resume", "type:collect", "--json", ...data);
		assert.deepEqual(JSON.parse(resumed.stdout), { paused: [] });
		assert.match((await muster(t, "resume", "type:collect", ...data)).stderr, /it was not paused/);
		server.process.kill("SIGTERM");
		await server.ended;
	});

	test("a drain waits for what runs, and gives up when its time is over", async (t) => {
		const data = ["--data", join(temporaryFolder(t), "d")];
		const table = await heldTable(t);
		const server = await up(t, data[1] as string);
		await muster(t, "submit", "collect", "-i", `source=${table.url}`, ...data);
		await table.asked;
		const late = await muster(t, "drain", "--timeout", "1s", ...data);
		assert.equal(late.code, 8, late.stderr);
		assert.match(late.stderr, /muster resume/);
		table.answer();
		const drained = await muster(t, "drain", ...data);
		assert.deepEqual([drained.code, drained.stdout], [0, "drained\n"], drained.stderr);
		server.process.kill("SIGTERM");
		await server.ended;
	});

	test("dead letters are retried alone or together, with another input, or dropped; the exit code says what is left", async (t) => {
		const data = ["--data", join(temporaryFolder(t), "d")];
		const failing = ["submit", "collect", "-i", "source=none.csv", "--retries", "0", "--wait", "--json", ...data];
		const ids: string[] = [];
		for (let i = 0; i < 3; i++) ids.push(JSON.parse((await muster(t, ...failing)).stdout).id);
		const [one, two, three] = ids as [string, string, string];
		const again = await muster(t, "retry", one, "-i", "source=other.csv", "--json", ...data);
		assert.equal(again.code, 0, again.stderr);
		const view = JSON.parse(again.stdout);
		assert.deepEqual([view.id, view.retryOf, view.input.source], [`${one}.r`, one, "other.csv"]);
		assert.match((await muster(t, "task", `${one}.r`, ...data)).stdout, new RegExp(`retry of +${one}`));
		const blind = await muster(t, "dead", "retry", ...data);
		assert.deepEqual([blind.code, blind.stdout], [2, ""]);
		const named = await muster(t, "dead", "retry", two, "--json", ...data);
		assert.deepEqual(JSON.parse(named.stdout), { ids: [`${two}.r`], already: [], left: 0, refused: [] });
		const twice = await muster(t, "dead", "retry", two, ...data);
		assert.equal(twice.stdout, "0 submitted again\n");
		assert.match(twice.stderr, new RegExp(`${two} was submitted again before: ${two}\\.r does it`));
		assert.match((await muster(t, "retry", two, ...data)).stderr, /does it again already, since /);
		assert.equal((await muster(t, "dead", "retry", "--code", "E_TIMEOUT", ...data)).stdout, "0 submitted again\n");
		const listed = JSON.parse((await muster(t, "dead", "--json", ...data)).stdout);
		assert.deepEqual(
			listed.items.map((item: { id: string }) => item.id),
			[three],
		);
		assert.equal((await muster(t, "dead", "drop", "--all", ...data)).stdout, "1 put away\n");
		assert.equal(JSON.parse((await muster(t, "dead", "--json", ...data)).stdout).items.length, 0);
		assert.equal((await muster(t, "task", three, "--json", ...data)).code, 0, "it is kept");
	});

	test("a submit takes limits, rates and wake-ups, and the task shows them", async (t) => {
		const data = ["--data", join(temporaryFolder(t), "d")];
		const wake = ["submit", "collect", "-i", "source=x.csv", "--coalesce", "inbox", ...data];
		const limits = [
			"--concurrency",
			"db:2:reject",
			"--rate",
			"api:10/1m",
			"--stall-timeout",
			"5m",
			"--attempt-timeout",
			"1h",
		];
		const first = (await muster(t, ...wake, ...limits)).stdout.trim();
		const merged = await muster(t, ...wake, "-i", "maxRows=3");
		assert.equal(merged.stdout.trim(), first);
		assert.match(
			merged.stderr,
			new RegExp(`merged into ${first}, which has not begun; its input and its settings stay`),
		);
		const task = JSON.parse((await muster(t, "task", first, "--json", ...data)).stdout);
		assert.deepEqual(task.concurrency, { key: "db", limit: 2, policy: "reject" });
		assert.deepEqual(task.rate, { key: "api", limit: 10, perMs: 60_000 });
		assert.deepEqual([task.coalesceKey, task.stallTimeoutMs], ["inbox", 300_000]);
		const shown = (await muster(t, "task", first, ...data)).stdout;
		assert.match(shown, /limit +2 of the key db at a time, else reject/);
		assert.match(shown, /rate +10 of the key api in 1m00s/);
		assert.equal((await muster(t, "submit", "collect", "--rate", "api", ...data)).code, 2);
	});
});
