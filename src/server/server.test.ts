import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { deferred, startTest, temporaryFolder } from "../../test/fixture.ts";
import { appOn, problem, TOKEN } from "../../test/http-fixture.ts";
import { soleOwner } from "../access/access.ts";
import { ensureToken, readToken } from "../access/owner-token.ts";
import { systemClock } from "../clock.ts";
import { defineSkill } from "../index.ts";
import { silentLog } from "../log.ts";
import { MAX_BODY_BYTES } from "./body.ts";
import { listen, type Server } from "./server.ts";

describe("before and after it works", () => {
	test("it says why it is not ready", async () => {
		const { send } = appOn(() => ({ state: "starting" }));
		assert.equal((await send("/healthz")).status, 200);
		const notReady = await send("/readyz");
		assert.equal(notReady.headers.get("retry-after"), "1");
		await problem(notReady, 503, "E_STARTING");
		const asked = await send("/v1/status");
		assert.equal(asked.headers.get("retry-after"), "1");
		await problem(asked, 503, "E_STARTING");
	});

	test("while it stops it can be asked, and takes nothing new", async (t) => {
		const started = deferred();
		const release = deferred();
		const hold = defineSkill({
			name: "hold",
			description: "Ends when told.",
			run: async () => {
				started.resolve();
				await release.promise;
				return null;
			},
		});
		const orchestrator = await startTest(t, { skills: [hold] });
		const { send, post } = appOn(() => ({ state: "stopping", orchestrator }));
		const id = await orchestrator.submit({ type: "hold" });
		await started.promise;
		const stopped = orchestrator.shutdown({ grace: "1h" });
		await problem(await send("/readyz"), 503, "E_STOPPED");
		assert.equal(((await (await send(`/v1/tasks/${id}`)).json()) as { state: string }).state, "running");
		await problem(await post("/v1/tasks", { type: "hold" }), 503, "E_STOPPED");
		release.resolve();
		assert.equal(await stopped, 0);
	});
});

describe("on a real socket", () => {
	const options = () => ({ port: 0, access: soleOwner(TOKEN, systemClock), log: silentLog });

	async function serve(t: TestContext): Promise<{ server: Server; port: number }> {
		const server = await listen(options());
		t.after(() => server.close());
		return { server, port: Number(new URL(server.url).port) };
	}

	test("only this machine is listened on", async () => {
		for (const host of ["0.0.0.0", "::", "192.168.0.1", "example.org"]) {
			await assert.rejects(listen({ ...options(), host }), { code: "E_CONFIG_INVALID" });
		}
	});

	test("a port in use is an error, not another port", async (t) => {
		const { port } = await serve(t);
		await assert.rejects(listen({ ...options(), port }), { code: "E_CONFLICT" });
	});

	test("a body above the cap ends while it is read, whether it says its length or not", async (t) => {
		const { server, port } = await serve(t);
		server.ready(await startTest(t, { dataDir: temporaryFolder(t) }));
		const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
		const declared = request({
			port,
			host: "127.0.0.1",
			path: "/v1/tasks",
			method: "POST",
			headers: { ...headers, "content-length": MAX_BODY_BYTES + 1 },
		});
		declared.on("error", () => undefined);
		declared.write("[");
		const [refused] = await once(declared, "response");
		assert.equal(refused.statusCode, 413);
		declared.destroy();

		const streamed = request({ port, host: "127.0.0.1", path: "/v1/tasks", method: "POST", headers });
		streamed.on("error", () => undefined); // it is cut off while more is on the way
		const answered = once(streamed, "response");
		const chunk = Buffer.alloc(1024 * 1024, " ");
		for (let sent = 0; sent <= MAX_BODY_BYTES; sent += chunk.length) streamed.write(chunk);
		const [response] = await answered;
		assert.equal(response.statusCode, 413);
		streamed.destroy();
	});

	test("what is not HTTP, and methods no handler can have, end without harm", async (t) => {
		const { port } = await serve(t);
		for (const line of [
			"TRACE / HTTP/1.1",
			"CONNECT evil.example:80 HTTP/1.1",
			"GET http://evil.example/ HTTP/1.1",
			"nonsense",
		]) {
			const socket = connect(port, "127.0.0.1");
			socket.on("error", () => undefined);
			socket.end(`${line}\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
			let text = "";
			socket.on("data", (data) => {
				text += data;
			});
			await once(socket, "close");
			assert.ok(!/^HTTP\/1.1 2/.test(text), `${line}: ${text.slice(0, 60)}`);
		}
		assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
	});

	test("a watcher that goes away leaves nothing behind", async (t) => {
		const { server } = await serve(t);
		const release = deferred();
		const hold = defineSkill({
			name: "hold",
			description: "Ends when told.",
			run: async () => {
				await release.promise;
				return null;
			},
		});
		const orchestrator = await startTest(t, { skills: [hold] });
		server.ready(orchestrator);
		const id = await orchestrator.startRun({
			...{ name: "held", inputs: {}, outputs: {} },
			steps: [{ id: "hold", skill: "hold", needs: [], with: null }],
		});
		const gone = new AbortController();
		const headers = { authorization: `Bearer ${TOKEN}` };
		const response = await fetch(`${server.url}/v1/runs/${id}/watch`, { headers, signal: gone.signal });
		const reader = (response.body as ReadableStream<Uint8Array>).getReader();
		assert.equal(JSON.parse(Buffer.from((await reader.read()).value ?? []).toString()).state, "running");
		gone.abort();
		await assert.rejects(reader.read());
		release.resolve();
		assert.equal((await orchestrator.waitRun(id)).state, "completed");
	});

	test("tokens have 256 bits, are kept, and are their owner's alone", async (t) => {
		const folder = temporaryFolder(t);
		assert.equal(readToken(folder), undefined);
		const token = ensureToken(folder, systemClock);
		assert.match(token, /^[0-9a-f]{64}$/);
		chmodSync(`${folder}/token`, 0o644);
		assert.equal(ensureToken(folder, systemClock), token);
		assert.equal(statSync(`${folder}/token`).mode & 0o777, 0o600);
		writeFileSync(`${folder}/token`, "short");
		assert.throws(() => ensureToken(folder, systemClock), { code: "E_DATA_FOLDER" });
	});
});
