/** Made from the routes: each with each method, from wherever and with whatever token. What is refused reaches no handler. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { document, routes } from "../../test/http-contract.ts";
import { PORT, problem, TOKEN } from "../../test/http-fixture.ts";
import { soleOwner } from "../access/access.ts";
import type { Audit } from "../access/audit.ts";
import type { AuditEntry } from "../access/audit-chain.ts";
import { mayUse, type Role, tokenRoles } from "../access/role.ts";
import { MOST_WRONG } from "../access/wrong-tokens.ts";
import { systemClock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { silentLog } from "../log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { createApp } from "./app.ts";
import { placeOf } from "./place.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
const HOST = `127.0.0.1:${PORT}`;

/** What a handler asked of it. Whatever is asked is refused, so a request that got this far is told from one that did not. */
const reached: string[] = [];
const orchestrator = new Proxy({} as Orchestrator, {
	get(_, name) {
		reached.push(String(name));
		throw new MusterError("E_STOPPED", "as a handler was told");
	},
});
const lines: AuditEntry[] = [];
const audit: Audit = {
	ready: async () => undefined,
	append: async (entry) => void lines.push(entry),
	close: async () => undefined,
};
const access = { ...soleOwner(TOKEN, systemClock), audit };
const secrets = Object.fromEntries(
	tokenRoles.map((role) => [role, access.callers.create({ name: `the-${role}`, role }).secret]),
) as Record<Role, string>;
const place = placeOf(`http://${HOST}`, [PORT], []);
const app = createApp({
	...access,
	place: () => place,
	phase: () => ({ state: "ready", orchestrator }),
	log: silentLog,
});

const filled = (path: string): string =>
	path
		.replace("{path}", "x/y")
		.replace("{hash}", "0".repeat(64))
		.replaceAll(/\{\w+\}/g, "x");

/** Every path with every method, and who may use that; undefined where there is no such route. */
const cases = [
	...new Set([...routes.map(({ path }) => path), "/", "/nowhere", "/v1/nowhere", "/v1/tokens/x/y"]),
].flatMap((path) =>
	METHODS.map((method) => {
		const declared = method === "HEAD" ? "get" : method.toLowerCase();
		const route = routes.find((one) => one.path === path && one.method === declared);
		// A path that is open says so of every method: what it does not take is no secret.
		const open =
			routes.some((one) => one.path === path) && routes.every((one) => one.path !== path || one.role === "anyone");
		return { path: filled(path), method, route, open };
	}),
);

interface Answer {
	status: number;
	code: string | undefined;
	role: string | undefined;
	reached: string[];
	lines: AuditEntry[];
}

async function ask(path: string, method: string, headers: Record<string, string>): Promise<Answer> {
	reached.length = 0;
	lines.length = 0;
	const response = await app.request(`http://${HOST}${path}`, { method, headers: { host: HOST, ...headers } });
	for (const name of response.headers.keys())
		assert.ok(!name.startsWith("access-control-"), `${method} ${path}: ${name}`);
	const text = await response.text();
	const body = /problem/.test(response.headers.get("content-type") ?? "") && text !== "" ? JSON.parse(text) : {};
	return {
		status: response.status,
		code: body.code,
		role: body.details?.role,
		reached: [...reached],
		lines: [...lines],
	};
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const FOREIGN: Record<string, Record<string, string>> = {
	...Object.fromEntries(
		[
			...[
				"evil.example",
				`evil.example:${PORT}`,
				"127.0.0.1",
				"127.0.0.1:80",
				`127.0.0.1.:${PORT}`,
				`localhost.:${PORT}`,
			],
			...[`2130706433:${PORT}`, `0x7f.1:${PORT}`, `127.1:${PORT}`, `0.0.0.0:${PORT}`, `[::ffff:127.0.0.1]:${PORT}`],
			...[`[::]:${PORT}`, `127.0.0.1:${PORT}@evil.example`, `localhost:${PORT},evil.example`, ""],
		].map((host) => [`Host ${host}`, { host }]),
	),
	...Object.fromEntries(
		[
			...["https://evil.example", "null", "", `https://${HOST}`, `http://127.0.0.1:${PORT + 1}`, "http://127.0.0.1"],
			...[`http://localhost:${PORT}`, `http://${HOST}.evil.example`, `http://${HOST}/`, `file://${HOST}`],
		].map((origin) => [`Origin ${origin}`, { origin }]),
	),
	...Object.fromEntries(
		["cross-site", "same-site", "nonsense", "Same-Origin"].map((site) => [
			`fetch site ${site}`,
			{ "sec-fetch-site": site },
		]),
	),
	"a form of another page": { origin: "null", "content-type": "application/x-www-form-urlencoded" },
	"an overridden method": { origin: "https://evil.example", "x-http-method-override": "GET" },
	"a preflight": {
		...{ origin: "https://evil.example", "access-control-request-method": "POST" },
		"access-control-request-headers": "authorization",
	},
	"a WebSocket": { origin: "https://evil.example", connection: "upgrade", upgrade: "websocket" },
	"a forwarded Host": { host: "evil.example", "x-forwarded-host": HOST, forwarded: `host=${HOST}` },
};

describe("every route with every method", () => {
	test(`from elsewhere it is refused before anything else, also with the owner's token`, async () => {
		for (const { path, method } of cases) {
			for (const [from, headers] of Object.entries(FOREIGN)) {
				const where = `${method} ${path}, ${from}`;
				const { status, code, reached, lines } = await ask(path, method, { ...bearer(TOKEN), ...headers });
				assert.deepEqual([status, reached, lines], [403, [], []], where);
				if (method !== "HEAD") assert.equal(code, "E_FORBIDDEN", where);
			}
		}
	});

	test("without a right token it is refused, but for what says nothing of the work", async () => {
		const wrong = [
			{},
			...["Bearer ", `Bearer ${"b".repeat(64)}`, `Bearer ${TOKEN}a`, `Bearer ${TOKEN.slice(1)}`].map(
				(authorization) => ({
					authorization,
				}),
			),
			...[TOKEN, `Basic ${TOKEN}`, `Token ${TOKEN}`].map((authorization) => ({ authorization })),
			{ cookie: `token=${TOKEN}` },
			{ "x-api-key": TOKEN },
		];
		for (const { path, method, open } of cases) {
			if (open) continue;
			for (const headers of wrong) {
				for (const at of [path, `${path}?token=${TOKEN}&access_token=${TOKEN}`]) {
					const { status, reached, lines } = await ask(at, method, headers as Record<string, string>);
					assert.deepEqual([status, reached, lines], [401, [], []], `${method} ${at} with ${JSON.stringify(headers)}`);
				}
			}
		}
		const open = routes.filter(({ role }) => role === "anyone").map(({ method, path }) => `${method} ${path}`);
		assert.deepEqual(open.sort(), [
			"get /docs",
			"get /healthz",
			"get /openapi.json",
			"get /readyz",
			"post /hooks/{path}",
		]);
	});

	test("an address that guesses is answered 429 before its token is looked at, and told when to come again", async () => {
		const from = (remoteAddress: string, token: string) =>
			app.request(
				`http://${HOST}/v1/status`,
				{ headers: { host: HOST, ...bearer(token) } },
				{ incoming: { socket: { remoteAddress } } },
			);
		for (let i = 0; i < MOST_WRONG; i++) assert.equal((await from("192.0.2.7", `guess-${i}`)).status, 401);
		for (const token of ["one-more", TOKEN]) {
			const response = await problem(await from("192.0.2.7", token), 429, "E_RATE_LIMITED");
			assert.ok(response.hint);
		}
		assert.ok(Number((await from("192.0.2.7", TOKEN)).headers.get("retry-after")) > 0);
		assert.equal((await from("192.0.2.8", TOKEN)).status, 503, "as the handler was told");
	});

	test("each role may do what the document says and nothing more; what is refused says which role it takes", async () => {
		const before = access.callers.list();
		const paths = document.paths as { [path: string]: { [method: string]: { "x-muster-role": Role } } };
		for (const { path, method, route } of cases) {
			const role = route && paths[route.path]?.[route.method]?.["x-muster-role"];
			for (const given of tokenRoles) {
				const where = `${method} ${path} as ${given}`;
				const answer = await ask(path, method, bearer(secrets[given]));
				if (route === undefined || role === undefined) {
					assert.ok([404, 405].includes(answer.status), where);
					assert.deepEqual([answer.reached, answer.lines], [[], []], where);
				} else if (mayUse(given, role)) assert.ok(![401, 403].includes(answer.status) || role === "anyone", where);
				else {
					assert.deepEqual([answer.status, answer.reached], [403, []], where);
					if (method !== "HEAD") assert.deepEqual([answer.code, answer.role], ["E_FORBIDDEN", role], where);
				}
				// A line for each change that somebody with a token asked for, whatever came of it.
				const names = answer.lines.map(({ token, status }) => `${token} ${status}`);
				const wanted = route?.changes && role !== "anyone" ? [`the-${given} ${answer.status}`] : [];
				assert.deepEqual(names, wanted, where);
			}
		}
		assert.deepEqual(access.callers.list(), before);
	});

	test("the roles are those that were meant: who only reads changes nothing", () => {
		for (const { method, path, role, changes } of routes) {
			const harmless = method === "get" || path === "/v1/workflows:validate";
			assert.equal(changes, !harmless, `${method} ${path}`);
			if (changes) assert.ok(role === "operator" || role === "admin" || path === "/hooks/{path}", path);
			if (path.startsWith("/v1/tokens")) assert.equal(role, "admin");
		}
	});

	test("under each of its names it answers, and to a page of its own", async () => {
		for (const host of [HOST, `localhost:${PORT}`, `[::1]:${PORT}`, `LOCALHOST:${PORT}`]) {
			assert.equal((await ask("/healthz", "GET", { host })).status, 200, host);
			const page = { host, origin: `http://${host.toLowerCase()}`, "sec-fetch-site": "same-origin" };
			assert.equal((await ask("/v1/nowhere", "GET", { ...page, ...bearer(TOKEN) })).status, 404);
		}
	});
});

describe("under other names", () => {
	test("a name that was given counts with our port and with none, always encrypted; no other one does", () => {
		const { originOf } = placeOf("", [7620, 41_000], ["Muster.example.org", "10.0.0.5:8443", "[fd00::1]"]);
		const origins: Record<string, string | undefined> = {
			"muster.example.org": "https://muster.example.org",
			"muster.example.org:7620": "https://muster.example.org:7620",
			"muster.example.org:80": undefined,
			"10.0.0.5:8443": "https://10.0.0.5:8443",
			"10.0.0.5:7620": undefined,
			"[fd00::1]:7620": "https://[fd00::1]:7620",
			"example.org": undefined,
			"evil.muster.example.org": undefined,
			"localhost:41000": "http://localhost:41000",
		};
		for (const [host, origin] of Object.entries(origins)) assert.equal(originOf(host, false), origin, host);
		assert.equal(originOf("localhost:7620", true), "https://localhost:7620");
	});
});
