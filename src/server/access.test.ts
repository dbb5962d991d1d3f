/** Tokens, the audit and TLS on real sockets. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deferred, startTest, temporaryFolder } from "../../test/fixture.ts";
import { appOn, problem, TOKEN } from "../../test/http-fixture.ts";
import { openAccess, soleOwner } from "../access/access.ts";
import type { AuditEntry } from "../access/audit-chain.ts";
import { lastLines, verifyAudit } from "../access/audit-files.ts";
import { Callers } from "../access/callers.ts";
import { readToken } from "../access/owner-token.ts";
import { tokenFile } from "../access/token-store.ts";
import { systemClock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { defineSkill } from "../index.ts";
import { silentLog } from "../log.ts";
import { readTls } from "./place.ts";
import { listen } from "./server.ts";

/** Of nobody, for muster.test, until 2126. */
const pem = (name: string): string => fileURLToPath(new URL(`../../test/tls/${name}.pem`, import.meta.url));
const TLS = [pem("cert"), pem("key")] as const;

async function serve(t: TestContext) {
	const folder = temporaryFolder(t);
	const release = deferred();
	const hold = defineSkill({
		name: "hold",
		description: "Ends when told.",
		run: async () => {
			await release.promise;
			return null;
		},
	});
	const orchestrator = await startTest(t, { dataDir: folder, skills: [hold] });
	const access = openAccess({ folder, durable: false, clock: systemClock, log: silentLog });
	const server = await listen({ port: 0, access, log: silentLog });
	t.after(() => server.close());
	server.ready(orchestrator);
	t.after(() => release.resolve());
	const owner = readToken(folder) as string;
	const send = (path: string, token = owner, method = "GET", body?: unknown) =>
		fetch(server.url + path, {
			method,
			headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
	const make = async (name: string, role: string): Promise<string> =>
		((await (await send("/v1/tokens", owner, "POST", { name, role })).json()) as { secret: string }).secret;
	return { folder, orchestrator, access, server, send, make, owner };
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function toItsEnd(reader: Reader): Promise<string> {
	let text = "";
	for (;;) {
		const { done, value = [] } = await reader.read();
		text += Buffer.from(value).toString();
		if (done) return text;
	}
}

describe("revoking", () => {
	const ways = {
		"through the server": async ({ send, owner }: Awaited<ReturnType<typeof serve>>) =>
			void (await send("/v1/tokens/screen", owner, "DELETE")),
		"by another process": async ({ folder }: Awaited<ReturnType<typeof serve>>) => {
			const store = tokenFile(folder, systemClock);
			const callers = new Callers({ token: TOKEN, store, clock: systemClock, log: silentLog });
			callers.revoke("screen");
			callers.close();
		},
	};
	for (const [how, revoke] of Object.entries(ways)) {
		test(`${how} ends streams and waits of the token within 5 s, and nobody else's`, async (t) => {
			const served = await serve(t);
			const { orchestrator, send, make, owner } = served;
			const secret = await make("screen", "viewer");
			const steps = [{ id: "hold", skill: "hold", needs: [], with: null }];
			const run = await orchestrator.startRun({ ...{ name: "held", inputs: {}, outputs: {} }, steps });
			const [task] = orchestrator.runTasks(run);
			const watch = async (token: string): Promise<Reader> => {
				const { body } = await send(`/v1/runs/${run}/watch`, token);
				const reader = (body as ReadableStream<Uint8Array>).getReader();
				await reader.read();
				return reader;
			};
			const stream = await watch(secret);
			const owners = await watch(owner);
			const waits = Promise.withResolvers<void>();
			const waitFor = orchestrator.wait.bind(orchestrator);
			orchestrator.wait = (...given) => {
				waits.resolve();
				return waitFor(...given);
			};
			const wait = fetch(`${served.server.url}/v1/tasks/${task?.id}`, {
				headers: { authorization: `Bearer ${secret}`, prefer: "wait=60" },
			});
			const ended = Promise.all([assert.rejects(toItsEnd(stream)), assert.rejects(wait)]);
			await waits.promise;
			const began = performance.now();
			await revoke(served);
			await ended;
			assert.ok(performance.now() - began < 5_000);
			assert.equal((await send("/v1/status", secret)).status, 401);
			await orchestrator.cancel(run);
			assert.match(await toItsEnd(owners), /"state":"cancelled"/);
		});
	}
});

describe("the audit", () => {
	test("has a line of each change with who, what and from where, and nothing of what was sent", async (t) => {
		const { folder, send, make } = await serve(t);
		const operator = await make("deploy", "operator");
		const viewer = await make("screen", "viewer");
		const secret = "CANARY-7f3a";
		const { id } = (await (await send("/v1/tasks", operator, "POST", { type: "hold", input: { secret } })).json()) as {
			id: string;
		};
		await send(`/v1/tasks/${id}`, operator);
		await send("/v1/pause", viewer, "POST", { reason: secret });
		await send("/v1/pause", operator, "POST", { scope: "type:hold", reason: secret });
		await send(`/v1/tasks/${id}/cancel`, operator, "POST");
		await send("/v1/tasks/tsk_none/cancel", operator, "POST");
		await send("/v1/tasks", "wrong", "POST", { type: "hold" });
		const seen = lastLines(folder, 100).map(({ token, role, method, route, subject, status }) =>
			[token, role, method, route, subject, status].join(" "),
		);
		assert.deepEqual(seen, [
			"owner admin POST /v1/tokens deploy 201",
			"owner admin POST /v1/tokens screen 201",
			`deploy operator POST /v1/tasks ${id} 201`,
			"screen viewer POST /v1/pause  403",
			"deploy operator POST /v1/pause type:hold 200",
			`deploy operator POST /v1/tasks/{id}/cancel ${id} 200`,
			"deploy operator POST /v1/tasks/{id}/cancel tsk_none 404",
		]);
		assert.match(lastLines(folder, 1)[0]?.address ?? "", /127\.0\.0\.1$/);
		const text = readFileSync(`${folder}/audit.log`, "utf8");
		for (const hidden of [secret, operator, viewer]) assert.ok(!text.includes(hidden));
		assert.equal(verifyAudit(folder).lines, 7);
	});

	test("names what a batch or an answer was about, and not without end", async (t) => {
		const { folder, send, owner } = await serve(t);
		const specs = Array.from({ length: 30 }, () => ({ type: "hold", delay: "1h" }));
		const { ids } = (await (await send("/v1/tasks:batch", owner, "POST", specs)).json()) as { ids: string[] };
		await send("/v1/approvals", owner, "POST", { ids: ["run_1.a"], approved: true });
		assert.deepEqual(
			lastLines(folder, 2).map(({ subject }) => subject),
			[`${ids.slice(0, 20).join(" ")} and 10 more`, "approved run_1.a"],
		);
	});

	test("a change whose line cannot be written is not acknowledged, the next is not made, and reading goes on", async (t) => {
		const orchestrator = await startTest(t, { skills: [] });
		const lines: AuditEntry[] = [];
		let full = false;
		const failure = () => new MusterError("E_STORAGE_FULL", "a line of the audit cannot be written");
		const audit = {
			ready: async () => {
				if (full && lines.length > 0) throw failure();
			},
			append: async (entry: AuditEntry) => {
				lines.push(entry);
				if (full) throw failure();
			},
			close: async () => undefined,
		};
		const { send, post } = appOn(() => ({ state: "ready", orchestrator }), { ...soleOwner(TOKEN, systemClock), audit });
		full = true;
		const { detail, hint } = await problem(await post("/v1/tasks", { type: "later" }), 507, "E_STORAGE_FULL");
		assert.match(`${detail} ${hint}`, /it is done, but .* Look before you send it again/);
		assert.equal(orchestrator.tasks({}).items.length, 1);
		await problem(await post("/v1/tasks", { type: "later" }), 507, "E_STORAGE_FULL");
		assert.equal(orchestrator.tasks({}).items.length, 1, "nothing further is changed");
		assert.equal((await send("/v1/tasks")).status, 200);
		full = false;
		assert.equal((await post("/v1/tasks", { type: "later" })).status, 201);
	});
});

describe("beyond this machine", () => {
	const access = () => soleOwner(TOKEN, systemClock);

	test("it listens only with TLS and a name", async () => {
		const tls = readTls(...TLS);
		const refused = [
			{ host: "0.0.0.0" },
			{ host: "::" },
			{ host: "192.168.0.1", allowHosts: ["muster.test"] },
			{ host: "0.0.0.0", tls },
			{ allowHosts: ["*"] },
			{ allowHosts: ["http://muster.test"] },
		];
		for (const options of refused) {
			await assert.rejects(listen({ port: 0, access: access(), log: silentLog, ...options }), {
				code: "E_CONFIG_INVALID",
			});
		}
		assert.throws(() => readTls(TLS[0], undefined), { code: "E_CONFIG_INVALID" });
		assert.throws(() => readTls(TLS[1], TLS[1]), { code: "E_CONFIG_INVALID" });
	});

	test("with both it answers there encrypted under its name, and for this machine as before", async (t) => {
		const tls = readTls(...TLS);
		const server = await listen({
			...{ host: "0.0.0.0", port: 0, allowHosts: ["muster.test"], tls },
			...{ access: access(), log: silentLog },
		});
		t.after(() => server.close());
		const port = new URL(server.publicUrl as string).port;
		const status = (headers: Record<string, string>) =>
			new Promise<number | undefined>((resolve, reject) => {
				const options = {
					host: "127.0.0.1",
					port,
					path: "/healthz",
					servername: "muster.test",
					ca: tls?.cert,
					headers,
				};
				request(options, (response) => resolve(response.resume().statusCode))
					.on("error", reject)
					.end();
			});
		assert.equal(await status({ host: `muster.test:${port}` }), 200);
		assert.equal(await status({ host: `muster.test:${port}`, origin: `https://muster.test:${port}` }), 200);
		assert.equal(await status({ host: `muster.test:${port}`, origin: `http://muster.test:${port}` }), 403);
		assert.equal(await status({ host: `evil.example:${port}` }), 403);
		await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
		assert.match(server.url, /^http:\/\/127\.0\.0\.1:/);
		assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
	});
});
