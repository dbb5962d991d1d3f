import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createHarness, memoryArtifacts, runSkill } from "../../../test/skill-harness.ts";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type EditingOutput, editing, scoreOf } from "./editing.ts";
import { research } from "./research.ts";
import { type WritingOutput, writing } from "./writing.ts";

const artifacts = memoryArtifacts();

async function edit(article: string | undefined, options: object = {}, previous: Json[] = []) {
	const harness = createHarness({ artifacts, previous });
	const input = article === undefined ? options : { article, ...options };
	const output = (await runSkill(editing, input, harness)) as unknown as EditingOutput;
	return { ...output, text: await artifacts.text(output.article), said: await artifacts.text(output.report) };
}

const failure = (run: Promise<unknown>): Promise<MusterError> =>
	run.then(
		() => assert.fail("it should have failed"),
		(error: MusterError) => error,
	);

test("a doubled word is taken out where nobody is quoted", async () => {
	const { text, applied } = await edit("The log is is written first.\n");
	assert.equal(text, "The log is written first.\n");
	assert.deepEqual(applied, [{ rule: "repeated-word", line: 1, before: "is is", after: "is" }]);
});

test("a wrong article is put right where nobody is quoted", async () => {
	assert.equal((await edit("It is a error and an problem.\n")).text, "It is an error and a problem.\n");
});

test("in a cited paragraph the same slips are suggested and the words stay", async () => {
	const article = "The log is is a error. [[1]](#source-1)\n";
	const { text, applied, suggestions } = await edit(article);
	assert.equal(text, article);
	assert.deepEqual(applied, []);
	assert.deepEqual(
		suggestions.map(({ rule, kept }) => [rule, kept]),
		[
			["repeated-word", "quotation"],
			["a-an", "quotation"],
		],
	);
});

test("spaces, blank lines and headings are put in order", async () => {
	const { text } = await edit("#  Title\nFirst  line. \n\n\n\n##Part\nText , here.\n- one\n- two\n\n\n");
	assert.equal(text, "# Title\n\nFirst line.\n\n## Part\n\nText, here.\n\n- one\n- two\n");
});

test("a line break of two spaces is kept", async () => {
	assert.equal((await edit("One line,  \nthe next line.\n")).text, "One line,  \nthe next line.\n");
});

for (const [what, kept] of Object.entries({
	"a code block": "Text.\n\n```\nlet  a = a a ;\n\n\n# no  heading\n```\n",
	"a code span": "The call `is  is a a error` stays.\n",
	"a link": "See [the page](https://example.org/a__b?x=a,,b) for more.\n",
	"a quotation": "> the the  words of a error\n",
	"the list of sources": '# T\n\n## Sources\n\n- <a id="source-1"></a>[1] **T**, line 1:\n  > the the  words\n',
	"a table": "| a  b | the the |\n|---|---|\n| a error | x |\n",
	"indented code": "Text.\n\n    the the  code\n",
})) {
	test(`${what} is left as it is`, async () => {
		assert.equal((await edit(kept)).text, kept);
	});
}

test("editing an edited article changes nothing more", async () => {
	const first = await edit("#  T\nthe the  x\n- a\n-  b\n##X\n\n\n\ny  , z.");
	const second = await edit(first.text);
	assert.equal(second.text, first.text);
	assert.deepEqual(second.applied, []);
});

test("corrections name the line of the given article, suggestions the line of the edited one", async () => {
	const { applied, suggestions } = await edit("One.\n\n\n\nThe end is is near.\n\nThe file was written by it.\n");
	assert.deepEqual(applied.find(({ rule }) => rule === "repeated-word")?.line, 5);
	assert.deepEqual(suggestions.find(({ rule }) => rule === "passive")?.line, 5);
});

test("readability follows the formula of Flesch", async () => {
	// 6 words, 1 sentence, 6 syllables: 206.835 - 1.015 * 6 - 84.6 * 1
	const { readability } = await edit("The cat sat on the mat.\n");
	assert.deepEqual(readability, { words: 6, sentences: 1, averageSentenceWords: 6, fleschReadingEase: 116.1 });
});

test("the plain style asks for shorter sentences than the professional one", async () => {
	const article = `${"word and ".repeat(14)}end.\n`;
	const rules = async (style: string) => (await edit(article, { style })).suggestions.map(({ rule }) => rule);
	assert.ok((await rules("plain")).includes("long-sentence"));
	assert.ok(!(await rules("professional")).includes("long-sentence"));
});

test("the score falls with open suggestions and stays between none and one", () => {
	assert.equal(scoreOf("professional", 60, 100, []), 1);
	assert.equal(scoreOf("professional", 60, 100, [{ rule: "a-an" }]), 0.9);
	assert.equal(scoreOf("professional", -50, 10, new Array(100).fill({ rule: "a-an" })), 0);
});

test("the article of the task before is edited, with its citations unharmed", async () => {
	const folder = join(import.meta.dirname, "../../../samples/library");
	const harness = createHarness({ artifacts });
	const notes = await runSkill(research, { topic: "crash-safe task queues", angle: "durability", folder }, harness);
	const written = await runSkill(writing, {}, createHarness({ artifacts, previous: [notes] }));
	const { text, said } = await edit(undefined, {}, [written]);
	for (const { statement, marker } of (written as unknown as WritingOutput).citations) {
		assert.ok(text.includes(`${statement} [[${marker}]](#source-${marker})`));
		assert.ok(text.includes(`  > ${statement}`));
	}
	assert.match(said, /# Style report/);
});

test("without an article the task fails for good and says what to do", async () => {
	const error = await failure(edit(undefined));
	assert.deepEqual([error.code, error.retryable], ["E_SKILL_FAILED", false]);
	assert.match(error.hint ?? "", /writing task/);
});

test("half a mebibyte on a single line is edited within bounds", async () => {
	const { readability } = await edit("word ".repeat(100_000));
	assert.equal(readability.words, 100_000);
});

test("an article beyond the limit is refused", async () => {
	const article = await artifacts.put("article.md", "word ".repeat(200_000), "text/markdown");
	assert.equal((await failure(edit(undefined, { article }))).code, "E_INPUT_TOO_LARGE");
});

test("a cancel ends the editing with its own reason", async () => {
	const harness = createHarness({ artifacts });
	harness.abort(new MusterError("E_CANCELLED", "stop"));
	const run = runSkill(editing, { article: "One.\n\nTwo.\n" }, harness);
	assert.equal((await failure(run)).code, "E_CANCELLED");
});
