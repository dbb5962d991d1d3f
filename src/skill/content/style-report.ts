/** The style report of an edited article, as Markdown. Pure. */
import type { EditingOutput, Suggestion } from "./editing.ts";
import type { Correction } from "./markdown-lines.ts";
import { STYLES } from "./prose-check.ts";

const MAX_ROWS = 500;

export function styleReport(
	edited: Pick<EditingOutput, "style" | "readability" | "score"> & { applied: Correction[]; suggestions: Suggestion[] },
): string {
	const { style, readability, applied, suggestions, score } = edited;
	const ease = readability.fleschReadingEase;
	const parts = [
		"# Style report",
		`Style: ${style}. Score: ${score.toFixed(2)} of 1, half from readability, half from the suggestions left open.`,
		"## Readability",
		table(
			["Figure", "Value"],
			[
				["Words of prose", String(readability.words)],
				["Sentences", String(readability.sentences)],
				["Words in a sentence, on average", String(readability.averageSentenceWords)],
				["Flesch reading ease", ease === null ? "no prose" : `${ease} (${easeInWords(ease)})`],
			],
		),
		`Flesch reading ease = 206.835 - 1.015 x words / sentences - 84.6 x syllables / words (R. Flesch, 1948); syllables
are estimated by rule. This style earns the full mark from ${STYLES[style].easiest} upwards. Headings, tables, code, lists, quotations and
the list of sources are not counted.`,
		`## Corrections made: ${applied.length}`,
		applied.length === 0
			? "None were needed."
			: table(
					["Line given", "Rule", "Before", "After"],
					applied.slice(0, MAX_ROWS).map((c) => [String(c.line), c.rule, c.before, c.after]),
				),
		`## Suggestions: ${suggestions.length}`,
		suggestions.length === 0
			? "None."
			: table(
					["Line edited", "Rule", "Text", "Remark", "Left because"],
					suggestions.slice(0, MAX_ROWS).map((s) => [String(s.line), s.rule, s.text, s.message, reason(s)]),
				),
	];
	const hidden = Math.max(0, applied.length - MAX_ROWS) + Math.max(0, suggestions.length - MAX_ROWS);
	if (hidden > 0) parts.push(`${hidden} further entries are not listed.`);
	return `${parts.join("\n\n")}\n`;
}

function reason({ kept }: Suggestion): string {
	return kept === "quotation" ? "the words are quoted" : "a person has to decide";
}

function easeInWords(ease: number): string {
	if (ease >= 70) return "easy";
	if (ease >= 60) return "plain English";
	if (ease >= 50) return "fairly hard";
	return ease >= 30 ? "hard" : "very hard";
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const cell = (text: string) => text.replace(/[\\|`*_<[\]]/g, "\\$&").replace(/\s+/g, " ");
	const row = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
	return [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row)].join("\n");
}
