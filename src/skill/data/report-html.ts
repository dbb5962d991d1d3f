/** The pieces of the report: escaped text, figures and tables. */
import { label, rounded, whole } from "./display.ts";

const MAX_TABLE_ROWS = 200;
const ENTITIES: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&#39;",
};

/** Text for an element or an attribute in double quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (mark) => ENTITIES[mark] ?? mark);

/** A sentence in which a figure and its sign or symbol stay on one line. */
export const prose = (text: string): string =>
	escapeHtml(text)
		.replace(/ = /g, "&nbsp;=&nbsp;")
		.replace(/(?<=\d) (?=[%°])/g, "&nbsp;");

/** A text from the data: one line, cut, escaped. */
export const plain = (text: string, length = 120): string => escapeHtml(label(text, length));

/** A figure as shown, with the full one for machines. */
export function figure(value: number | null, show: (value: number) => string = rounded): string {
	return value === null ? "–" : `<data value="${value}">${escapeHtml(show(value))}</data>`;
}

/** A figure is HTML, set to the right; a text is from the data. */
export type TableCell = string | { text: string };

/**
 * A table that scrolls by itself on a narrow screen. At most 200 lines; the caption says what is left out.
 * @param total how many lines there are, when `rows` holds only some
 */
export function table(
	headings: readonly string[],
	rows: readonly (readonly TableCell[])[],
	caption: string,
	total = rows.length,
): string {
	const texts = headings.map((_, index) => typeof rows[0]?.[index] === "object");
	const heads = headings.map(
		(heading, index) => `<th scope="col"${texts[index] ? "" : ' class="n"'}>${escapeHtml(heading)}</th>`,
	);
	const body = rows.slice(0, MAX_TABLE_ROWS).map((row) => {
		const cells = row.map((cell, index) => {
			if (typeof cell === "string") return `<td class="n">${cell}</td>`;
			return index === 0 ? `<th scope="row">${plain(cell.text)}</th>` : `<td>${plain(cell.text)}</td>`;
		});
		return `<tr>${cells.join("")}</tr>`;
	});
	const cut = total > body.length ? ` The first ${whole(body.length)} of ${whole(total)} lines.` : "";
	return `<div class="scroll"><table><caption>${escapeHtml(caption + cut)}</caption><thead><tr>${heads.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}
