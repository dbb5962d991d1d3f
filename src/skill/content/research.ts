/**
 * The `research` task: reads documents and finds the passages that speak of a topic. No model: it quotes, word for word,
 * and says where each quote stands in a text that is stored with it.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { z } from "zod";
import { hasCode, MusterError } from "../../errors.ts";
import { defineSkill, type SkillContext } from "../skill.ts";
import { documentsIn, LIMITS, type Place, readDocument, type Unreadable } from "./documents.ts";
import { createPassageIndex, type Found, type PassageIndex } from "./passage-index.ts";
import { type Reading, readBlocks } from "./passages.ts";

/** Passages indexed in one task; a bound on memory. Documents beyond it are listed as unreadable. */
const MAX_PASSAGES = 50_000;
/** Entries of `unreadable` that are listed; the rest are counted in the last one. */
const MAX_UNREADABLE = 200;

export const artifactSchema = z
	.object({
		ref: z.string().regex(/^sha256:[0-9a-f]{64}$/),
		size: z.number(),
		mediaType: z.string(),
		name: z.string(),
	})
	.meta({ title: "artifact" });
const place = { path: z.string().optional(), url: z.string().optional() };

export const noteSchema = z.object({
	/** Made from the quote's place: the same passage has the same id in every research. */
	id: z.string(),
	quote: z.string(),
	source: z.object({
		id: z.string(),
		title: z.string(),
		...place,
		/** Offsets in characters (UTF-16) of the source's stored text: `text.slice(start, end) === quote`. */
		start: z.int(),
		end: z.int(),
		/** Line of the original file where the paragraph begins, for Markdown and plain text. */
		line: z.int().optional(),
	}),
	score: z.number(),
	heading: z.string().nullable(),
});

export const researchOutput = z.object({
	topic: z.string().describe("As it was given."),
	angle: z.string().nullable().describe("As it was given, or null."),
	notes: z.array(noteSchema).describe("The quotations, the best first, each word for word and with its place."),
	sources: z
		.array(z.object({ id: z.string(), title: z.string(), ...place, text: artifactSchema }))
		.describe("The sources of the notes, with the reading text the offsets count in."),
	documentsRead: z.int().describe("How many documents could be read."),
	passages: z.int().describe("How many passages were compared."),
	unreadable: z.array(z.object({ ...place, reason: z.string() })).describe("What could not be read, and why."),
	summary: z.string().describe("The result in a sentence, also when nothing was found."),
});

export type Note = z.infer<typeof noteSchema>;
export type ResearchOutput = z.infer<typeof researchOutput>;

const researchInput = z.strictObject({
	topic: z.string().trim().min(1).max(500).describe("What to look for."),
	angle: z
		.string()
		.trim()
		.min(1)
		.max(500)
		.optional()
		.describe("One side of the topic: passages that speak of it too go first."),
	folder: z.string().min(1).max(4_096).optional().describe("Folder whose documents are read, with those below it."),
	files: z.array(z.string().min(1).max(4_096)).max(LIMITS.files).optional().describe("Documents to read."),
	urls: z.array(z.string().min(1).max(8_192)).max(100).optional().describe("Web pages to read."),
	maxNotes: z.int().min(1).max(40).default(8).describe("Most quotations."),
});
export type ResearchInput = z.infer<typeof researchInput>;

export const research = defineSkill<ResearchInput, ResearchOutput>({
	name: "research",
	description: "Reads documents and web pages and quotes the passages that speak of a topic, each with its place.",
	input: researchInput as z.ZodType<ResearchInput>,
	output: researchOutput as z.ZodType<ResearchOutput>,
	pool: "research",
	thread: import.meta.url,
	async run(input, context) {
		const { places, unreadable } = await placesOf(input, context.signal);
		const read = await readAll(places, unreadable, context);
		if (read.sources.length === 0) throw read.failure ?? noneReadable(unreadable);
		context.progress(0.9, `searching ${read.index.size} passages`);
		const found = read.index.find(input.topic, input.angle ?? null, input.maxNotes);
		const output = await citing(found, read.sources, context);
		const summary = summarise(input, output.notes, read.sources.length, read.index.size);
		context.log.info(summary);
		context.progress(1, summary);
		return {
			topic: input.topic,
			angle: input.angle ?? null,
			...output,
			documentsRead: read.sources.length,
			passages: read.index.size,
			unreadable: shortened(unreadable),
			summary,
		};
	},
});

async function placesOf(
	input: ResearchInput,
	signal: AbortSignal,
): Promise<{ places: Place[]; unreadable: Unreadable[] }> {
	const inFolder = input.folder === undefined ? undefined : await documentsIn(input.folder, signal);
	const paths = new Set([...(inFolder?.places ?? []).map((place) => place.path ?? ""), ...(input.files ?? [])]);
	const places: Place[] = [...paths].map((path) => ({ path }));
	for (const url of new Set(input.urls)) places.push({ url });
	if (places.length === 0) {
		throw new MusterError("E_INPUT_INVALID", "The research has no source to read", {
			hint: 'Give at least one of folder, files or urls, for example {"topic": "...", "folder": "samples/library"}.',
		});
	}
	return { places, unreadable: inFolder?.unreadable ?? [] };
}

interface Source extends Place {
	title: string;
	reading: Reading;
}
interface Library {
	sources: Source[];
	index: PassageIndex;
	/** The first failure that may pass: with nothing else read, a later attempt can help. */
	failure?: MusterError;
}

async function readAll(places: readonly Place[], unreadable: Unreadable[], context: SkillContext): Promise<Library> {
	const library: Library = { sources: [], index: createPassageIndex() };
	let bytesLeft = LIMITS.totalBytes;
	for (const [position, place] of places.entries()) {
		context.signal.throwIfAborted();
		const shown = place.path ?? place.url ?? "";
		context.progress((0.9 * position) / places.length, `reading ${shown}`);
		if (bytesLeft <= 0 || library.index.size >= MAX_PASSAGES) {
			unreadable.push({ ...place, reason: "was not read: the limit of one research is reached" });
			continue;
		}
		try {
			const { document, bytes } = await readDocument(place, context.signal);
			bytesLeft -= bytes;
			addDocument(library, { ...place, title: document.title }, readBlocks(document.blocks), unreadable);
		} catch (error) {
			context.signal.throwIfAborted();
			if (!hasCode(error)) throw error;
			if (error.retryable) library.failure ??= error;
			unreadable.push({ ...place, reason: error.message });
		}
	}
	return library;
}

function addDocument(
	library: Library,
	from: Place & { title: string },
	reading: Reading,
	unreadable: Unreadable[],
): void {
	const { title: name, ...place } = from;
	if (reading.text === "") {
		unreadable.push({ ...place, reason: "holds no text" });
		return;
	}
	const title = (reading.title ?? name) || (place.url ?? basename(place.path ?? "document"));
	const number = library.sources.push({ ...place, title: title.slice(0, 300), reading }) - 1;
	for (const passage of reading.passages) {
		if (library.index.size >= MAX_PASSAGES) break;
		library.index.add(passage, number, title);
	}
}

/** The notes, and the texts they were taken from, which become artifacts. */
async function citing(
	found: readonly Found[],
	library: readonly Source[],
	{ artifacts, signal }: SkillContext,
): Promise<Pick<ResearchOutput, "notes" | "sources">> {
	const sources = new Map<number, ResearchOutput["sources"][number]>();
	const notes: Note[] = [];
	for (const { passage, source: number, score } of found) {
		signal.throwIfAborted();
		const { title, reading, ...place } = library[number] as Source;
		let source = sources.get(number);
		if (source === undefined) {
			const text = await artifacts.put(
				`${slug(place.path ?? place.url ?? title)}.source.md`,
				reading.text,
				"text/markdown",
			);
			source = { id: `src_${digest(`${text.ref} ${place.path ?? place.url}`)}`, title, ...place, text };
			sources.set(number, source);
		}
		const { start, end, heading } = passage;
		const line = passage.line === null ? {} : { line: passage.line };
		notes.push({
			id: `note_${digest(`${source.id} ${start} ${end}`)}`,
			quote: passage.text,
			source: { id: source.id, title, ...place, start, end, ...line },
			score: Math.round(score * 1_000) / 1_000,
			heading,
		});
	}
	return { notes, sources: [...sources.values()] };
}

function summarise(input: ResearchInput, notes: readonly Note[], documents: number, passages: number): string {
	const matter = input.angle === undefined ? `"${input.topic}"` : `"${input.topic}" from the angle "${input.angle}"`;
	const read = `${documents} document${documents === 1 ? "" : "s"} (${passages} passages)`;
	if (notes.length === 0) return `Nothing about ${matter} was found in ${read}.`;
	const sources = new Set(notes.map((note) => note.source.id)).size;
	return `${notes.length} note${notes.length === 1 ? "" : "s"} from ${sources} of ${read} about ${matter}.`;
}

function noneReadable(unreadable: readonly Unreadable[]): MusterError {
	const [first] = unreadable;
	const all = unreadable.length === 1 ? "The only source" : `None of the ${unreadable.length} sources`;
	return new MusterError(
		"E_FILE_UNREADABLE",
		`${all} could be read; ${first?.path ?? first?.url}: ${first?.reason}`.replace("source could", "source could not"),
		{ details: { unreadable: shortened(unreadable) } },
	);
}

function shortened(unreadable: readonly Unreadable[]): Unreadable[] {
	if (unreadable.length <= MAX_UNREADABLE) return [...unreadable];
	const listed = unreadable.slice(0, MAX_UNREADABLE - 1);
	return [...listed, { reason: `and ${unreadable.length - listed.length} more that are not listed` }];
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);

function slug(text: string): string {
	const name = text.replace(/^https?:\/\//, "").replace(/\.(md|markdown|txt|html?)$/i, "");
	const last =
		name
			.split(/[\\/]/)
			.filter((part) => part !== "")
			.at(-1) ?? "";
	return (
		last
			.toLowerCase()
			.replace(/[^a-z0-9]+/g, "-")
			.replace(/^-+|-+$/g, "")
			.slice(0, 60) || "source"
	);
}
