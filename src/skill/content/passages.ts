/**
 * From a document to the passages that may be quoted: one to three whole consecutive sentences of prose.
 *
 * A document becomes a reading text: one block a paragraph, paragraphs on one line, inline markup removed. Quotes are
 * slices of that text, so the text is what gets stored beside them.
 */
import { type Block, blockText } from "./page-text.ts";

export interface Passage {
	text: string;
	/** Offsets in the reading text: `text === reading.slice(start, end)`. */
	start: number;
	end: number;
	/** The nearest heading above, without the title. */
	heading: string | null;
	/** Line in the file it came from, where known. */
	line: number | null;
	/** Its first sentence leans on something said before it, as "This" or "However" do. */
	dangling: boolean;
	/** The first prose below the title: where a text usually says what its subject is. */
	opening: boolean;
}

export interface Reading {
	title: string | null;
	text: string;
	passages: Passage[];
}

const MAX_SENTENCES = 3;
const SENTENCE_WORDS = { least: 5, most: 60 };

/** Lays the blocks out as one text and cuts the prose into passages. */
export function readBlocks(blocks: readonly Block[]): Reading {
	let text = "";
	let title: string | null = null;
	let heading: string | null = null;
	let opening = true;
	const passages: Passage[] = [];
	for (const block of blocks) {
		if (text !== "") text += "\n\n";
		const start = text.length;
		text += blockText(block);
		if (block.kind === "heading") {
			if (title === null && passages.length === 0) title = block.text;
			else heading = block.text;
		}
		if (block.kind !== "prose") continue;
		for (const cut of cutProse(block.text)) {
			const line = block.line ?? null;
			passages.push({ ...cut, start: start + cut.start, end: start + cut.end, heading, line, opening });
			opening = false;
		}
	}
	return { title, text, passages };
}

/** Words and phrases that point back at a sentence before theirs. */
const DANGLING =
	/^["'(]*(however|this|that|these|those|it|they|he|she|we|its|their|his|her|such|but|and|or|so|thus|therefore|then|hence|also|moreover|furthermore|instead|otherwise|nevertheless|nonetheless|still|meanwhile|yet|both|neither|either|another|here|next|finally|second|secondly|third|thirdly|similarly|likewise|later|conversely|consequently|accordingly|indeed|again|besides|for (example|instance|the same)|in (this|that|these|those|contrast|other words|the same|the second|turn|addition)|on the (other|contrary)|as a (result|consequence)|at (this|that)|because of (this|that)|the (other|others|same|former|latter|second|third|result|price|last|first|danger)|one (remedy|of them)|a (cheaper|better|second|third)|some of (them|these)|most of (them|these)|to do (so|this))\b|^[^,.;:]{0,60}\b(therefore|thus|likewise|as well|then|would be the other)\b/i;

export const isDangling = (sentence: string): boolean => DANGLING.test(sentence);

/** Cuts one paragraph so that as few passages as possible begin with a sentence that leans on the one before. */
function cutProse(prose: string): Pick<Passage, "text" | "start" | "end" | "dangling">[] {
	const cuts: Pick<Passage, "text" | "start" | "end" | "dangling">[] = [];
	let run: Sentence[] = [];
	const close = () => {
		for (const [from, to] of partition(run)) {
			const [first, last] = [run[from], run[to - 1]];
			if (first === undefined || last === undefined) continue;
			const text = prose.slice(first.start, last.end);
			cuts.push({ text, start: first.start, end: last.end, dangling: isDangling(first.text) });
		}
		run = [];
	};
	for (const sentence of sentencesOf(prose)) {
		if (isQuotable(sentence.text)) run.push(sentence);
		else close();
	}
	close();
	return cuts;
}

/** Shortest path over cut points; a mid-paragraph "The ..." may lean too, so it costs a little. */
function partition(run: readonly Sentence[]): [number, number][] {
	const cost: number[] = [0];
	const from: number[] = [0];
	for (let end = 1; end <= run.length; end++) {
		cost[end] = Number.POSITIVE_INFINITY;
		for (let size = 1; size <= Math.min(MAX_SENTENCES, end); size++) {
			const start = end - size;
			const first = run[start]?.text ?? "";
			const lean = start === 0 ? 0 : isDangling(first) ? 10 : /^The\b/.test(first) ? 1 : 0;
			const total = (cost[start] ?? 0) + lean + (size === 1 ? 1.5 : size === 2 ? 0.5 : 0.4);
			if (total < (cost[end] ?? 0)) {
				cost[end] = total;
				from[end] = start;
			}
		}
	}
	const parts: [number, number][] = [];
	for (let end = run.length; end > 0; end = from[end] ?? 0) parts.unshift([from[end] ?? 0, end]);
	return parts;
}

export interface Sentence {
	text: string;
	start: number;
	end: number;
}

const ABBREVIATION =
	/(?:^|[\s("'])(?:[A-Za-z]|e\.g|i\.e|etc|cf|vs|dr|mr|mrs|ms|prof|st|fig|no|vol|pp|approx|inc|ltd|al)\.$/i;
const BREAK = /[.!?]+["'”’)\]]*(?=\s+["'“‘(`]?[\p{Lu}\p{Lo}\p{N}`])|[。！？]/gu;

/** Splits at full stops that end a sentence, not at those of abbreviations, initials or numbers. */
export function sentencesOf(prose: string): Sentence[] {
	const sentences: Sentence[] = [];
	let start = 0;
	const add = (end: number) => {
		while (start < end && /\s/.test(prose[start] ?? "")) start++;
		if (start < end) sentences.push({ text: prose.slice(start, end), start, end });
		start = end;
	};
	for (const match of prose.matchAll(BREAK)) {
		const end = match.index + match[0].length;
		if (match[0] === "." && ABBREVIATION.test(prose.slice(Math.max(start, end - 12), end))) continue;
		add(end);
	}
	add(prose.trimEnd().length);
	return sentences;
}

export const countWords = (text: string): number =>
	text.match(/[\p{L}\p{N}]+(?:['’.,_-][\p{L}\p{N}]+)*/gu)?.length ?? 0;

/** A whole sentence of prose: a capital, an end, words enough, and mostly letters. */
function isQuotable(sentence: string): boolean {
	if (sentence.length > 600 || !/[.!?。！？]["'”’)\]]*$/.test(sentence)) return false;
	if (!/^["'“‘(]?[\p{Lu}\p{Lo}\p{N}`]/u.test(sentence)) return false;
	const words = countWords(sentence);
	if (words < SENTENCE_WORDS.least || words > SENTENCE_WORDS.most) return false;
	const letters = sentence.match(/\p{L}/gu)?.length ?? 0;
	return letters / sentence.length > 0.65;
}
