/** Markdown or plain text as blocks. Enough of Markdown to tell prose from everything else; every pattern is linear. */
import { type Block, collapse } from "./page-text.ts";

const FENCE = /^ {0,3}(```|~~~)/;
const LIST = /^\s*(?:[-*+•]|\d{1,9}[.)])\s/;
const RULE = /^ {0,3}(?:-[ \t]*){3,}$|^ {0,3}(?:\*[ \t]*){3,}$|^ {0,3}(?:_[ \t]*){3,}$/;
const DEFINITION = /^ {0,3}\[[^\]]{1,200}\]:\s/;
/** Lists, tables, quotations by others, code, raw HTML: read, never quoted. */
const NOT_PROSE = /^(?: {4}|\t|\s*[|<>])/;

/** @param markdown false for plain text: no headings and no inline markup, the rest alike */
export function blocksOfText(source: string, markdown: boolean): Block[] {
	const lines = source.replace(/\r\n?/g, "\n").split("\n");
	const blocks: Block[] = [];
	let held: string[] = [];
	let heldFrom = 0;
	let heldKind: "prose" | "other" = "prose";
	let fence: string | null = null;
	const flush = () => {
		const isProse = heldKind === "prose";
		const text = isProse ? (markdown ? plainInline(held.join(" ")) : collapse(held.join(" "))) : held.join("\n");
		if (text.trim() !== "") blocks.push({ kind: heldKind, text, line: heldFrom + 1 });
		held = [];
		heldKind = "prose";
	};
	const hold = (line: string, index: number) => {
		if (held.length === 0) heldFrom = index;
		held.push(line);
	};
	for (let index = frontMatterEnd(lines, markdown); index < lines.length; index++) {
		const line = lines[index] ?? "";
		if (fence !== null) {
			held.push(line);
			if (line.trim().startsWith(fence)) {
				fence = null;
				flush();
			}
			continue;
		}
		const heading = markdown ? headingAt(line, lines[index + 1], held) : null;
		if (heading !== null) {
			flush();
			if (heading.text !== "")
				blocks.push({ kind: "heading", text: heading.text, level: heading.level, line: index + 1 });
			if (heading.underlined) index++;
		} else if (line.trim() === "" || RULE.test(line) || (markdown && DEFINITION.test(line))) flush();
		else if (markdown && FENCE.test(line)) {
			flush();
			hold(line, index);
			heldKind = "other";
			fence = line.trim().slice(0, 3);
		} else {
			if (LIST.test(line) || (held.length === 0 && NOT_PROSE.test(line)) || /^\s*[|>]/.test(line)) {
				if (heldKind === "prose") flush();
				heldKind = "other";
			}
			hold(line, index);
		}
	}
	flush();
	return blocks;
}

function frontMatterEnd(lines: readonly string[], markdown: boolean): number {
	if (!markdown || lines[0]?.trim() !== "---") return 0;
	const end = lines.slice(1, 200).findIndex((line) => line.trim() === "---");
	return end === -1 ? 0 : end + 2;
}

function headingAt(
	line: string,
	next: string | undefined,
	held: readonly string[],
): { text: string; level: number; underlined: boolean } | null {
	const hashes = /^ {0,3}(#{1,6})(?:\s+(.*))?$/.exec(line);
	if (hashes !== null) {
		const text = plainInline((hashes[2] ?? "").trimEnd().replace(/(?:^|\s)#{1,20}$/, ""));
		return { text, level: hashes[1]?.length ?? 1, underlined: false };
	}
	const underline = held.length === 0 && /^[^\s>|-].{0,200}$/.test(line) ? /^(=+|-+)\s*$/.exec(next ?? "") : null;
	return underline === null
		? null
		: { text: plainInline(line), level: next?.startsWith("=") ? 1 : 2, underlined: true };
}

const ENTITIES: Record<string, string> = {
	amp: "&",
	lt: "<",
	gt: ">",
	quot: '"',
	apos: "'",
	nbsp: " ",
	mdash: "—",
	ndash: "–",
};

/** A line of Markdown without its markup. Code spans keep their backticks: they mean the same in what is written later. */
export function plainInline(line: string): string {
	const parts = line.split(/(`[^`]{1,300}`)/);
	const plain = parts.map((part, index) => (index % 2 === 1 ? part : withoutMarkup(part)));
	return collapse(plain.join(""));
}

function withoutMarkup(text: string): string {
	return text
		.replace(/<!--[^>]{0,2000}-->/g, " ")
		.replace(/!\[[^\][]{0,500}\]\([^()]{0,2000}\)/g, " ")
		.replace(/\[\^[^\][]{1,100}\]/g, "")
		.replace(/\[([^\][]{1,500})\](?:\([^()]{0,2000}\)|\[[^\][]{0,200}\])/g, "$1")
		.replace(/<(https?:[^<>\s]{1,2000})>/g, "$1")
		.replace(/<\/?[a-z][^<>]{0,500}>/gi, "")
		.replace(/(\*\*|__)(?=\S)([^*_]{1,500})\1/g, "$2")
		.replace(/(?<![\p{L}\p{N}*])\*(?=[^\s*])([^*]{1,500})\*(?![\p{L}\p{N}*])/gu, "$1")
		.replace(/(?<![\p{L}\p{N}_])_(?=[^\s_])([^_]{1,500})_(?![\p{L}\p{N}_])/gu, "$1")
		.replace(/~~([^~]{1,500})~~/g, "$1")
		.replace(/\\([\\`*_{}[\]()#+.!~>|-])/g, "$1")
		.replace(/&(#\d{1,6}|[a-z]{2,6});/gi, (whole, name: string) => decodeEntity(name) ?? whole);
}

function decodeEntity(name: string): string | undefined {
	if (!name.startsWith("#")) return ENTITIES[name.toLowerCase()];
	const code = Number(name.slice(1));
	return code >= 32 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
