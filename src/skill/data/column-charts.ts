/** Charts of single columns and of pairs of them. */
import type { Correlation, NumericProfile, TextProfile } from "./analysis.ts";
import { type Draft, type Encoding, frame, INK, placed, quantitative, WIDTH } from "./chart-frame.ts";
import { counted, label, whole } from "./display.ts";
import { axisTitle, coefficient, frequentSentence, pairSentence, spreadSentence, type UnitOf } from "./highlights.ts";
import { straightLine } from "./statistics.ts";
import type { Column } from "./table.ts";

const MAX_POINTS = 3_000;
const MAX_MATRIX = 14;
const MAX_BARS = 15;

/** Whole numbers get no ticks between them. */
const ticks = (type: string | undefined): Encoding => (type === "integer" ? { tickMinStep: 1 } : {});

/** How the values of a numeric column are spread. */
export function histogramChart(profile: NumericProfile, unitOf: UnitOf): Draft {
	const title = `Distribution of ${label(profile.column)}`;
	const spec = frame(title, {
		data: { values: profile.histogram },
		mark: { type: "bar", color: INK.accent },
		encoding: {
			x: quantitative("from", axisTitle(profile.column, unitOf), {
				bin: "binned",
				axis: { grid: false, ...ticks(profile.type) },
			}),
			x2: { field: "to" },
			y: quantitative("count", "rows", { scale: { nice: true } }),
		},
	});
	return { title, caption: spreadSentence(profile, unitOf), spec };
}

/** The most frequent values of a text column. */
export function barChart(profile: TextProfile): Draft {
	const title = `Values of ${label(profile.column)}`;
	const shown = profile.top.slice(0, MAX_BARS);
	const rest = profile.distinct - shown.length;
	// Two long values can share a label; the place keeps their bars apart.
	const values = shown.map(({ value, count }, place) => ({ place, name: label(value, 28), count, said: whole(count) }));
	const y = placed(
		values.map(({ name }) => name),
		label(profile.column),
	);
	const spec = frame(title, {
		data: { values },
		encoding: { y, x: quantitative("count", "rows", { axis: { tickCount: 6 } }) },
		layer: [
			{ mark: { type: "bar", color: INK.accent } },
			{
				mark: { type: "text", align: "left", dx: 4, color: INK.text, fontSize: 11 },
				encoding: { text: { field: "said" } },
			},
		],
	});
	const more = rest > 0 ? ` The ${shown.length} most frequent of ${counted(profile.distinct, "value")} are drawn.` : "";
	return { title, caption: frequentSentence(profile) + more, spec };
}

/** Every pair of columns at a glance. */
export function matrixChart(correlations: readonly Correlation[]): Draft {
	const names = [...new Set(correlations.flatMap(({ x, y }) => [x, y]))];
	const shown = names.slice(0, MAX_MATRIX);
	const cells = shown.flatMap((row, y) =>
		shown.map((column, x) => {
			const pair = correlations.find((c) => (c.x === row && c.y === column) || (c.x === column && c.y === row));
			const r = row === column ? 1 : (pair?.pearson ?? null);
			return { x, y, r: r ?? 0, said: coefficient(r), strong: Math.abs(r ?? 0) > 0.55 };
		}),
	);
	const labels = shown.map((name) => label(name, 18));
	const axis = (field: string, more: Encoding) => ({
		...placed(labels, "column", { domain: false, ticks: false, ...more }),
		field,
	});
	const crowded = labels.some((name) => name.length * 6.5 > (WIDTH - 140) / shown.length);
	const title = "Correlation of every pair of columns";
	const defined = correlations.filter(({ pearson }) => pearson !== null);
	const top = defined.toSorted((a, b) => Math.abs(b.pearson ?? 0) - Math.abs(a.pearson ?? 0))[0];
	const strongest =
		top === undefined
			? "No coefficient is defined."
			: `The strongest is that of ${label(top.x)} and ${label(top.y)} (${coefficient(top.pearson)}).`;
	const cut = names.length > shown.length ? ` The first ${shown.length} of ${names.length} columns are drawn.` : "";
	const spec = frame(title, {
		data: { values: cells },
		encoding: {
			x: axis("x", { labelAngle: crowded ? -30 : 0 }),
			y: axis("y", {}),
		},
		layer: [
			{
				mark: { type: "rect" },
				encoding: {
					color: {
						field: "r",
						type: "quantitative",
						title: "Pearson’s r",
						scale: { domain: [-1, 0, 1], range: ["#b5482a", "#eceae6", "#2f62a8"], interpolate: "rgb" },
						legend: null, // each cell says its figure
					},
				},
			},
			{
				mark: { type: "text", fontSize: shown.length > 8 ? 9 : 12 },
				encoding: {
					text: { field: "said" },
					color: { condition: { test: "datum.strong", value: "#fffffe" }, value: "#1f232a" },
				},
			},
		],
	});
	return {
		title,
		caption: `Pearson’s r, from −1 to 1, over the rows in which both have a value. ${strongest}${cut}`,
		spec,
	};
}

/** Two columns against each other, with the least-squares line. */
export function scatterChart(pair: Correlation, columns: readonly Column[], unitOf: UnitOf): Draft {
	const valuesOf = (name: string) => columns.find((column) => column.name === name)?.values ?? [];
	const [a, b] = [valuesOf(pair.x), valuesOf(pair.y)];
	const points = a.flatMap((x, row) => {
		const y = b[row];
		return typeof x === "number" && typeof y === "number" ? [{ x, y }] : [];
	});
	const shown = spread(points, MAX_POINTS);
	const { slope, intercept } = straightLine(
		points.map(({ x }) => x),
		points.map(({ y }) => y),
	);
	const ends = shown.reduce((range, { x }) => ({ low: Math.min(range.low, x), high: Math.max(range.high, x) }), {
		low: Number.POSITIVE_INFINITY,
		high: Number.NEGATIVE_INFINITY,
	});
	const line =
		slope === null || intercept === null ? [] : [ends.low, ends.high].map((x) => ({ x, y: intercept + slope * x }));
	const title = `${label(pair.y, 30)} against ${label(pair.x, 30)}`;
	const axis = (field: string, name: string) =>
		quantitative(field, axisTitle(name, unitOf), {
			scale: { zero: false, nice: true },
			axis: ticks(columns.find((column) => column.name === name)?.type),
		});
	const encoding = { x: axis("x", pair.x), y: axis("y", pair.y) };
	const spec = frame(title, {
		layer: [
			{
				data: { values: shown },
				mark: { type: "circle", size: 14, opacity: 0.4, color: INK.accent },
				encoding,
			},
			{ data: { values: line }, mark: { type: "line", color: INK.second, strokeWidth: 2 }, encoding },
		],
	});
	const sampled =
		shown.length < points.length
			? ` ${whole(shown.length)} of ${whole(points.length)} points are drawn, spread over all rows.`
			: "";
	return { title, caption: `${pairSentence(pair)} The line is the least-squares fit.${sampled}`, spec };
}

/** At most `limit` items, spread over the list without a period that could fall in step with the data (golden ratio steps). */
function spread<Item>(items: readonly Item[], limit: number): Item[] {
	if (items.length <= limit) return [...items];
	const chosen = new Set<number>();
	for (let i = 0; chosen.size < limit; i++) chosen.add(Math.floor(((i * 0.6180339887498949) % 1) * items.length));
	return [...chosen].sort((a, b) => a - b).flatMap((index) => items.slice(index, index + 1));
}
