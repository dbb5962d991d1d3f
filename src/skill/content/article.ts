/**
 * Composes an article from notes, without a model: it chooses, orders and labels quotations, and writes nothing about
 * the subject itself. Pure.
 *
 * Invariants: a statement is a slice of its source's text; no sentence is used twice; a statement does not begin
 * with a sentence that leans on one left out, unless the note itself did.
 */
import { stem } from "./passage-index.ts";
import { countWords, isDangling, sentencesOf } from "./passages.ts";
import type { Note } from "./research.ts";

export interface Statement {
	text: string;
	words: number;
	note: Note;
	/** Offsets in the source's text, inside those of the note. */
	start: number;
	end: number;
}

/** Quotations that stand together: one source, one heading. */
export interface Paragraph {
	label: string;
	statements: Statement[];
}

export interface Section {
	heading: string;
	paragraphs: Paragraph[];
}

export interface Composition {
	introduction: Statement[];
	sections: Section[];
	words: number;
}

/** The notes of one research, under the name its section may get. */
export interface NoteGroup {
	name: string;
	notes: readonly Note[];
}

const INTRODUCTION_SHARE = 0.2;
const INTRODUCTION_LEAST = 60;
/** Sections beyond this many are gathered in a last one. */
const MAX_SECTIONS = 8;
const FURTHER = "Further notes";

/**
 * Chooses about `words` words: an introduction, then sections filled in turn, each with its best notes first.
 * @param avoid sentences that hold one of these texts are left out
 */
export function compose(
	topic: string,
	groups: readonly NoteGroup[],
	words: number,
	avoid: readonly string[] = [],
): Composition {
	const used = avoidedSentences(groups, avoid);
	const piles = sectionPiles(groups);
	let total = 0;
	const take = (note: Note): Statement | null => {
		const statement = freshPart(note, used);
		if (statement === null) return null;
		for (const sentence of sentencesOf(statement.text)) used.add(normalised(sentence.text));
		total += statement.words;
		return statement;
	};
	const introduction: Statement[] = [];
	const introductionWords = Math.max(INTRODUCTION_LEAST, words * INTRODUCTION_SHARE);
	for (const note of openers(topic, piles)) {
		if (introduction.length > 0 && total + countWords(note.quote) > introductionWords) break;
		const statement = take(note);
		if (statement !== null) introduction.push(statement);
		for (const pile of piles) pile.notes = pile.notes.filter((other) => other.id !== note.id);
	}
	const chosen = piles.map((): Statement[] => []);
	let open = true;
	while (open && total < words) {
		open = false;
		for (const [number, pile] of piles.entries()) {
			const note = total < words ? pile.notes.shift() : undefined;
			if (note === undefined) continue;
			open = true;
			const statement = take(note);
			if (statement !== null) chosen[number]?.push(statement);
		}
	}
	const bySource = groupCount(groups) === 1;
	const sections = piles.map((pile, number) =>
		arrange(pile.name, chosen[number] ?? [], bySource && pile.name !== FURTHER),
	);
	return { introduction, sections: sections.filter((section) => section.paragraphs.length > 0), words: total };
}

/** A text that ends with dots is the beginning of a sentence. */
function avoidedSentences(groups: readonly NoteGroup[], avoid: readonly string[]): Set<string> {
	const texts = [...new Set(avoid.map((text) => normalised(text.replace(/(\.\.\.|…)$/, ""))))].filter(
		(text) => text !== "",
	);
	const avoided = new Set<string>();
	if (texts.length === 0) return avoided;
	for (const { quote } of groups.flatMap(({ notes }) => notes)) {
		for (const { text } of sentencesOf(quote)) {
			const sentence = normalised(text);
			if (texts.some((wanted) => ` ${sentence} `.includes(` ${wanted} `) || sentence.startsWith(wanted)))
				avoided.add(sentence);
		}
	}
	return avoided;
}

interface Pile {
	name: string;
	notes: Note[];
}

const groupCount = (groups: readonly NoteGroup[]): number => new Set(groups.map((group) => group.name)).size;

/** One pile for each group; with a single group, one for each source. A note goes where it ranks best. */
function sectionPiles(groups: readonly NoteGroup[]): Pile[] {
	const single = groupCount(groups) === 1;
	const piles = new Map<string, Pile>();
	const placed = new Map<string, { pile: string; rank: number; note: Note }>();
	for (const group of groups) {
		const notes = [...group.notes].sort((a, b) => merit(b) - merit(a));
		for (const [rank, note] of notes.entries()) {
			const pile = single ? note.source.title : group.name;
			if (!piles.has(pile)) piles.set(pile, { name: pile, notes: [] });
			const before = placed.get(note.id);
			if (before === undefined || rank < before.rank) placed.set(note.id, { pile, rank, note });
		}
	}
	for (const { pile, note } of [...placed.values()].sort((a, b) => a.rank - b.rank)) piles.get(pile)?.notes.push(note);
	const filled = [...piles.values()].filter((pile) => pile.notes.length > 0);
	if (filled.length <= MAX_SECTIONS) return filled;
	const rest = filled.slice(MAX_SECTIONS - 1).flatMap((pile) => pile.notes);
	return [...filled.slice(0, MAX_SECTIONS - 1), { name: FURTHER, notes: rest.sort((a, b) => merit(b) - merit(a)) }];
}

/** A section reads better when it says early what its things are. */
const merit = (note: Note): number => note.score + (isDefinition(note.quote) ? 0.15 : 0);

/** The longest run of sentences not used yet; null when nothing is left that can stand alone. */
function freshPart(note: Note, used: ReadonlySet<string>): Statement | null {
	const sentences = sentencesOf(note.quote);
	let best: [number, number] = [0, 0];
	for (let from = 0; from < sentences.length; from++) {
		if (from > 0 && isDangling(sentences[from]?.text ?? "")) continue;
		let to = from;
		while (to < sentences.length && !used.has(normalised(sentences[to]?.text ?? ""))) to++;
		if (to - from > best[1] - best[0]) best = [from, to];
	}
	const [first, last] = [sentences[best[0]], sentences[best[1] - 1]];
	if (first === undefined || last === undefined) return null;
	const text = note.quote.slice(first.start, last.end);
	const start = note.source.start + first.start;
	return { text, words: countWords(text), note, start, end: start + text.length };
}

/** Two sentences are the same when their words are. */
export const normalised = (sentence: string): string =>
	sentence
		.toLowerCase()
		.normalize("NFKC")
		.replace(/[^\p{L}\p{N}]+/gu, " ")
		.trim();

const DEFINITION = /^(?:(?:An?|The)\s)?(?:[\p{L}\p{N}-]+\s){1,6}(?:is|are|means)\s(?:an?|the|one|work|when|called)\b/u;

export const isDefinition = (text: string): boolean => DEFINITION.test(text);

/** Notes fit to begin the article: about the topic itself, from different sources, best first; at most two. */
function openers(topic: string, piles: readonly Pile[]): Note[] {
	const wanted = new Set(stems(topic));
	const rated = piles
		.filter((pile) => pile.notes.length > 1)
		.flatMap((pile) => pile.notes)
		.map((note) => {
			const subject = stems(note.quote.split(/\s+/).slice(0, 8).join(" "));
			const share = subject.filter((found) => wanted.has(found)).length / Math.max(1, wanted.size);
			const fit = 2 * share + (isDefinition(note.quote) ? 0.6 : 0) + (note.heading === null ? 0.3 : 0) + note.score / 2;
			return { note, fit: share === 0 || isDangling(note.quote) ? 0 : fit };
		})
		.sort((a, b) => b.fit - a.fit);
	const first = rated[0];
	if (first === undefined || first.fit < 1) return [];
	const second = rated.find(({ note, fit }) => note.source.id !== first.note.source.id && fit >= 1);
	return second === undefined ? [first.note] : [first.note, second.note];
}

const stems = (text: string): string[] =>
	(text.match(/[\p{L}\p{N}]+/gu) ?? []).map(stem).filter((found) => found !== null);

/** Paragraphs in reading order: what a thing is first, then by weight; inside a source as it stands there. */
function arrange(name: string, statements: readonly Statement[], bySource: boolean): Section {
	const sources = new Map<string, Statement[]>();
	for (const statement of statements) {
		const list = sources.get(statement.note.source.id) ?? [];
		list.push(statement);
		sources.set(statement.note.source.id, list);
	}
	const ordered = [...sources.values()].map((list) => list.sort((a, b) => a.start - b.start));
	const weight = (list: readonly Statement[]) =>
		Math.max(...list.map(({ note }) => note.score)) + (list.some(({ text }) => isDefinition(text)) ? 1 : 0);
	ordered.sort((a, b) => weight(b) - weight(a));
	const paragraphs: Paragraph[] = [];
	for (const list of ordered) {
		let before: string | null | undefined;
		for (const statement of list) {
			const { heading, source } = statement.note;
			const last = paragraphs.at(-1);
			if (before !== undefined && before === heading) last?.statements.push(statement);
			else {
				const label = labelOf(source.title, heading, bySource, before !== undefined);
				paragraphs.push({ label: opensWith(statement.text, label) ? "" : label, statements: [statement] });
			}
			before = heading;
		}
	}
	return { heading: name, paragraphs };
}

/** Says what a paragraph's quotations are about in the words of their own title and heading. */
function labelOf(title: string, heading: string | null, bySource: boolean, continued: boolean): string {
	if (bySource || continued) return heading ?? "";
	return heading === null ? title : `${title}: ${lowerFirst(heading)}`;
}

/** "Group commit. Group commit is ..." says its subject once too often. */
function opensWith(text: string, label: string): boolean {
	return normalised(text)
		.replace(/^(an?|the) /, "")
		.startsWith(normalised(label).replace(/s$/, ""));
}

const lowerFirst = (text: string): string =>
	/^\p{Lu}\p{Ll}/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
