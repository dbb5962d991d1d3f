/** An article as Markdown, with a marker after each quotation and a list of the sources they lead to. Pure. */
import type { Composition, Paragraph, Section, Statement } from "./article.ts";

export type ContentForm = "blog_post" | "article" | "report";

export interface Rendering {
	markdown: string;
	/** In order of their markers, which count from 1. */
	cited: Statement[];
	sections: string[];
}

export interface ArticleFacts {
	title: string;
	form: ContentForm;
	/** Said at the top when the notes did not give the words asked for. */
	shortfall: string | null;
	documentsRead: number;
	notesGiven: number;
}

export const SOURCES_HEADING = "Sources";

export function renderArticle(composition: Composition, facts: ArticleFacts): Rendering {
	const cited: Statement[] = [];
	const cite = (statement: Statement): string => {
		const marker = cited.push(statement);
		return `${escaped(statement.text)} [[${marker}]](#source-${marker})`;
	};
	const sections = composition.sections.map((section) => upperFirst(section.heading));
	const parts = [`# ${escaped(facts.title)}`, notice(composition, facts)];
	if (composition.introduction.length > 0) parts.push(composition.introduction.map(cite).join(" "));
	// Names that hold a comma or an "and" would not read as a list.
	if (sections.length > 1 && !sections.some((name) => /,| and /.test(name))) parts.push(outline(facts, sections));
	for (const [number, section] of composition.sections.entries()) {
		const heading = escaped(sections[number] ?? "");
		parts.push(
			`## ${facts.form === "report" ? `${number + 1}. ` : ""}${heading}`,
			...paragraphsOf(section, facts.form, cite),
		);
	}
	if (facts.form === "report") parts.push(...scope(composition, facts, sections));
	parts.push(`## ${SOURCES_HEADING}`, ...cited.map(sourceEntry));
	return { markdown: `${parts.join("\n\n")}\n`, cited, sections };
}

/** A blog post gets one quotation a paragraph; the other forms keep together what stands together. */
function paragraphsOf(section: Section, form: ContentForm, cite: (statement: Statement) => string): string[] {
	const write = ({ label, statements }: Paragraph) =>
		`${label === "" ? "" : `**${escaped(label.replace(/[.:]$/, ""))}.** `}${statements.map(cite).join(" ")}`;
	const paragraphs = section.paragraphs.flatMap((paragraph) =>
		form !== "blog_post"
			? [paragraph]
			: paragraph.statements.map((statement, index) => ({
					label: index === 0 ? paragraph.label : "",
					statements: [statement],
				})),
	);
	return paragraphs.map(write);
}

function notice({ introduction, sections }: Composition, facts: ArticleFacts): string {
	const statements = [...introduction, ...sections.flatMap((s) => s.paragraphs.flatMap((p) => p.statements))];
	const sources = new Set(statements.map(({ note }) => note.source.id)).size;
	const from = sources === 1 ? "one source" : `${sources} sources`;
	const lines = [
		`*Assembled from quotations of ${from} without a language model (extractive). Every sentence that carries a marker is`,
		"quoted word for word; a marker covers the sentences since the one before it.*",
	];
	if (facts.shortfall !== null) lines.push("", `*${escaped(facts.shortfall)}*`);
	return lines.join("\n");
}

function outline(facts: ArticleFacts, sections: readonly string[]): string {
	const names = sections.map((name) => escaped(lowerName(name)));
	const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
	return `The ${facts.form === "report" ? "report" : "text"} below has ${numeral(sections.length)} parts: ${list}.`;
}

function scope(composition: Composition, facts: ArticleFacts, sections: readonly string[]): string[] {
	const rows = composition.sections.map(({ paragraphs }, number) => {
		const statements = paragraphs.flatMap((paragraph) => paragraph.statements);
		const words = statements.reduce((sum, statement) => sum + statement.words, 0);
		const sources = new Set(statements.map(({ note }) => note.source.id)).size;
		return `| ${escaped(sections[number] ?? "").replaceAll("|", "\\|")} | ${statements.length} | ${sources} | ${words} |`;
	});
	return [
		"## Scope",
		`The notes were taken from ${facts.documentsRead} documents read; ${facts.notesGiven} notes were at hand.`,
		["| Section | Quotations | Sources | Words |", "|---|---:|---:|---:|", ...rows].join("\n"),
	];
}

function sourceEntry(statement: Statement, index: number): string {
	const { title, path, url, line } = statement.note.source;
	const where = url ?? path;
	const parts = [
		`**${escaped(title)}**`,
		...(where === undefined
			? []
			: [url === undefined ? `\`${where.replaceAll("`", "'")}\`` : `<${encodeURI(decode(where))}>`]),
		...(line === undefined ? [] : [`line ${line}`]),
		`characters ${statement.start} to ${statement.end} of the stored text`,
	];
	return `- <a id="source-${index + 1}"></a>[${index + 1}] ${parts.join(", ")}:\n  > ${escaped(statement.text)}`;
}

/** So that encoding an already encoded address changes nothing. */
function decode(url: string): string {
	try {
		return decodeURI(url);
	} catch {
		return url.replaceAll("%", "%25");
	}
}

/** Keeps a quotation from being read as markup; code spans stay, plain prose comes out unchanged. */
export function escaped(text: string): string {
	const parts = text.split(/(`[^`]+`)/);
	const safe = parts.map((part, index) =>
		index % 2 === 1
			? part
			: part
					.replace(/[\\`*[\]<>]/g, "\\$&")
					.replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_")
					.replace(/&(?=#?\w{1,8};)/g, "&amp;"),
	);
	return safe.join("").replace(/\s+/g, " ");
}

const NUMERALS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"];
const numeral = (count: number): string => NUMERALS[count] ?? String(count);
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const lowerName = (text: string): string =>
	/^\p{Lu}\p{Ll}/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
