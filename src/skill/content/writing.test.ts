import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createHarness, memoryArtifacts, runSkill } from "../../../test/skill-harness.ts";
import { hasCode, type MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { normalised } from "./article.ts";
import { sentencesOf } from "./passages.ts";
import { type ResearchOutput, research } from "./research.ts";
import { type WritingOutput, writing } from "./writing.ts";

const LIBRARY = join(import.meta.dirname, "../../../samples/library");
const artifacts = memoryArtifacts();

const look = (angle: string, topic = "crash-safe task queues"): Promise<Json> =>
	runSkill(research, { topic, angle, folder: LIBRARY }, createHarness({ artifacts }));

const researched = await Promise.all(["durability", "recovery", "testing"].map((angle) => look(angle)));

async function write(input: object, previous: Json[] = researched): Promise<WritingOutput & { markdown: string }> {
	const output = await runSkill(writing, input, createHarness({ artifacts, previous }));
	const article = output as unknown as WritingOutput;
	return { ...article, markdown: await artifacts.text(article.article) };
}

const failure = (input: object, previous: Json[]): Promise<MusterError> =>
	write(input, previous).then(
		() => assert.fail("it should have failed"),
		(error: MusterError) => error,
	);

const bodyOf = (markdown: string): string => markdown.split("\n## Sources\n")[0] ?? "";

test("three angles of the sample library give an article of four hundred words in three sections", async () => {
	const { words, sections, shortfall } = await write({});
	assert.ok(words >= 400, `${words} words`);
	assert.deepEqual(sections, ["Durability", "Recovery", "Testing"]);
	assert.equal(shortfall, null);
});

test("every citation leads to its passage", async () => {
	const { citations } = await write({ words: 5_000 });
	assert.ok(citations.length >= 15);
	for (const { statement, source } of citations) {
		assert.equal((await artifacts.text(source.text)).slice(source.start, source.end), statement);
	}
});

test("every marker in the article has its entry among the sources, and every citation its marker", async () => {
	const { markdown, citations } = await write({ words: 5_000 });
	const markers = [...bodyOf(markdown).matchAll(/\[\[(\d+)\]\]\(#source-\1\)/g)].map((match) => Number(match[1]));
	assert.deepEqual(
		markers.toSorted((a, b) => a - b),
		citations.map(({ marker }) => marker),
	);
	for (const marker of markers) assert.ok(markdown.includes(`<a id="source-${marker}"></a>[${marker}]`));
});

test("every statement stands in the article just before its marker", async () => {
	const { markdown, citations } = await write({ words: 5_000 });
	for (const { statement, marker } of citations) {
		assert.ok(markdown.includes(`${statement} [[${marker}]](#source-${marker})`), statement);
	}
});

test("no sentence appears twice, also when two researches bring the same notes", async () => {
	const { citations } = await write({ words: 5_000 }, [...researched, ...researched, await look("durable recovery")]);
	const sentences = citations.flatMap(({ statement }) => sentencesOf(statement).map(({ text }) => normalised(text)));
	assert.equal(new Set(sentences).size, sentences.length);
});

test("the article says that no model wrote it", async () => {
	const { mode, markdown } = await write({});
	assert.equal(mode, "extractive");
	assert.match(markdown, /without a language model/);
});

test("the same notes give the same article", async () => {
	assert.equal((await write({})).article.ref, (await write({})).article.ref);
});

test("an article asked for more words than the notes hold is shorter and says so", async () => {
	const { shortfall, markdown, words } = await write({ words: 5_000 });
	assert.match(shortfall ?? "", new RegExp(`^Shorter than asked: ${words} of 5000 words`));
	assert.ok(markdown.includes(shortfall ?? "?"));
});

test("the results of a coordinator are taken apart", async () => {
	const { sections } = await write({}, [{ results: researched.map((output) => ({ output })) }]);
	assert.equal(sections.length, 3);
});

test("notes given as a reference to stored JSON are read", async () => {
	const notes = await artifacts.put("notes.json", JSON.stringify(researched), "application/json");
	const { sections } = await write({ notes: notes as unknown as Json }, []);
	assert.equal(sections.length, 3);
});

test("one research alone gives a section for each source", async () => {
	const { sections } = await write({}, researched.slice(0, 1));
	assert.ok(sections.length >= 3);
	assert.ok(sections.includes("Write-ahead logging"));
});

test("a report ends with its scope in figures", async () => {
	assert.match(
		(await write({ content: "report" })).markdown,
		/## Scope\n\nThe notes were taken from \d+ documents read/,
	);
});

test("a note that does not stand in its source is left out", async () => {
	const forged = structuredClone(researched[0]) as unknown as ResearchOutput;
	for (const note of forged.notes.slice(1)) note.quote = "A forged sentence that stands in no source at all.";
	const { citations, shortfall } = await write({ notes: forged as unknown as Json }, []);
	assert.equal(citations.length, 1);
	assert.match(shortfall ?? "", /do not stand in their sources/);
});

test("without any research the task fails for good and says what to do", async () => {
	const error = await failure({}, []);
	assert.ok(hasCode(error, "E_SKILL_FAILED") && !error.retryable);
	assert.match(error.hint ?? "", /depend on a research task/);
});

test("research that found nothing is an error that repeats what it looked for", async () => {
	assert.match((await failure({}, [await look("tapestry")])).message, /Nothing about .* "tapestry"/);
});

test("notes that are something else are refused", async () => {
	assert.equal((await failure({ notes: { a: [1, 2] } }, [])).code, "E_INPUT_INVALID");
});

test("markup inside a quotation stays text", async () => {
	const text = "A lease [may](javascript:alert) hold <b>markup</b> and *stars* in it.";
	const stored = await artifacts.put("hostile.md", text, "text/markdown");
	const source = { id: "src_x", title: "# Title\n<script>" };
	const notes = {
		topic: "lease",
		angle: null,
		notes: [{ id: "n", quote: text, source: { ...source, start: 0, end: text.length }, score: 1, heading: null }],
		sources: [{ ...source, text: stored }],
		documentsRead: 1,
		passages: 1,
		unreadable: [],
		summary: "",
	};
	const { markdown } = await write({ notes: notes as unknown as Json }, []);
	assert.doesNotMatch(markdown, /(?<!\\)<(b|script)>|(?<!\\)\[may|\n# Title/);
});
