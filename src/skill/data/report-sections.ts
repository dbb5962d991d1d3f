/** The sections of the report that show figures: charts first, then the tables they come from. */
import type { Analysis, Group, NumericProfile } from "./analysis.ts";
import { INK } from "./chart-frame.ts";
import { CHART_LIMITS, type Section } from "./charts.ts";
import { exact, label, percent, whole, withUnit } from "./display.ts";
import { coefficient, outlierSentence, strengthOf, type UnitOf } from "./highlights.ts";
import type { Inspection } from "./inspect.ts";
import { figure, prose, table } from "./report-html.ts";
import type { Column, TableHead } from "./table.ts";

export interface DrawnChart {
	section: Section;
	title: string;
	caption: string;
	svg: string;
}

export interface ReportParts {
	title: string;
	/** Where the data is from and under which licence, in the words of whoever asked for the report. */
	attribution: string | undefined;
	madeAtMs: number;
	head: TableHead;
	columns: readonly Column[];
	analysis: Analysis;
	highlights: readonly string[];
	/** Null for a record that could not be inspected. */
	inspections: readonly (Inspection | null)[];
	charts: readonly DrawnChart[];
	unitOf: UnitOf;
}

const MAX_PAIRS = 40;

function figures({ charts }: ReportParts, of: Section, possible: number): string {
	const drawn = charts.filter((chart) => chart.section === of);
	const more =
		possible > CHART_LIMITS[of]
			? `<p class="quiet">There could be ${whole(possible)} charts here; ${drawn.length} are drawn. The tables hold the other figures.</p>`
			: "";
	const list = drawn.map(
		({ svg, caption }) => `<figure>${inline(svg)}<figcaption>${prose(caption)}</figcaption></figure>`,
	);
	return list.length === 0 ? "" : `<div class="charts">${list.join("\n")}</div>${more}`;
}

/** The chart inside the page: its colours become the page's, and nothing in it names an address. */
function inline(svg: string): string {
	let text = svg.replace(/ xmlns(?::xlink)?="[^"]*"/g, "");
	for (const [name, colour] of Object.entries(INK)) text = text.replaceAll(`"${colour}"`, `"var(--${name})"`);
	return text;
}

export function distributions(parts: ReportParts): string {
	const { analysis, unitOf } = parts;
	const numeric = analysis.profiles.filter((profile) => profile.kind === "numeric");
	const text = analysis.profiles.filter((profile) => profile.kind === "text" && profile.count > 0);
	const rows = numeric.map((p) => {
		const raw = (value: number) => figure(value, exact);
		const { q1, q3 } = p.quartiles;
		return [
			{ text: p.column },
			{ text: unitOf(p.column) ?? "" },
			figure(p.count),
			raw(p.min),
			figure(q1),
			figure(p.median),
			figure(p.mean),
			figure(q3),
			raw(p.max),
			figure(p.standardDeviation),
		];
	});
	const headings = [
		"column",
		"unit",
		"values",
		"minimum",
		"1st quartile",
		"median",
		"mean",
		"3rd quartile",
		"maximum",
		"standard deviation",
	];
	const frequent = text.flatMap((p) =>
		p.kind !== "text" || p.top[0]?.count === 1
			? []
			: p.top
					.slice(0, text.length > 3 ? 5 : 10)
					.map(({ value, count }) => [
						{ text: p.column },
						{ text: value },
						figure(count),
						figure(count / p.count, percent),
					]),
	);
	return [
		figures(parts, "distributions", numeric.length + text.length),
		rows.length === 0 ? "" : table(headings, rows, "Figures of the numeric columns."),
		frequent.length === 0
			? ""
			: table(["column", "value", "rows", "share"], frequent, "The most frequent values of each text column."),
	]
		.join("\n")
		.trim();
}

export function relations(parts: ReportParts): string {
	const pairs = (parts.analysis.correlations ?? []).toSorted((a, b) => strengthOf(b) - strengthOf(a));
	if (pairs.length === 0) return "";
	const rows = pairs
		.slice(0, MAX_PAIRS)
		.map((pair) => [
			{ text: pair.x },
			{ text: pair.y },
			figure(pair.n),
			figure(pair.pearson, coefficient),
			figure(pair.spearman, coefficient),
		]);
	const notable = pairs.length + 1;
	return [
		figures(
			parts,
			"relations",
			parts.charts.some(({ section }) => section === "relations") ? Math.min(notable, CHART_LIMITS.relations) : 0,
		),
		table(
			["column", "with", "rows", "Pearson’s r", "Spearman’s ρ"],
			rows,
			"Pairs of columns, strongest first. A correlation is not a cause.",
			pairs.length,
		),
	]
		.join("\n")
		.trim();
}

export function groups(parts: ReportParts): string {
	const { groups } = parts.analysis;
	if (groups === null || groups.columns.length === 0) return "";
	const rows = groups.columns.flatMap(({ column, groups }) =>
		groups.map((g: Group) => [
			{ text: column },
			{ text: g.key },
			figure(g.n),
			figure(g.mean),
			figure(g.median),
			figure(g.min, exact),
			figure(g.max, exact),
		]),
	);
	const key = "Line: smallest to largest value. Box: the middle half. Tick: median. Diamond: mean.";
	return [
		`<p class="quiet">${key}</p>`,
		figures(parts, "groups", groups.columns.length),
		table(
			["column", groups.by, "rows", "mean", "median", "minimum", "maximum"],
			rows,
			`The numeric columns for each value of ${label(groups.by)}.`,
		),
	].join("\n");
}

export function trends(parts: ReportParts): string {
	const { trends } = parts.analysis;
	if (trends === null || trends.series.length === 0) return "";
	const rows = trends.series.map((s) => {
		const unit = parts.unitOf(s.column);
		return [
			{ text: s.column },
			{ text: s.trend },
			figure(s.n),
			figure(s.slopePerYear),
			{ text: unit === null ? "per year" : `${unit} per year` },
			figure(s.r2, percent),
			figure(s.seasonExplained, percent),
		];
	});
	const headings = [
		"column",
		"trend",
		"values",
		"slope",
		"unit",
		"explained by the line (r²)",
		"explained by the month of the year",
	];
	return [
		figures(parts, "trends", trends.series.length),
		table(headings, rows, `Straight lines through all values from ${trends.from} to ${trends.to}.`),
	].join("\n");
}

export function outliers(parts: ReportParts): string {
	const numeric = parts.analysis.profiles.filter(
		(profile) => profile.kind === "numeric" && !profile.numbering,
	) as NumericProfile[];
	if (numeric.length === 0) return "";
	const time =
		parts.columns.find(({ name, type }) => name === parts.analysis.trends?.time && type === "date") ??
		parts.columns.find(({ type }) => type === "date");
	const summary = numeric.map((p) => [
		{ text: p.column },
		{ text: parts.unitOf(p.column) ?? "" },
		figure(p.outliers.lower),
		figure(p.outliers.upper),
		figure(p.outliers.count),
		figure(p.outliers.count / p.count, percent),
	]);
	const detail = numeric
		.filter(({ outliers }) => outliers.extremes.length > 0)
		.map((p) => {
			const rows = p.outliers.extremes.map(({ row, value }) => [
				figure(row),
				...(time === undefined ? [] : [{ text: String(time.values[row - 1] ?? "–") }]),
				figure(value, (v) => withUnit(exact(v), parts.unitOf(p.column))),
			]);
			const collapsed = p.outliers.collapsed ? " Most values are equal, so every other one counts as an outlier." : "";
			return table(
				["row", ...(time === undefined ? [] : [time.name]), label(p.column)],
				rows,
				outlierSentence(p, parts.unitOf) +
					collapsed +
					(p.outliers.count > rows.length ? ` The ${rows.length} farthest from the median:` : ""),
			);
		});
	return [
		table(
			["column", "unit", "lower fence", "upper fence", "outside", "share"],
			summary,
			"Values outside Tukey’s fences. An outlier is worth a look, not a mistake by itself.",
		),
		`<div class="side">${detail.slice(0, 24).join("\n")}</div>`,
	].join("\n");
}
