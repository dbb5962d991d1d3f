/**
 * The `editing` task: readability, findings of style, and the corrections a machine may make without changing a meaning.
 *
 * It never changes code, links, citation markers, quotations or the list of sources. In a paragraph that carries a
 * citation the words are somebody else's, so there it corrects spacing alone and lists the rest as suggestions.
 */
import { z } from "zod";
import { MusterError, TerminalError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type ArtifactRef, defineSkill, isArtifactRef, type SkillContext } from "../skill.ts";
import { type Correction, classify, type Line, tidy } from "./markdown-lines.ts";
import { type Counts, checkParagraph, type Finding, readingEase, STYLES, type Style } from "./prose-check.ts";
import { artifactSchema } from "./research.ts";
import { styleReport } from "./style-report.ts";

const MAX_CHARACTERS = 512 * 1024;
/** Corrections and suggestions listed in the output; the report says how many there were. */
const MAX_LISTED = 200;

const editingInput = z.strictObject({
	article: z
		.union([artifactSchema, z.string().max(MAX_CHARACTERS)])
		.optional()
		.describe("Markdown, or a reference to it. Default: the article of the task before this one."),
	style: z
		.enum(["professional", "plain"])
		.default("professional")
		.describe("`plain` asks for shorter sentences and simpler words."),
});
export type EditingInput = z.infer<typeof editingInput>;

const correctionSchema = z.object({ rule: z.string(), line: z.int(), before: z.string(), after: z.string() });
const suggestionSchema = z.object({
	rule: z.string(),
	/** Line in the edited article. */
	line: z.int(),
	text: z.string(),
	message: z.string(),
	replacement: z.string().nullable(),
	/** Why it was not applied. */
	kept: z.enum(["quotation", "needs a person"]),
});

export const editingOutput = z.object({
	article: artifactSchema.describe("The corrected article as Markdown."),
	report: artifactSchema.describe("What was changed and what is left to a person, as Markdown."),
	style: z.enum(["professional", "plain"]).describe("As it was given."),
	readability: z
		.object({
			words: z.int(),
			sentences: z.int(),
			averageSentenceWords: z.number(),
			/** Flesch reading ease, 0 (hard) to 100 (easy); null without prose. */
			fleschReadingEase: z.number().nullable(),
		})
		.describe("Words, sentences, and the Flesch reading ease from 0 (hard) to 100 (easy), null without prose."),
	applied: z.array(correctionSchema).describe("The corrections that were made, the first ones."),
	suggestions: z.array(suggestionSchema).describe("What was left to a person, the first ones."),
	appliedCount: z.int().describe("How many corrections were made."),
	suggestionCount: z.int().describe("How many were left to a person."),
	score: z.number().describe("How good the style is, from 0 to 1."),
});
export type EditingOutput = z.infer<typeof editingOutput>;
export type Suggestion = z.infer<typeof suggestionSchema>;

export const editing = defineSkill<EditingInput, EditingOutput>({
	name: "editing",
	description: "Corrects the spacing and plain slips of a Markdown article and reports its readability and style.",
	input: editingInput as z.ZodType<EditingInput>,
	output: editingOutput as z.ZodType<EditingOutput>,
	pool: "research",
	thread: import.meta.url,
	async run(input, context) {
		const given = await articleOf(input, context);
		const tidied = tidy(classify(given.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n")));
		const checked = await check(tidied.lines, input.style, context);
		const applied = [...tidied.applied, ...checked.applied].sort((a, b) => a.line - b.line);
		const edited = `${tidied.lines.map((line) => line.text).join("\n")}\n`;
		const { counts, suggestions } = checked;
		const readability = {
			words: counts.words,
			sentences: counts.sentences,
			averageSentenceWords: counts.sentences === 0 ? 0 : Math.round((counts.words / counts.sentences) * 10) / 10,
			fleschReadingEase: readingEase(counts),
		};
		const score = scoreOf(input.style, readability.fleschReadingEase, counts.words, suggestions);
		const report = styleReport({ style: input.style, readability, applied, suggestions, score });
		context.progress(1, `${applied.length} corrections, ${suggestions.length} suggestions`);
		return {
			article: await context.artifacts.put("article.md", edited, "text/markdown"),
			report: await context.artifacts.put("style-report.md", report, "text/markdown"),
			style: input.style,
			readability,
			applied: applied.slice(0, MAX_LISTED),
			suggestions: suggestions.slice(0, MAX_LISTED),
			appliedCount: applied.length,
			suggestionCount: suggestions.length,
			score,
		};
	},
});

async function articleOf(input: EditingInput, { artifacts, previous }: SkillContext): Promise<string> {
	const found = input.article ?? previous.map(articleIn).find((article) => article !== undefined);
	if (found === undefined) {
		throw new TerminalError("There is no article to edit", {
			hint: "Let the editing task depend on a writing task, or give it an article: Markdown or a reference to it.",
		});
	}
	if (typeof found !== "string" && found.size > MAX_CHARACTERS * 4) return tooLarge();
	const text = typeof found === "string" ? found : await artifacts.text(found);
	if (text.length > MAX_CHARACTERS) return tooLarge();
	if (text.trim() === "") throw new TerminalError("The article to edit is empty");
	return text;
}

/** An `article` in a task's output, also inside a list or an output that wraps it. */
function articleIn(output: Json): ArtifactRef | undefined {
	if (output === null || typeof output !== "object") return undefined;
	if (isArtifactRef(output)) return output.mediaType === "text/markdown" ? output : undefined;
	const members = Array.isArray(output) ? output.slice(0, 50) : [output.article ?? null, output.output ?? null];
	return members.map(articleIn).find((article) => article !== undefined);
}

function tooLarge(): never {
	throw new MusterError("E_INPUT_TOO_LARGE", `The article is longer than ${MAX_CHARACTERS} characters`, {
		hint: "Give the chapters one by one.",
	});
}

interface Checked {
	counts: Counts;
	applied: Correction[];
	suggestions: Suggestion[];
}

/** Goes through the prose paragraph by paragraph and changes `lines` where a correction is safe. */
async function check(lines: Line[], style: Style, { signal, progress }: SkillContext): Promise<Checked> {
	const total: Checked = { counts: { words: 0, sentences: 0, syllables: 0 }, applied: [], suggestions: [] };
	for (let from = 0; from < lines.length; from++) {
		if (lines[from]?.kind !== "prose") continue;
		let to = from;
		while (lines[to]?.kind === "prose") to++;
		const { counts, findings } = checkParagraph(lines.slice(from, to), from, style);
		total.counts.words += counts.words;
		total.counts.sentences += counts.sentences;
		total.counts.syllables += counts.syllables;
		// From the end, so that a change does not move what is still to be changed.
		const open: Suggestion[] = [];
		for (const finding of findings.sort((a, b) => b.index - a.index || b.start - a.start)) {
			const suggestion = apply(finding, lines, total.applied);
			if (suggestion !== undefined) open.push(suggestion);
		}
		total.suggestions.push(...open.reverse());
		from = to;
		progress((0.9 * to) / lines.length);
		await new Promise(setImmediate); // lets a cancel in
		signal.throwIfAborted();
	}
	return total;
}

/** Corrects the line, or returns what is left for a person. */
function apply(finding: Finding, lines: Line[], applied: Correction[]): Suggestion | undefined {
	const { rule, index, start, end, text, message, replacement } = finding;
	const line = lines[index];
	if (line === undefined) return undefined;
	const mechanical = (rule === "repeated-word" || rule === "a-an") && replacement !== null && end !== -1;
	if (mechanical && !line.cited && line.text.slice(start, end) === text) {
		line.text = line.text.slice(0, start) + replacement + line.text.slice(end);
		applied.push({ rule, line: line.given, before: text, after: replacement });
		return undefined;
	}
	const kept = line.cited ? "quotation" : "needs a person";
	return { rule, line: index + 1, text, message, replacement, kept };
}

const WEIGHTS: Record<string, number> = { "repeated-word": 1, "a-an": 1, "long-sentence": 0.5 };
const LIGHT = 0.25;
/** Weighted suggestions in a hundred words from which nothing of the second half of the score is left. */
const UNTIDY = 5;

/**
 * Half readability, half tidiness. Readability rises linearly with Flesch reading ease between the two bounds of the
 * style (professional 0 to 50, plain 30 to 70). Tidiness falls from 1 to 0 as the open suggestions in a hundred words go from
 * none to five, where a repeated word or a wrong article counts 1, a long sentence 1/2, anything else 1/4.
 */
export function scoreOf(
	style: Style,
	ease: number | null,
	words: number,
	suggestions: readonly { rule: string }[],
): number {
	if (ease === null || words === 0) return 0;
	const { hardest, easiest } = STYLES[style];
	const readability = Math.min(1, Math.max(0, (ease - hardest) / (easiest - hardest)));
	const weight = suggestions.reduce((sum, { rule }) => sum + (WEIGHTS[rule] ?? LIGHT), 0);
	const tidiness = Math.max(0, 1 - (100 * weight) / words / UNTIDY);
	return Math.round((readability + tidiness) * 50) / 100;
}
