/**
 * The charts of a report as Vega-Lite specifications, each with its title and a caption computed from the figures.
 *
 * Names from the data never become field names or expressions of a specification, only texts in it: fields are x, y and so on.
 */
import type { Analysis, GroupedColumn, Series, TextProfile, Trends } from "./analysis.ts";
import { type Draft, frame, INK, placed, quantitative } from "./chart-frame.ts";
import { barChart, histogramChart, matrixChart, scatterChart } from "./column-charts.ts";
import { label, MONTHS, titled, whole } from "./display.ts";
import {
	axisTitle,
	frequentSentence,
	groupSentence,
	notablePairs,
	seasonal,
	seasonSentence,
	trendSentence,
	type UnitOf,
} from "./highlights.ts";
import type { Column } from "./table.ts";

export type Section = "distributions" | "relations" | "groups" | "trends";

export interface Chart extends Draft {
	/** Part of a file name, for example `distributions-2`. */
	id: string;
	section: Section;
}

/** Together 24; a section that has more says so. */
export const CHART_LIMITS: Readonly<Record<Section, number>> = {
	distributions: 10,
	relations: 4,
	groups: 4,
	trends: 6,
};
const MAX_BOXES = 15;

/** Every chart the analysis carries, within the limits of each section. */
export function chartsOf(analysis: Analysis, columns: readonly Column[], unitOf: UnitOf): Chart[] {
	const { groups, trends } = analysis;
	const distributions = analysis.profiles.flatMap((profile) => {
		if (profile.kind === "numeric" && !profile.numbering && profile.histogram.length > 1)
			return [histogramChart(profile, unitOf)];
		return profile.kind === "text" && frequentSentence(profile) !== "" && isTelling(profile) ? [barChart(profile)] : [];
	});
	const pairs = notablePairs(analysis).map((pair) => scatterChart(pair, columns, unitOf));
	const matrix = (analysis.correlations ?? []).length > 1 ? [matrixChart(analysis.correlations ?? [])] : [];
	const compared = (groups?.columns ?? []).filter(({ groups }) => groups.length > 1);
	const byShare = compared.toSorted((a, b) => (b.explained ?? 0) - (a.explained ?? 0));
	const lines = (trends?.series ?? []).filter(({ points }) => points.length > 1);
	const room = CHART_LIMITS.trends - Math.min(lines.length, CHART_LIMITS.trends - 2);
	const seasons =
		trends === null
			? []
			: seasonal(trends)
					.slice(0, room)
					.map((series) => seasonChart(series, unitOf));
	return [
		...limited("distributions", distributions),
		...limited("relations", [...matrix, ...pairs]),
		...limited(
			"groups",
			byShare.map((column) => groupChart(column, groups?.by ?? "", unitOf)),
		),
		...limited("trends", [
			...lines
				.slice(0, CHART_LIMITS.trends - seasons.length)
				.map((series) => trendChart(series, trends as Trends, unitOf)),
			...seasons,
		]),
	];
}

/** A bar chart of names in which the longest bar is a hundredth of the rows tells nothing. */
const isTelling = ({ top, count }: TextProfile): boolean => (top[0]?.count ?? 0) >= count * 0.02;

function limited(section: Section, charts: readonly Draft[]): Chart[] {
	return charts
		.slice(0, CHART_LIMITS[section])
		.map((chart, index) => ({ id: `${section}-${index + 1}`, section, ...chart }));
}

function groupChart(column: GroupedColumn, by: string, unitOf: UnitOf): Draft {
	const shown = column.groups.slice(0, MAX_BOXES);
	const values = shown.map((group, place) => ({ place, ...group, key: "" }));
	const y = placed(
		shown.map(({ key, n }) => `${label(key, 20)} (${whole(n)})`),
		`${label(by)} (rows)`,
	);
	const x = (field: string) =>
		quantitative(field, axisTitle(column.column, unitOf), { scale: { zero: false, nice: true } });
	const title = `${label(column.column, 34)} by ${label(by, 30)}`;
	const spec = frame(title, {
		data: { values },
		encoding: { y },
		layer: [
			{ mark: { type: "rule", color: INK.muted }, encoding: { x: x("min"), x2: { field: "max" } } },
			{
				mark: { type: "bar", color: INK.accent, opacity: 0.55, height: { band: 0.5 } },
				encoding: { x: x("q1"), x2: { field: "q3" } },
			},
			{ mark: { type: "tick", color: INK.text, thickness: 2, height: { band: 0.5 } }, encoding: { x: x("median") } },
			{
				mark: { type: "point", filled: true, shape: "diamond", size: 60, opacity: 1, color: INK.second },
				encoding: { x: x("mean") },
			},
		],
	});
	const cut =
		shown.length < column.groups.length
			? ` The ${shown.length} largest of ${column.groups.length} groups are drawn.`
			: "";
	return { title, caption: groupSentence(column, by, unitOf) + cut, spec };
}

const INTERVAL = { day: "daily", month: "monthly", year: "yearly" } as const;

function trendChart(series: Series, trends: Trends, unitOf: UnitOf): Draft {
	const start = (period: string) => Date.parse(`${period}${"-01-01".slice(period.length - 4)}`);
	const known = new Map(series.points.map(({ period, mean }) => [start(period), mean]));
	const values = periods(trends).map((at) => ({ t: at, mean: known.get(at) ?? null })); // null breaks the line at a gap
	const means = `${INTERVAL[trends.interval]} means`;
	const title = `${label(series.column, 34)} over time, ${means}`;
	const encoding = {
		x: {
			field: "t",
			type: "temporal",
			title: label(trends.time),
			scale: { type: "utc" },
			axis: { grid: false, labelOverlap: true },
		},
		y: quantitative("mean", `mean of ${axisTitle(series.column, unitOf)}`, { scale: { zero: false, nice: true } }),
	};
	const { slopePerYear, intercept } = series;
	const drawn = series.trend !== "no clear trend" && slopePerYear !== null && intercept !== null;
	const years = (Date.parse(trends.to) - Date.parse(trends.from)) / (365.2425 * 86_400_000);
	const line = drawn
		? [
				{ t: Date.parse(trends.from), mean: intercept },
				{ t: Date.parse(trends.to), mean: intercept + slopePerYear * years },
			]
		: [];
	const spec = frame(title, {
		layer: [
			{
				data: { values },
				mark: {
					type: "line",
					color: INK.accent,
					strokeWidth: 1.75,
					point: values.length <= 150 ? { size: 18, color: INK.accent } : false,
				},
				encoding,
			},
			{ data: { values: line }, mark: { type: "line", color: INK.second, strokeWidth: 2 }, encoding },
		],
	});
	return { title, caption: trendSentence(series, unitOf) + (drawn ? " The straight line is drawn." : ""), spec };
}

/** The start of every period from the first to the last. */
function periods({ from, to, interval }: Trends): number[] {
	const all: number[] = [];
	const at = new Date(
		`${from.slice(0, { day: 10, month: 7, year: 4 }[interval])}${{ day: "", month: "-01", year: "-01-01" }[interval]}`,
	);
	for (const end = Date.parse(to); at.getTime() <= end; ) {
		all.push(at.getTime());
		if (interval === "day") at.setUTCDate(at.getUTCDate() + 1);
		else if (interval === "month") at.setUTCMonth(at.getUTCMonth() + 1);
		else at.setUTCFullYear(at.getUTCFullYear() + 1);
	}
	return all;
}

function seasonChart(series: Series, unitOf: UnitOf): Draft {
	const title = `${label(series.column, 34)} through the year`;
	const values = series.season.map(({ month, mean }) => ({ place: month - 1, mean }));
	const names = MONTHS.map((month) => month.slice(0, 3));
	const spec = frame(title, {
		data: { values },
		mark: { type: "line", color: INK.accent, strokeWidth: 1.75, point: { size: 40, color: INK.accent } },
		encoding: {
			x: {
				...placed(names, "month of the year", { labelAngle: 0, grid: false }),
				scale: { domain: names.map((_, index) => index) },
			},
			y: quantitative("mean", `mean of ${titled(series.column, unitOf(series.column))}`, {
				scale: { zero: false, nice: true },
			}),
		},
	});
	return { title, caption: seasonSentence(series, unitOf), spec };
}
