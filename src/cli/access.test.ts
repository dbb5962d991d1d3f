import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { muster, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

describe("tokens and the audit on the command line", { concurrency: true }, () => {
	test("a token is made without a server, counts with one, and no more when it is revoked; each change has a line", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const made = await muster(t, "token", "create", "screen", "--expires", "30d", "--data", folder);
		assert.equal(made.code, 0, made.stderr);
		assert.match(made.stdout, /^[0-9a-f]{64}\n$/);
		assert.match(made.stderr, /has the role viewer until .* shown this once/);
		assert.match((await muster(t, "token", "--data", folder)).stdout, /screen +viewer/);
		assert.equal((await muster(t, "audit", "--data", folder)).code, 6);
		await up(t, folder);
		const { url } = JSON.parse(readFileSync(join(folder, "owner.json"), "utf8")) as { url: string };
		const ask = (method: string) =>
			fetch(`${url}/v1/tasks`, { method, headers: { authorization: `Bearer ${made.stdout.trim()}` } });
		assert.equal((await ask("GET")).status, 200);
		assert.equal((await ask("POST")).status, 403);
		const robot = await muster(t, "token", "create", "robot", "--role", "operator", "--json", "--data", folder);
		assert.equal(JSON.parse(robot.stdout).role, "operator");
		assert.equal((await muster(t, "token", "create", "robot", "--data", folder)).code, 5);
		assert.equal((await muster(t, "token", "revoke", "screen", "--data", folder)).stdout, "screen revoked\n");
		assert.equal((await muster(t, "token", "revoke", "screen", "--data", folder)).code, 4);
		assert.equal((await ask("GET")).status, 401);
		const { items } = JSON.parse((await muster(t, "audit", "--json", "--data", folder)).stdout) as {
			items: { token: string; method: string; subject?: string; status: number }[];
		};
		assert.deepEqual(
			items.map(({ token, method, subject = "", status }) => [token, method, subject, status].join(" ")),
			[
				...["screen POST  403", "owner POST robot 201", "owner POST robot 409"],
				...["owner DELETE screen 200", "owner DELETE screen 404"],
			],
		);
		assert.match((await muster(t, "verify", "--data", folder)).stdout, /audit +5 lines, the last with the hash/);
		const path = join(folder, "audit.log");
		writeFileSync(path, readFileSync(path, "utf8").replace("robot", "human"));
		const different = await muster(t, "verify", "--data", folder);
		assert.equal(different.code, 1);
		assert.match(different.stdout, /DIFFERENT +line 3 of audit\.log is not as it was written/);
	});

	test("beyond this machine it does not listen just so", async (t) => {
		const folder = join(temporaryFolder(t), "d");
		const plain = await muster(t, "up", "--host", "0.0.0.0", "--port", "0", "--data", folder);
		assert.equal(plain.code, 3);
		assert.match(plain.stderr, /without encryption[\s\S]*ssh -L/);
		const half = await muster(t, "up", "--tls-cert", "test/tls/cert.pem", "--port", "0", "--data", folder);
		assert.equal(half.code, 3);
		const tls = ["--tls-cert", "test/tls/cert.pem", "--tls-key", "test/tls/key.pem"];
		const nameless = await muster(t, "up", "--host", "0.0.0.0", "--port", "0", ...tls, "--data", folder);
		assert.match(nameless.stderr, /--allow-host/);
	});
});
