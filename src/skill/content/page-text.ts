/**
 * The readable text of an HTML page, as blocks. The parser costs a fifth of a second to load, so it is loaded when the
 * first page comes; the walk over the parsed page works on the few DOM members named here.
 */
import { MusterError } from "../../errors.ts";

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

export interface PageText {
	title: string;
	/** The same as `blocks`, as Markdown. */
	text: string;
	blocks: Block[];
}

/** Pages beyond these are refused: parsing costs time by the square of the depth, and half a minute for a million tags. */
const MAX_NESTING = 1_000;
const MAX_TAGS = 100_000;
/** Beyond this many tags the main part is not searched for, which is slow; the whole body is read instead. */
const MAX_SEARCHED_TAGS = 20_000;
/** Elements that hold nothing, or that the next of their kind ends. */
const SHALLOW =
	/^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr|p|li|dt|dd|tr|td|th|thead|tbody|tfoot|option|optgroup|colgroup)$/i;

/**
 * The title and main text of an HTML page, without menus, scripts and the like. Nothing in the page runs.
 * @param url where the page came from, or any name for it, for the error
 * @throws E_FETCH_FAILED (not retryable) for a page no parser can hold
 */
export async function pageText(html: string, url: string): Promise<PageText> {
	const { tags, nesting } = sizeOf(html);
	if (nesting > MAX_NESTING || tags > MAX_TAGS) {
		throw new MusterError("E_FETCH_FAILED", `${url} is too large or nested too deep to be read as a page`, {
			retryable: false,
		});
	}
	const [{ parseHTML }, { Readability }] = await Promise.all([import("linkedom"), import("@mozilla/readability")]);
	const whole = /<(html|body)[\s>]/i.test(html) ? html : `<!doctype html><html><body>${html}</body></html>`;
	const parse = () => parseHTML(whole).document;
	try {
		const plain = parse(); // Readability takes its document apart, so it gets one of its own
		const title = collapse(plain.querySelector("title")?.textContent ?? plain.querySelector("h1")?.textContent ?? "");
		const searched = tags <= MAX_SEARCHED_TAGS;
		const article = searched ? mainPart(() => new Readability(parse(), { serializer: (node) => node })) : null;
		const blocks = blocksOf((article?.content ?? plain.documentElement) as DomNode);
		return { title: collapse(article?.title ?? "") || title, text: blocks.map(blockText).join("\n\n"), blocks };
	} catch (error) {
		throw new MusterError("E_FETCH_FAILED", `${url} cannot be parsed as a page`, { retryable: false, cause: error });
	}
}

/** Tags, and the greatest depth of open ones, without parsing. */
function sizeOf(html: string): { tags: number; nesting: number } {
	let tags = 0;
	let depth = 0;
	let nesting = 0;
	for (const [, closing, name] of html.matchAll(/<(?:(\/?)([a-z][a-z0-9-]{0,40}))?/gi)) {
		tags++;
		if (name === undefined || SHALLOW.test(name)) continue;
		depth = closing === "/" ? Math.max(0, depth - 1) : depth + 1;
		nesting = Math.max(nesting, depth);
	}
	return { tags, nesting };
}

/** Readability gives up on pages that hold no article; the caller then reads the whole body. */
function mainPart<Part>(open: () => { parse(): Part | null }): Part | null {
	try {
		return open().parse();
	} catch {
		return null;
	}
}

interface DomNode {
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

function blocksOf(root: DomNode): Block[] {
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
