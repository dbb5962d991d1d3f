/**
 * The `writing` task: an article assembled from research notes. Extractive and deterministic: without a model it can
 * choose, order and cite, and it says so at the top of what it writes.
 */
import { z } from "zod";
import { MusterError, TerminalError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type ArtifactRef, defineSkill, isArtifactRef, type SkillContext } from "../skill.ts";
import { compose, type NoteGroup, type Statement } from "./article.ts";
import { renderArticle } from "./article-markdown.ts";
import { artifactSchema, type Note, type ResearchOutput, researchOutput } from "./research.ts";

const MAX_RESEARCHES = 50;
const MAX_NOTES = 2_000;
const MAX_NESTING = 5;
const MAX_AVOIDED = 2_000;
/** An article this close to the words asked for is not short. */
const CLOSE_ENOUGH = 0.85;

const writingInput = z.strictObject({
	topic: z.string().trim().min(1).max(500).optional().describe("What it is about. Default: the topic of the research."),
	notes: z
		.json()
		.optional()
		.describe(
			"The output of a research task, a reference to one, or a list of either. Default: what the tasks before this one found.",
		),
	title: z.string().trim().min(1).max(300).optional().describe("Default: made from the topic."),
	words: z.int().min(150).max(5_000).default(600).describe("About how many words."),
	content: z.enum(["blog_post", "article", "report"]).default("article").describe("What kind of text."),
	avoid: z
		.array(z.string().max(2_000))
		.max(MAX_AVOIDED)
		.default([])
		.describe(
			"Texts that a reader stumbled over, for example those of an edit's suggestions: sentences with them are not quoted.",
		),
});
export type WritingInput = z.infer<typeof writingInput>;

export const writingOutput = z.object({
	mode: z.literal("extractive").describe("It quotes; no model wrote it."),
	title: z.string().describe("Its title."),
	words: z.int().describe("Words of the quotations in introduction and sections."),
	sections: z.array(z.string()).describe("Titles of its sections."),
	article: artifactSchema.describe("The article as Markdown."),
	shortfall: z.string().nullable().describe("Why the article is shorter than asked, or null."),
	avoided: z.array(z.string()).describe("What it was told to avoid, so that a further round can add to it."),
	citations: z
		.array(
			z.object({
				marker: z.int(),
				/** One to three sentences, word for word: `text.slice(start, end)` of the source's stored text. */
				statement: z.string(),
				note: z.string(),
				source: z.object({
					id: z.string(),
					title: z.string(),
					path: z.string().optional(),
					url: z.string().optional(),
					start: z.int(),
					end: z.int(),
					text: artifactSchema,
				}),
			}),
		)
		.describe("Each quotation with its marker, its note and its place in the source."),
});
export type WritingOutput = z.infer<typeof writingOutput>;

export const writing = defineSkill<WritingInput, WritingOutput>({
	name: "writing",
	description: "Assembles an article from the quotations of research notes, each with its source; uses no model.",
	input: writingInput as z.ZodType<WritingInput>,
	output: writingOutput as z.ZodType<WritingOutput>,
	pool: "research",
	async run(input, context) {
		const researches = await researchesOf(input, context);
		const { groups, texts, refused } = await verified(researches, context);
		const notesGiven = new Set(groups.flatMap((group) => group.notes.map((note) => note.id))).size;
		if (notesGiven === 0) throw nothingToWrite(researches, refused);
		const topic = input.topic ?? researches[0]?.topic ?? "Notes";
		context.progress(0.5, `composing from ${notesGiven} notes`);
		const composition = compose(topic, groups, input.words, input.avoid);
		const shortfall = shortfallOf(composition.words, input.words, notesGiven, refused);
		const title = input.title ?? titleOf(topic, groups);
		const documentsRead = Math.max(...researches.map((research) => research.documentsRead));
		const { markdown, cited, sections } = renderArticle(composition, {
			title,
			form: input.content,
			shortfall,
			documentsRead,
			notesGiven,
		});
		const article = await context.artifacts.put("article.md", markdown, "text/markdown");
		context.progress(1, `${composition.words} words in ${sections.length} sections`);
		const citations = cited.map((statement, index) => citation(statement, index + 1, texts));
		return {
			mode: "extractive",
			title,
			words: composition.words,
			sections,
			article,
			shortfall,
			avoided: [...new Set(input.avoid)],
			citations,
		};
	},
});

/** The research outputs in the input, or in what the tasks before this one returned. */
async function researchesOf(input: WritingInput, context: SkillContext): Promise<ResearchOutput[]> {
	const found: ResearchOutput[] = [];
	const look = async (value: Json, depth: number): Promise<void> => {
		context.signal.throwIfAborted();
		if (value === null || typeof value !== "object" || depth > MAX_NESTING || found.length >= MAX_RESEARCHES) return;
		if (Array.isArray(value)) {
			for (const item of value.slice(0, MAX_RESEARCHES)) await look(item, depth + 1);
			return;
		}
		if (isArtifactRef(value)) {
			if (/\bjson\b/.test(value.mediaType)) await look(await context.artifacts.json(value), depth + 1);
			return;
		}
		const research = researchOutput.safeParse(value);
		if (research.success) found.push(research.data);
		else for (const member of [value.results, value.output, value.notes]) await look(member ?? null, depth + 1);
	};
	if (input.notes !== undefined) {
		await look(input.notes, 0);
		if (found.length > 0) return found;
		throw new MusterError("E_INPUT_INVALID", "notes holds no output of a research task", {
			hint: "Give the output of a research task, a list of them, or a reference to one stored as JSON.",
		});
	}
	for (const output of context.previous) await look(output, 0);
	if (found.length === 0) for (const child of context.children) await look(child.output ?? null, 0);
	return found;
}

interface Verified {
	groups: NoteGroup[];
	texts: Map<string, ArtifactRef>;
	refused: number;
}

/** Only notes that stand in their source, character for character, are written from. */
async function verified(researches: readonly ResearchOutput[], context: SkillContext): Promise<Verified> {
	const texts = new Map<string, ArtifactRef>();
	const groups: NoteGroup[] = [];
	let refused = 0;
	let left = MAX_NOTES;
	for (const research of researches) {
		const contents = new Map<string, string>();
		for (const { id, text } of research.sources) {
			context.signal.throwIfAborted();
			texts.set(id, text);
			contents.set(id, await context.artifacts.text(text));
		}
		const stands = ({ quote, source }: Note) => contents.get(source.id)?.slice(source.start, source.end) === quote;
		const notes = research.notes.slice(0, left).filter(stands);
		refused += research.notes.length - notes.length;
		left -= notes.length;
		groups.push({ name: research.angle ?? research.topic, notes });
	}
	if (refused > 0) context.log.warn(`${refused} notes do not stand in their sources and are left out`);
	return { groups, texts, refused };
}

function nothingToWrite(researches: readonly ResearchOutput[], refused: number): TerminalError {
	if (researches.length === 0) {
		return new TerminalError("There are no notes to write from", {
			hint: "Let the writing task depend on a research task, or give it research output as notes.",
		});
	}
	const why =
		refused > 0 ? `${refused} notes do not stand in their sources.` : researches.map((r) => r.summary).join(" ");
	return new TerminalError(`The research left nothing to write from. ${why}`, {
		hint: "Give the research other documents, a wider topic or another angle.",
	});
}

function shortfallOf(words: number, asked: number, notes: number, refused: number): string | null {
	if (words >= asked * CLOSE_ENOUGH) return null;
	const left = refused === 0 ? "" : `, after ${refused} that do not stand in their sources were left out`;
	return `Shorter than asked: ${words} of ${asked} words, because the ${notes} notes at hand${left} give no more.`;
}

function titleOf(topic: string, groups: readonly NoteGroup[]): string {
	const names = [...new Set(groups.filter((group) => group.notes.length > 0).map((group) => group.name))];
	const title = topic.charAt(0).toUpperCase() + topic.slice(1);
	if (names.length < 2 || names.length > 4) return title;
	return `${title}: ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function citation(
	{ text, note, start, end }: Statement,
	marker: number,
	texts: ReadonlyMap<string, ArtifactRef>,
): WritingOutput["citations"][number] {
	const stored = texts.get(note.source.id);
	if (stored === undefined) throw new MusterError("E_INTERNAL", `no text is stored for ${note.source.id}`);
	const { line: _, ...source } = note.source;
	return { marker, statement: text, note: note.id, source: { ...source, start, end, text: stored } };
}
