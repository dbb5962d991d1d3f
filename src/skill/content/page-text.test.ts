import assert from "node:assert/strict";
import { test } from "node:test";
import type { MusterError } from "../../errors.ts";
import { pageText } from "./page-text.ts";

test("scripts, styles and menus are not part of a page's text", async () => {
	const html = `<html><head><title>Leases</title><script>alert("no")</script><style>p{}</style></head><body>
		<nav><a href="/">Home</a></nav><article><h1>Leases</h1><p>${"A lease is a right that expires by itself. ".repeat(8)}</p>
		<script>document.write("never")</script></article></body></html>`;
	const { title, text } = await pageText(html, "page.html");
	assert.equal(title, "Leases");
	assert.match(text, /A lease is a right/);
	assert.doesNotMatch(text, /alert|never|Home|p\{\}/);
});

test("a page nested a hundred thousand deep is refused at once", async () => {
	await assert.rejects(pageText("<div>".repeat(100_000), "deep.html"), (error: MusterError) => {
		assert.deepEqual([error.code, error.retryable], ["E_FETCH_FAILED", false]);
		return true;
	});
});

test("many paragraphs without end tags are not taken for nesting", async () => {
	const { blocks } = await pageText(
		`<body>${"<p>A short paragraph without its end tag.".repeat(3_000)}</body>`,
		"flat.html",
	);
	assert.equal(blocks.length, 3_000);
});
