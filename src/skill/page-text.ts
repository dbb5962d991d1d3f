/**
 * The readable text of a parsed HTML page, as blocks. Works on the few DOM members it names, so that the parser
 * (which costs a fifth of a second to load) is the caller's business.
 */

/** A stretch of a document. Only `prose` is ever quoted; `other` is lists, tables, code and the like. */
export interface Block {
	kind: "heading" | "prose" | "other";
	/** One line of plain text for headings and prose; `other` may hold several lines, marked up for a reader. */
	text: string;
	/** 1..6, of headings. */
	level?: number;
	/** Where it begins in the file it came from, counted from 1. */
	line?: number;
}

export interface DomNode {
	readonly nodeType: number;
	readonly nodeName: string;
	readonly textContent: string | null;
	readonly childNodes: Iterable<DomNode>;
}

const ELEMENT = 1;
const TEXT = 3;
/** Deeper nesting is read as flat text: no page for people needs it, and recursion has to end somewhere. */
const MAX_DEPTH = 200;
const SILENT = new Set(
	"SCRIPT STYLE NOSCRIPT TEMPLATE HEAD SVG IFRAME OBJECT FORM BUTTON SELECT TEXTAREA NAV FOOTER ASIDE".split(" "),
);
const FLOW = new Set(
	"ADDRESS ARTICLE BLOCKQUOTE BODY DD DETAILS DIV DL DT FIGCAPTION FIGURE HEADER HTML MAIN OL P SECTION SUMMARY UL".split(
		" ",
	),
);

export function blocksOf(root: DomNode): Block[] {
	const blocks: Block[] = [];
	let inline = "";
	const flush = () => {
		const text = collapse(inline);
		if (text !== "") blocks.push({ kind: "prose", text });
		inline = "";
	};
	const other = (text: string) => {
		flush();
		if (text.trim() !== "") blocks.push({ kind: "other", text });
	};
	const walk = (node: DomNode, depth: number): void => {
		if (node.nodeType === TEXT) inline += node.textContent ?? "";
		if (node.nodeType !== ELEMENT) return;
		const name = node.nodeName.toUpperCase();
		if (SILENT.has(name)) return;
		const content = () => collapse(node.textContent ?? "");
		if (depth > MAX_DEPTH) inline += ` ${node.textContent ?? ""} `;
		else if (/^H[1-6]$/.test(name)) {
			flush();
			const text = content();
			if (text !== "") blocks.push({ kind: "heading", text, level: Number(name[1]) });
		} else if (name === "PRE") other(`\`\`\`\n${(node.textContent ?? "").trimEnd()}\n\`\`\``);
		else if (name === "LI") other(`- ${content()}`);
		else if (name === "TR") other([...node.childNodes].map((cell) => collapse(cell.textContent ?? "")).join(" | "));
		else if (name === "BR" || name === "HR") inline += " ";
		else {
			const flows = FLOW.has(name);
			if (flows) flush();
			for (const child of node.childNodes) walk(child, depth + 1);
			if (flows) flush();
		}
	};
	walk(root, 0);
	flush();
	return blocks;
}

export const collapse = (text: string): string => text.replace(/\s+/g, " ").trim();

/** A block as Markdown. */
export function blockText(block: Block): string {
	return block.kind === "heading" ? `${"#".repeat(block.level ?? 1)} ${block.text}` : block.text;
}
