/**
 * The report: one HTML file that opens without a network. It holds no script and refers to nothing outside itself;
 * every text from the data is escaped. The machine-readable figure stands in full beside each rounded one.
 */
import type { Analysis } from "./analysis.ts";
import { counted, exact, label, percent, whole } from "./display.ts";
import { CLEAR_R2 } from "./relations.ts";
import { figure, plain, prose, table } from "./report-html.ts";
import { records } from "./report-records.ts";
import { distributions, groups, outliers, type ReportParts, relations, trends } from "./report-sections.ts";
import { STYLE } from "./report-style.ts";

/** The whole report. */
export function renderReport(parts: ReportParts): string {
	const { title, highlights } = parts;
	const sections = [
		section("data", "What the data is", dataSection(parts)),
		section(
			"highlights",
			"Highlights",
			`<ul class="highlights">${highlights.map((line) => `<li>${prose(line)}</li>`).join("")}</ul>`,
		),
		section("distributions", "Distributions", distributions(parts)),
		section("relations", "Relations", relations(parts)),
		section("groups", "Groups", groups(parts)),
		section("trends", "Trends", trends(parts)),
		section("outliers", "Outliers", outliers(parts)),
		section("records", "Records", records(parts.inspections, parts.unitOf)),
		section("method", "How the figures were made", method(parts)),
	].filter(({ html }) => html !== "");
	const links = sections.map(({ id, heading }) => `<a href="#${id}">${heading}</a>`);
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${plain(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${plain(title)}</h1><p class="by">${byline(parts)}</p><nav aria-label="Sections">${links.join(" ")}</nav></header>
<main>
${sections.map(({ html }) => html).join("\n")}
</main>
</body>
</html>
`;
}

function section(id: string, heading: string, content: string): { id: string; heading: string; html: string } {
	return { id, heading, html: content === "" ? "" : `<section id="${id}"><h2>${heading}</h2>\n${content}\n</section>` };
}

function byline({ madeAtMs, charts, head }: ReportParts): string {
	const at = new Date(madeAtMs).toISOString();
	return `${counted(head.rowCount, "row")}, ${counted(charts.length, "chart")}. Made by Muster on <time datetime="${at}">${at.slice(0, 16).replace("T", " ")} UTC</time>.`;
}

function dataSection({ head, attribution, analysis, unitOf }: ReportParts): string {
	const missing = head.columns.reduce((sum, column) => sum + column.missing, 0);
	const facts: [string, string][] = [
		["Read from", `${plain(head.source, 300)} <span class="quiet">(${plain(head.format)})</span>`],
		...(attribution === undefined ? [] : ([["Source", plain(attribution, 600)]] as [string, string][])),
		["Rows", figure(head.rowCount) + (head.truncated ? ", the first of more" : "")],
		["Columns", figure(head.columns.length)],
		["Missing values", figure(missing)],
		["Rejected rows", figure(head.rejectedCount)],
	];
	const list = facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
	const rejected = head.rejected.map(({ line, reason }) => [figure(line), { text: reason }]);
	const notes = [...head.notes, ...analysis.notes].map((note) => `<li>${plain(note, 300)}</li>`).join("");
	const profiles = new Map(analysis.profiles.map((profile) => [profile.column, profile]));
	const columns = head.columns.map(({ name, type, missing }) => {
		const profile = profiles.get(name);
		return [
			{ text: name },
			{ text: type },
			{ text: unitOf(name) ?? "" },
			figure(head.rowCount - missing),
			figure(missing),
			figure(profile?.distinct ?? null),
			{ text: rangeOf(profile) },
		];
	});
	return [
		`<dl class="facts">${list}</dl>`,
		columns.length === 0
			? ""
			: table(
					["column", "type", "unit", "values", "missing", "distinct", "from … to, or most frequent"],
					columns,
					"The columns.",
				),
		rejected.length === 0
			? ""
			: table(["line", "why it was rejected"], rejected, "Rows that could not be read.", head.rejectedCount),
		notes === "" ? "" : `<h3>Notes on reading and choosing</h3><ul>${notes}</ul>`,
	].join("\n");
}

function rangeOf(profile: Analysis["profiles"][number] | undefined): string {
	if (profile === undefined) return "";
	switch (profile.kind) {
		case "numeric":
			return `${exact(profile.min)} … ${exact(profile.max)}`;
		case "date":
			return `${profile.min} … ${profile.max}`;
		case "text":
			return profile.top
				.slice(0, 5)
				.map(({ value, count }) => `${label(value, 24)} (${whole(count)})`)
				.join(", ");
	}
}

function method({ head }: ReportParts): string {
	const lines = [
		"Quartiles and medians: linear interpolation, definition 7 of Hyndman & Fan (1996), the default of R, NumPy, pandas and Excel’s QUARTILE.INC.",
		"Standard deviation: of the sample, divisor n − 1.",
		"Histograms: one bin width by Freedman & Diaconis (1981), rounded to 1, 2 or 5 times a power of ten; a bin holds its lower edge, not its upper one.",
		"Outliers: outside Q1 − 1.5 IQR to Q3 + 1.5 IQR (Tukey, 1977).",
		"Correlations: Pearson’s r, and Spearman’s ρ with mean ranks for equal values, each over the rows in which both columns have a value.",
		"Groups: “accounts for” is eta squared, the sum of squares between the groups over the total.",
		`Trends: least-squares line through all values, not through the means; a year is 365.2425 days. Below r² = ${percent(CLEAR_R2)}, or with fewer than 10 values, it is called no clear trend.`,
		"Dates and times without a zone are read as UTC.",
		"Types are decided over all rows. In numeric, date and boolean columns the marks NA, N/A, null, NaN, - and empty cells are missing values; in text columns only empty cells are.",
		head.format === "json"
			? "Rows are counted from 1 without the rejected ones."
			: "Rows are counted from 1, after the header and without rejected rows.",
		"Figures are rounded for reading; the full ones stand in the value attribute of each figure in this file.",
	];
	return `<ul>${lines.map((line) => `<li>${prose(line)}</li>`).join("")}</ul>`;
}
