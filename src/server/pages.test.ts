import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CLIENT, headOf } from "../../test/http/client-head.ts";
import { document, routes } from "../../test/http-contract.ts";
import { appOn } from "../../test/http-fixture.ts";
import { markdownOf } from "./markdown.ts";

const page = fileURLToPath(new URL("../../docs/http.md", import.meta.url));

test("docs/http.md is what the document says (WRITE_DOCS=1 writes it)", () => {
	if (process.env.WRITE_DOCS) writeFileSync(page, markdownOf(document));
	assert.equal(readFileSync(page, "utf8"), markdownOf(document));
});

test("the types of the generated client are those of this document (node test/http/client.ts makes them)", () => {
	assert.ok(readFileSync(CLIENT, "utf8").startsWith(headOf(document)));
});

test("/docs has every route, and neither scripts nor anything from elsewhere", async () => {
	const response = await appOn(() => ({ state: "starting" })).send("/docs", { headers: { authorization: "" } });
	const policy = response.headers.get("content-security-policy") ?? "";
	assert.match(policy, /^default-src 'none'; style-src 'unsafe-inline'/);
	assert.ok(!policy.includes("script-src"));
	const html = await response.text();
	for (const { name } of routes) assert.ok(html.includes(`<h3 id="${name}">`), name);
	assert.ok(!/<script|<link|<img|<iframe|\son\w+=|@import|url\(/i.test(html));
	const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, href]) => href as string);
	for (const href of links) {
		assert.ok(href === "/openapi.json" || html.includes(`id="${href.slice(1)}"`), `${href} leads nowhere`);
	}
});

test("/openapi.json is an OpenAPI 3.1 document, with the address of the server and without its data", async () => {
	const response = await appOn(() => ({ state: "starting" })).send("/openapi.json", { headers: { authorization: "" } });
	const given = (await response.json()) as typeof document;
	assert.equal(given.openapi, "3.1.0");
	assert.deepEqual(given, JSON.parse(JSON.stringify(document)));
});
