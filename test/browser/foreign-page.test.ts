/**
 * A page on another origin, in a real browser: it can neither read nor change anything, whether it knows the token or not.
 * The same attempts against a server that lets everything through do read and change, so they are real ones.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { openAccess } from "../../src/access/access.ts";
import { lastLines } from "../../src/access/audit-files.ts";
import { readToken } from "../../src/access/owner-token.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { listen } from "../../src/server/server.ts";
import { startTest, temporaryFolder } from "../fixture.ts";

interface Attempt {
	name: string;
	read: string;
}

const ATTACKS = readFileSync(new URL("attacks.js", import.meta.url), "utf8");
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const missing = CHROMIUM === undefined && !process.env.CI ? "needs chromium: apt-get install chromium" : false;

describe("a page on another origin", { skip: missing, timeout: 240_000 }, () => {
	let browser: Browser;
	before(async () => {
		// As root it has no sandbox of its own.
		const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
		browser = await chromium.launch({ executablePath: CHROMIUM ?? "/usr/bin/chromium", args });
	});
	after(() => browser?.close());

	/** An address of its own, which answers everything with `answer`. */
	async function site(t: TestContext, answer: (request: IncomingMessage) => Record<string, string>): Promise<number> {
		const server = createServer((request, response) => {
			request.resume();
			response.writeHead(200, answer(request));
			response.end("<!doctype html><title>evil</title><body>read me</body>");
		});
		await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
		t.after(() => {
			server.closeAllConnections();
			server.close();
		});
		return (server.address() as AddressInfo).port;
	}

	async function attackFrom(origin: string, target: string, token: string): Promise<Attempt[]> {
		const context = await browser.newContext();
		try {
			const page = await context.newPage();
			await page.goto(origin);
			await page.addScriptTag({ content: ATTACKS });
			return await page.evaluate<Attempt[]>(`attack(${JSON.stringify({ target, token })})`);
		} finally {
			await context.close();
		}
	}

	test("reads nothing and changes nothing", async (t) => {
		const folder = temporaryFolder(t);
		const orchestrator = await startTest(t, { dataDir: folder });
		const access = openAccess({ folder, durable: false, clock: systemClock, log: silentLog });
		const server = await listen({ port: 0, access, log: silentLog });
		t.after(() => server.close());
		server.ready(orchestrator);
		access.callers.create({ name: "screen", role: "viewer" });
		const tokens = access.callers.list();
		const token = readToken(folder) as string;
		const evil = await site(t, () => ({ "content-type": "text/html" }));
		const { port } = new URL(server.url);
		const ways = [
			{ from: `http://127.0.0.1:${evil}`, target: `http://127.0.0.1:${port}` },
			{ from: `http://127.0.0.1:${evil}`, target: `http://localhost:${port}` },
			{ from: `http://localhost:${evil}`, target: `http://127.0.0.1:${port}` },
		];
		const all = await Promise.all(ways.map(({ from, target }) => attackFrom(from, target, token)));
		for (const [i, attempts] of all.entries()) {
			assert.ok(attempts.length > 50);
			const where = JSON.stringify(ways[i]);
			assert.deepEqual(
				attempts.filter(({ read }) => read !== ""),
				[],
				where,
			);
		}
		assert.deepEqual(orchestrator.tasks({}).items, []);
		assert.deepEqual(access.callers.list(), tokens);
		assert.deepEqual(lastLines(folder, 10), []);
		// The server is well, and the token was a right one.
		const headers = { authorization: `Bearer ${token}` };
		assert.equal((await fetch(`${server.url}/v1/tasks`, { headers })).status, 200);
	});

	test("the same attempts read and change where nothing is refused", async (t) => {
		const changed: string[] = [];
		const open = await site(t, ({ method = "", headers }) => {
			if (method !== "GET" && method !== "OPTIONS") changed.push(`${method} ${headers["content-type"] ?? ""}`);
			return {
				"content-type": headers.accept === "text/event-stream" ? "text/event-stream" : "text/html",
				...{ "access-control-allow-origin": headers.origin ?? "*", "access-control-allow-credentials": "true" },
				...{ "access-control-allow-headers": "authorization, content-type", "access-control-allow-methods": "*" },
				"access-control-allow-private-network": "true",
			};
		});
		const evil = await site(t, () => ({ "content-type": "text/html" }));
		const attempts = await attackFrom(`http://127.0.0.1:${evil}`, `http://127.0.0.1:${open}`, "a token");
		const read = attempts.filter(({ read }) => read !== "").map(({ name }) => name);
		for (const name of [
			"GET /v1/tasks with the token",
			"DELETE with the token",
			"XMLHttpRequest",
			"EventSource /v1/stream",
		]) {
			assert.ok(read.includes(name), `${name} among ${read.join(", ")}`);
		}
		for (const kind of ["POST text/plain", "POST application/json", "POST multipart/form-data", "DELETE"]) {
			assert.ok(
				changed.some((one) => one.startsWith(kind)),
				`${kind} among ${changed.join(", ")}`,
			);
		}
	});
});
