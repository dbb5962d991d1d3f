/** Checks English prose with retext, sentence by sentence, and counts what readability is computed from. */
import { flesch } from "flesch";
import { toString as textOf } from "nlcst-to-string";
import retextEnglish from "retext-english";
import retextIndefiniteArticle from "retext-indefinite-article";
import retextPassive from "retext-passive";
import retextRepeatedWords from "retext-repeated-words";
import retextSimplify from "retext-simplify";
import { syllable } from "syllable";
import { unified } from "unified";
import { visit } from "unist-util-visit";
import { VFile } from "vfile";
import { type Line, MARKER } from "./markdown-lines.ts";

export type Style = "professional" | "plain";

export interface Finding {
	rule: "repeated-word" | "a-an" | "passive" | "simplify" | "long-sentence" | "contraction";
	/** Index into the lines that were checked. */
	index: number;
	/** Offsets in that line; a finding that crosses a line break has `end` -1. */
	start: number;
	end: number;
	text: string;
	message: string;
	replacement: string | null;
}

export interface Counts {
	words: number;
	sentences: number;
	syllables: number;
}

/** What each style asks for: the longest sentence in words, and the reading ease that earns none and all of the score. */
export const STYLES: Record<Style, { longest: number; hardest: number; easiest: number }> = {
	professional: { longest: 35, hardest: 0, easiest: 50 },
	plain: { longest: 25, hardest: 30, easiest: 70 },
};

/** A paragraph beyond this many characters is counted and not checked: no person reads it, and retext holds it as a tree. */
const MAX_PARAGRAPH = 20_000;

const processor = unified()
	.use(retextEnglish)
	.use(retextRepeatedWords)
	.use(retextIndefiniteArticle)
	.use(retextPassive)
	.use(retextSimplify, { ignore: ["it is", "there is", "there are"] }) // removing these needs another sentence, not a shorter one
	.freeze();

const RULES: Record<string, Finding["rule"]> = {
	"retext-repeated-words": "repeated-word",
	"retext-indefinite-article": "a-an",
	"retext-passive": "passive",
	"retext-simplify": "simplify",
};

/** One paragraph of lines, `first` being the index of its first line. */
export function checkParagraph(
	lines: readonly Line[],
	first: number,
	style: Style,
): { findings: Finding[]; counts: Counts } {
	const source = lines.map(({ text }) => text).join("\n");
	const text = lines.map(({ text }) => masked(text)).join("\n");
	const counts: Counts = { words: 0, sentences: 0, syllables: 0 };
	const findings: Finding[] = [];
	if (text.length > MAX_PARAGRAPH) return { findings, counts: roughCounts(text) };
	const file = new VFile(text);
	const tree = processor.parse(file);
	processor.runSync(tree, file);
	const find = (rule: Finding["rule"], from: number, to: number, message: string, replacement: string | null) => {
		// What touches hidden markup was judged without seeing it.
		if (source.slice(from, to) !== text.slice(from, to) || /^\s*[`[<*_]/.test(source.slice(to, to + 3))) return;
		findings.push({ rule, ...placed(lines, first, from, to), text: source.slice(from, to), message, replacement });
	};
	for (const { source: plugin, place, message, reason, actual, expected } of file.messages) {
		const rule = RULES[plugin ?? ""];
		const [from, to] = place !== undefined && "start" in place ? [place.start.offset, place.end.offset] : [];
		if (rule === undefined || from === undefined || to === undefined) continue;
		// A professional text may use a long word; a whole wordy phrase is said shorter in any style.
		if (rule === "simplify" && style === "professional" && !(actual ?? "").includes(" ")) continue;
		const lead = rule === "passive" ? (/(?:[\p{L}'’]+ ){1,2}$/u.exec(text.slice(0, from))?.[0].length ?? 0) : 0;
		find(rule, from - lead, to, (reason ?? message).replaceAll("`", "'"), expected?.[0] ?? null);
	}
	visit(tree, (node) => {
		const [from, to] = [node.position?.start.offset, node.position?.end.offset];
		if (from === undefined || to === undefined) return;
		if (node.type === "WordNode") {
			const word = textOf(node as Parameters<typeof textOf>[0]);
			if (!/[\p{L}\p{N}]/u.test(word)) return;
			counts.words++;
			counts.syllables += Math.max(1, syllable(word));
			if (style === "professional" && /^\p{L}+(n['’]t|['’](re|ve|ll|d|m))$/u.test(word)) {
				find("contraction", from, to, `'${word}' is a contraction`, null);
			}
		}
		if (node.type !== "SentenceNode") return;
		const length = textOf(node as Parameters<typeof textOf>[0]).match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
		if (length === 0) return;
		counts.sentences++;
		const limit = STYLES[style].longest;
		if (length > limit) {
			const place = placed(lines, first, from, to);
			const shown = `${source.slice(from, from + 60)} ...`;
			const message = `The sentence has ${length} words, more than ${limit}`;
			findings.push({ rule: "long-sentence", ...place, end: -1, text: shown, message, replacement: null });
		}
	});
	return { findings, counts };
}

/** Flesch reading ease: 206.835 - 1.015 words/sentences - 84.6 syllables/words (R. Flesch, 1948); null without a sentence. */
export function readingEase({ words, sentences, syllables }: Counts): number | null {
	const ease = flesch({ word: words, sentence: sentences, syllable: syllables });
	return Number.isFinite(ease) ? Math.round(ease * 10) / 10 : null;
}

function placed(
	lines: readonly Line[],
	first: number,
	from: number,
	to: number,
): Pick<Finding, "index" | "start" | "end"> {
	let offset = 0;
	for (const [index, { text }] of lines.entries()) {
		if (from <= offset + text.length) {
			const end = to - offset;
			return { index: first + index, start: from - offset, end: end <= text.length ? end : -1 };
		}
		offset += text.length + 1;
	}
	return { index: first + lines.length - 1, start: 0, end: -1 };
}

/** The same length, with markers, addresses and markup blank, and code as one word without letters of its own. */
function masked(line: string): string {
	const blank = (text: string) => " ".repeat(text.length);
	return line
		.replace(/`[^`]+`/g, (code) => "Q".repeat(code.length))
		.replace(MARKER, blank)
		.replace(/^\*\*[^*]{1,300}\.\*\*/, blank)
		.replace(/<[^<>]{1,2000}>/g, blank)
		.replace(/(!?\[)([^\][]{0,500})(\]\([^()]{0,2000}\))/g, (_, open, text, close) => blank(open) + text + blank(close))
		.replace(/https?:\/\/\S{1,2000}/g, (url) => "Q".repeat(url.length))
		.replace(/[*_~\\]+(?=\S)|(?<=\S)[*_~]+/g, blank);
}

function roughCounts(text: string): Counts {
	const words = text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
	return { words, sentences: text.match(/[.!?](?=\s|$)/g)?.length ?? 1, syllables: Math.round(words * 1.5) };
}
