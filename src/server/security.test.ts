import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { appOn, PORT, TOKEN } from "../../test/http-fixture.ts";

/** They say nothing of the work; a webhook is signed instead. */
const OPEN = ["/healthz", "/readyz", "/openapi.json", "/docs", "/hooks/x"];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];

describe("who may speak", async () => {
	const { app } = appOn(() => ({ state: "starting" }));
	const paths = [...new Set(app.routes.map(({ path }) => path))]
		.filter((path) => !path.includes("*"))
		.map((path) => path.replace(/\/:\w+(\{.+\})?/g, "/x"));
	paths.push("/", "/nowhere", "/v1/nowhere");
	const bare = (path: string, method: string, headers: Record<string, string>) =>
		app.request(`http://127.0.0.1:${PORT}${path}`, { method, headers });
	const good = { host: `127.0.0.1:${PORT}`, authorization: `Bearer ${TOKEN}` };

	test("every route and method wants the token, but for what says nothing of the work", async () => {
		for (const path of paths) {
			for (const method of METHODS) {
				for (const authorization of [
					"",
					"Bearer ",
					`Bearer ${"b".repeat(64)}`,
					`Bearer ${TOKEN}a`,
					TOKEN,
					`Basic ${TOKEN}`,
				]) {
					const response = await bare(path, method, { host: `127.0.0.1:${PORT}`, authorization });
					const open = OPEN.includes(path);
					assert.equal(response.status === 401, !open, `${method} ${path} with "${authorization}"`);
				}
			}
		}
	});

	test("a foreign Host is refused before anything else, on every route and method", async () => {
		const hosts = [
			"evil.example",
			"127.0.0.1",
			"127.0.0.1:80",
			`127.0.0.1.:${PORT}`,
			`localhost.:${PORT}`,
			`2130706433:${PORT}`,
		];
		for (const path of paths) {
			for (const method of METHODS) {
				for (const host of hosts) {
					const response = await bare(path, method, { ...good, host });
					assert.equal(response.status, 403, `${method} ${path} for ${host}`);
				}
			}
		}
		for (const host of [`localhost:${PORT}`, `[::1]:${PORT}`, `LOCALHOST:${PORT}`]) {
			assert.equal((await bare("/healthz", "GET", { ...good, host })).status, 200, host);
		}
	});

	test("a foreign page is refused on every route and method, with the right token too", async () => {
		const pages: Record<string, string>[] = [
			{ origin: "https://evil.example" },
			{ origin: "null" },
			{ origin: `https://127.0.0.1:${PORT}` },
			{ origin: `http://127.0.0.1:${PORT + 1}` },
			{ origin: `http://localhost:${PORT}` },
			{ "sec-fetch-site": "cross-site" },
			{ "sec-fetch-site": "same-site" },
		];
		for (const path of paths) {
			for (const method of METHODS) {
				for (const page of pages) {
					const response = await bare(path, method, { ...good, ...page });
					assert.equal(response.status, 403, `${method} ${path} from ${JSON.stringify(page)}`);
					assert.equal(response.headers.get("access-control-allow-origin"), null);
				}
			}
		}
		assert.equal((await bare("/healthz", "GET", { ...good, origin: `http://127.0.0.1:${PORT}` })).status, 200);
	});
});
