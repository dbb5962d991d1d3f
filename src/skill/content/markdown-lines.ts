/** What each line of a Markdown article is, and the corrections of whitespace and spacing that change no word. Pure. */

export type LineKind = "prose" | "heading" | "list" | "quote" | "table" | "code" | "source" | "blank";

export interface Line {
	text: string;
	kind: LineKind;
	/** Number in the article as it was given, counted from 1. */
	given: number;
	/** Its paragraph carries a citation marker: the words are somebody's, and stay as they are. */
	cited: boolean;
}

export interface Correction {
	rule: string;
	/** Line in the article as it was given. */
	line: number;
	before: string;
	after: string;
}

/** `[[1]](#source-1)`, `[1]` or `[^note]`. */
export const MARKER = /\[\[\d+\]\]\([^()\s]{0,200}\)|\[\d+\](?!\()|\[\^[^\][\s]{1,100}\]/g;

const SOURCES = /^(#{1,6})\s+(sources|references|bibliography|footnotes|notes)\s*#*\s*$/i;
const LIST_ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s/;

export function classify(article: string): Line[] {
	const lines: Line[] = [];
	let fence: string | null = null;
	let sourcesLevel = 0;
	let previous: LineKind = "blank";
	for (const [index, text] of article.split("\n").entries()) {
		let kind: LineKind;
		const level = /^(#{1,6})\s/.exec(text)?.[1]?.length ?? 0;
		if (fence !== null) {
			kind = "code";
			if (text.trim().startsWith(fence)) fence = null;
		} else if (/^ {0,3}(```|~~~)/.test(text)) {
			kind = "code";
			fence = text.trim().slice(0, 3);
		} else {
			if (level > 0 && level <= sourcesLevel) sourcesLevel = 0;
			kind = kindOf(text, previous);
			if (sourcesLevel > 0 && kind !== "blank") kind = "source";
			if (SOURCES.test(text)) sourcesLevel = level;
		}
		lines.push({ text, kind, given: index + 1, cited: false });
		previous = kind;
	}
	markCited(lines);
	return lines;
}

function kindOf(text: string, previous: LineKind): LineKind {
	if (text.trim() === "") return "blank";
	if (/^ {0,3}#{1,6}(\s|$)/.test(text) || /^#{2,6}[^#\s]/.test(text)) return "heading";
	if (/^\s*>/.test(text)) return "quote";
	if (/^\s*\||^\s*:?-{3,}:?\s*\|/.test(text)) return "table";
	if (LIST_ITEM.test(text)) return "list";
	if (/^(?: {4}|\t)/.test(text)) return previous === "list" ? "list" : previous === "prose" ? "prose" : "code";
	if (previous === "quote" || previous === "list") return previous; // a lazy continuation
	return "prose";
}

function markCited(lines: readonly Line[]): void {
	for (let from = 0; from < lines.length; from++) {
		let to = from;
		while (to < lines.length && lines[to]?.kind !== "blank") to++;
		const paragraph = lines.slice(from, to);
		const cited = paragraph.some((line) => line.kind !== "code" && line.text.search(MARKER) !== -1);
		for (const line of paragraph) line.cited = cited;
		from = to;
	}
}

/** The lines with their spacing put right, and what was done. Code and source lists are left as they are. */
export function tidy(lines: readonly Line[]): { lines: Line[]; applied: Correction[] } {
	const applied: Correction[] = [];
	const result: Line[] = [];
	const blank = (given: number): Line => ({ text: "", kind: "blank", given, cited: false });
	for (const [index, line] of lines.entries()) {
		const last = result.at(-1);
		const note = (rule: string, before: string, after: string) =>
			applied.push({ rule, line: line.given, before, after });
		if (line.kind === "blank" && (last === undefined || last.kind === "blank")) {
			if (index < lines.length - 1) note("blank-lines", "an extra blank line", "");
			continue;
		}
		const text = tidyText(line, lines[index + 1], note);
		const apart = line.kind === "heading" || (line.kind === "list" && last?.kind === "prose" && LIST_ITEM.test(text));
		if (last !== undefined && last.kind !== "blank" && (apart || (last.kind === "heading" && line.kind !== "blank"))) {
			note(line.kind === "list" ? "list-spacing" : "heading-spacing", "no blank line", "a blank line");
			result.push(blank(line.given));
		}
		result.push({ ...line, text });
	}
	while (result.at(-1)?.kind === "blank") result.pop();
	return { lines: result, applied };
}

type Noted = (rule: string, before: string, after: string) => void;

function tidyText(line: Line, next: Line | undefined, note: Noted): string {
	if (line.kind === "code" || line.kind === "source") return line.text;
	let text = line.text;
	const change = (rule: string, after: string) => {
		if (after !== text) note(rule, clip(text), clip(after));
		text = after;
	};
	// Two spaces before another line of the same paragraph are a line break, not an accident.
	const breaks = / {2,}$/.test(text) && next !== undefined && next.kind === line.kind && line.kind !== "blank";
	if (!breaks) change("trailing-space", text.trimEnd());
	if (line.kind === "heading") change("heading-spacing", text.replace(/^( {0,3}#{1,6})[ \t]*(?=[^#\s])/, "$1 "));
	if (line.kind === "prose" || line.kind === "heading") {
		change(
			"double-space",
			outsideMarkup(text, (part) => part.replace(/(\S)[ \t]{2,}(?=\S)/g, "$1 ")),
		);
	}
	if (line.kind === "prose" && !line.cited) {
		change(
			"space-before-punctuation",
			outsideMarkup(text, (part) => part.replace(/(\p{L}) +([,;.!?])(?=\s|$)/gu, "$1$2")),
		);
		change(
			"doubled-punctuation",
			outsideMarkup(text, (part) => part.replace(/([,;])\1+/g, "$1")),
		);
	}
	return text;
}

/** Edits what is neither code nor an address. */
const outsideMarkup = (text: string, edit: (part: string) => string): string =>
	text
		.split(/(`[^`]+`|\]\([^()\s]{0,2000}\)|<[^<>]{1,2000}>|https?:\/\/\S{1,2000})/)
		.map((part, index) => (index % 2 === 1 ? part : edit(part)))
		.join("");

const clip = (text: string): string => (text.length > 120 ? `${text.slice(0, 120)} ...` : text);
