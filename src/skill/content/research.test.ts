import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { createHarness, runSkill } from "../../../test/skill-harness.ts";
import { MusterError } from "../../errors.ts";
import { type ResearchOutput, research } from "./research.ts";

const LIBRARY = join(import.meta.dirname, "../../../samples/library");
const FACT =
	"A lease is a right to do something that expires by itself. A worker takes a lease on the task it works on.";

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "muster-research-"));
	after(() => rm(folder, { recursive: true }));
	for (const [name, content] of Object.entries(files)) {
		await mkdir(dirname(join(folder, name)), { recursive: true });
		await writeFile(join(folder, name), content);
	}
	return folder;
}

async function serve(answer: RequestListener): Promise<string> {
	const server = createServer(answer).listen(0, "127.0.0.1");
	await once(server, "listening");
	after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const run = async (input: object, harness = createHarness()): Promise<ResearchOutput> =>
	(await runSkill(research, input, harness)) as unknown as ResearchOutput;

const failure = (input: object, harness = createHarness()): Promise<MusterError> =>
	run(input, harness).then(
		() => assert.fail("it should have failed"),
		(error: MusterError) => error,
	);

test("every note's quote stands in its source's text at the offsets it gives", async () => {
	const harness = createHarness();
	const { notes, sources } = await run({ topic: "crash-safe task queues", folder: LIBRARY, maxNotes: 40 }, harness);
	assert.ok(notes.length >= 10);
	for (const { quote, source } of notes) {
		const text = sources.find(({ id }) => id === source.id)?.text;
		assert.ok(text !== undefined);
		assert.equal((await harness.artifacts.text(text)).slice(source.start, source.end), quote);
	}
});

test("a quote is whole sentences, from a capital to a full stop", async () => {
	const { notes } = await run({ topic: "crash-safe task queues", folder: LIBRARY, maxNotes: 40 });
	for (const { quote } of notes) assert.match(quote, /^\p{Lu}[^\n]+[.!?]$/u);
});

test("notes of a broad topic come from several sources", async () => {
	const { notes } = await run({ topic: "crash-safe task queues", angle: "durability", folder: LIBRARY });
	assert.ok(new Set(notes.map(({ source }) => source.id)).size >= 5);
});

test("an angle finds the other forms of its word", async () => {
	const { notes } = await run({ topic: "crash-safe task queues", angle: "durability", folder: LIBRARY });
	assert.ok(notes.some(({ quote }) => /durable/.test(quote)));
});

test("the same research gives the same notes with the same ids", async () => {
	const input = { topic: "crash-safe task queues", angle: "recovery", folder: LIBRARY };
	assert.deepEqual((await run(input)).notes, (await run(input)).notes);
});

test("a topic no document mentions gives no notes and says so", async () => {
	const { notes, summary } = await run({ topic: "medieval tapestry", folder: LIBRARY });
	assert.deepEqual(notes, []);
	assert.match(summary, /^Nothing about "medieval tapestry"/);
});

test("an angle no passage mentions gives no notes, although the topic is there", async () => {
	const { notes } = await run({ topic: "task queues", angle: "tapestry", folder: LIBRARY });
	assert.deepEqual(notes, []);
});

test("headings, lists, tables and code are never quoted", async () => {
	const folder = await folderOf({
		"a.md": `# Lease rules for all\n\n- A lease in a list item is not quoted at all.\n\n| A lease in a table is not quoted. |\n\n\`\`\`\nA lease in code is not quoted at all.\n\`\`\`\n\n${FACT}\n`,
	});
	const { notes } = await run({ topic: "lease", folder });
	assert.deepEqual(
		notes.map(({ quote }) => quote),
		[FACT],
	);
});

test("lines of a paragraph are joined and inline markup is removed", async () => {
	const folder = await folderOf({
		"a.md": "A **lease** is a [right](https://example.org) that\nexpires by *itself* after a time.\n",
	});
	const { notes } = await run({ topic: "lease", folder });
	assert.equal(notes[0]?.quote, "A lease is a right that expires by itself after a time.");
});

test("two copies of a document give each passage once", async () => {
	const folder = await folderOf({ "a.md": FACT, "b.md": FACT });
	assert.equal((await run({ topic: "lease", folder })).notes.length, 1);
});

test("without a source the error says what to give", async () => {
	const error = await failure({ topic: "lease" });
	assert.equal(error.code, "E_INPUT_INVALID");
	assert.match(error.hint ?? "", /folder, files or urls/);
});

test("a missing folder is named", async () => {
	const error = await failure({ topic: "lease", folder: "/nowhere/at/all" });
	assert.equal(error.code, "E_FILE_UNREADABLE");
	assert.match(error.message, /\/nowhere\/at\/all does not exist/);
});

test("a folder without documents is an error", async () => {
	const folder = await folderOf({ "a.bin": "x" });
	assert.equal((await failure({ topic: "lease", folder })).code, "E_FILE_UNREADABLE");
});

test("binary, empty and missing files are listed while the rest is read", async () => {
	const folder = await folderOf({ "good.md": FACT, "binary.md": new Uint8Array([0, 1, 2]), "empty.txt": "" });
	const { notes, unreadable } = await run({ topic: "lease", folder, files: [join(folder, "gone.md")] });
	assert.equal(notes.length, 1);
	assert.deepEqual(
		unreadable.map(({ path, reason }) => [path?.split("/").at(-1), reason.replace(/^\S+ /, "")]),
		[
			["binary.md", "is a binary file"],
			["empty.txt", "no text"],
			["gone.md", "does not exist"],
		],
	);
});

test("when nothing can be read the task fails for good", async () => {
	const folder = await folderOf({ "binary.md": new Uint8Array([0, 1, 2]) });
	const error = await failure({ topic: "lease", folder });
	assert.deepEqual([error.code, error.retryable], ["E_FILE_UNREADABLE", false]);
});

test("a link that leaves the folder is not followed", async () => {
	const outside = await folderOf({ "secret.md": FACT });
	const folder = await folderOf({ "a.md": "Nothing of interest is written in this file." });
	await symlink(join(outside, "secret.md"), join(folder, "link.md"));
	await symlink(outside, join(folder, "linked"));
	const { notes, unreadable } = await run({ topic: "lease", folder });
	assert.deepEqual(notes, []);
	assert.equal(unreadable.length, 2);
});

test("a link to its own folder does not turn the walk in circles", async () => {
	const folder = await folderOf({ "a.md": FACT });
	await symlink(folder, join(folder, "self"));
	assert.equal((await run({ topic: "lease", folder })).documentsRead, 1);
});

test("a single line of a mebibyte is read within bounds", async () => {
	const folder = await folderOf({
		"words.txt": "lease ".repeat(175_000),
		"brackets.md": "[".repeat(1024 * 1024),
		"markup.md": "**a _b [c](".repeat(95_000),
		"good.md": FACT,
	});
	assert.equal((await run({ topic: "lease", folder })).notes[0]?.quote, FACT);
});

test("scripts of an HTML file are never quoted", async () => {
	const folder = await folderOf({
		"a.html": `<html><body><article><h1>Leases</h1><p>${FACT}</p><script>A lease in a script is not quoted at all.</script></article></body></html>`,
	});
	const { notes } = await run({ topic: "lease", folder });
	assert.deepEqual(
		notes.map(({ quote }) => quote),
		[FACT],
	);
});

test("a web page is quoted with its address", async () => {
	const url = await serve((_, response) => response.setHeader("content-type", "text/html").end(`<p>${FACT}</p>`));
	assert.equal((await run({ topic: "lease", urls: [url] })).notes[0]?.source.url, url);
});

test("a server that says 429 makes the task retryable when it is the only source", async () => {
	const url = await serve((_, response) => response.writeHead(429, { "retry-after": "3" }).end());
	const error = await failure({ topic: "lease", urls: [url] });
	assert.deepEqual([error.code, error.retryable, error.retryAfterMs], ["E_FETCH_FAILED", true, 3_000]);
});

test("a server that redirects for ever is listed beside a document that is read", async () => {
	const url = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
	const folder = await folderOf({ "a.md": FACT });
	const { notes, unreadable } = await run({ topic: "lease", folder, urls: [url] });
	assert.equal(notes.length, 1);
	assert.match(unreadable[0]?.reason ?? "", /redirected more than/);
});

test("a cancel ends the reading with its own reason", async () => {
	const harness = createHarness();
	harness.abort(new MusterError("E_CANCELLED", "stop"));
	assert.equal((await failure({ topic: "lease", folder: LIBRARY }, harness)).code, "E_CANCELLED");
});
