/**
 * The formulas of analyze, as functions of numbers. Each names its source. Results are not rounded; one that is not
 * defined, or too large for a number, is null.
 *
 * Sources: [HF] Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996);
 * [T] Tukey, "Exploratory Data Analysis" (1977); [FD] Freedman & Diaconis, "On the histogram as a density estimator"
 * (1981); [NIST] NIST/SEMATECH e-Handbook of Statistical Methods.
 */
import { linearRegression, mean, quantileSorted, sampleCorrelation, sampleStandardDeviation } from "simple-statistics";
import type { Bin, Outliers } from "./analysis.ts";

const MAX_BINS = 40;
const EXTREMES = 10;
/** Tukey's factor for the inner fences [T]. */
const FENCE = 1.5;

export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** In rising order, without changing the argument. */
export const sorted = (values: readonly number[]): number[] => Float64Array.from(values).sort() as unknown as number[];

/** Arithmetic mean [NIST 1.3.5.1], with compensated summation (Kahan-Babuska), so that many small values do not get lost. */
export const meanOf = (values: readonly number[]): number | null =>
	values.length === 0 ? null : finite(mean(values as number[]));

/** Sample standard deviation, divisor n - 1 [NIST 1.3.5.6]; not defined for one value. */
export const deviationOf = (values: readonly number[]): number | null =>
	values.length < 2 ? null : finite(sampleStandardDeviation(values as number[]));

/** Quantile by linear interpolation at (n - 1) p: definition 7 of [HF], the default of R, NumPy, pandas and Excel's QUARTILE.INC. */
export const quantileOf = (ascending: readonly number[], p: number): number | null =>
	ascending.length === 0 ? null : finite(quantileSorted(ascending as number[], p));

/**
 * Bins of one width: 2 IQR / cube root of n [FD], rounded to 1, 2 or 5 times a power of ten, so that the edges are
 * numbers a person reads, and wide enough for at most 40 bins. Whole numbers get whole edges.
 */
export function histogram(ascending: readonly number[], whole: boolean): Bin[] {
	const min = ascending[0];
	const max = ascending.at(-1);
	if (min === undefined || max === undefined || !Number.isFinite(max - min)) return [];
	const iqr = (quantileOf(ascending, 0.75) ?? 0) - (quantileOf(ascending, 0.25) ?? 0);
	const ideal = iqr > 0 ? (2 * iqr) / Math.cbrt(ascending.length) : (max - min) / (Math.log2(ascending.length) + 1);
	let step = niceStep(ideal || Number.MIN_VALUE, "near");
	step = Math.max(step, niceStep((max - min) / MAX_BINS || Number.MIN_VALUE, "above"), whole ? 1 : 0);
	if (max === min) step = whole ? 1 : niceStep(Math.abs(max) / 100 || 1, "above");
	let first = Math.floor(min / step);
	// Where the numbers are so large or so close that an edge step is below their precision, one bin is all that can be said.
	const edge = (index: number): number => Number(((first + index) * step).toPrecision(15));
	if (!(edge(1) > edge(0)) || !Number.isFinite(edge(0))) return [{ from: min, to: max, count: ascending.length }];
	while (edge(0) > min) first--;
	const counts: number[] = [];
	let bin = 0;
	for (const value of ascending) {
		while (value >= edge(bin + 1)) bin++;
		counts[bin] = (counts[bin] ?? 0) + 1;
	}
	return Array.from(counts, (count = 0, index) => ({ from: edge(index), to: edge(index + 1), count }));
}

/** Of 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...) the one nearest to `width` by ratio, or the least that is not below it. */
function niceStep(width: number, side: "near" | "above"): number {
	const power = 10 ** Math.floor(Math.log10(width));
	const limits = side === "near" ? [Math.SQRT2, Math.sqrt(10), Math.sqrt(50)] : [1, 2, 5];
	const place = limits.findIndex((limit) => limit * power >= width * (1 - 1e-12));
	return Number((([1, 2, 5][place] ?? 10) * power).toPrecision(1)) || width;
}

/**
 * Values outside the fences Q1 - 1.5 IQR and Q3 + 1.5 IQR [T], with quartiles of definition 7 (Tukey's own hinges differ
 * slightly). `rows` holds the row of each value, from 1.
 */
export function outliersOf(
	values: readonly number[],
	rows: readonly number[],
	quartiles: { q1: number | null; q2: number | null; q3: number | null },
): Outliers {
	const { q1, q2, q3 } = quartiles;
	const lower = finite((q1 ?? Number.NaN) - FENCE * ((q3 ?? Number.NaN) - (q1 ?? Number.NaN)));
	const upper = finite((q3 ?? Number.NaN) + FENCE * ((q3 ?? Number.NaN) - (q1 ?? Number.NaN)));
	const outside: { row: number; value: number }[] = [];
	for (const [index, value] of values.entries()) {
		if ((lower !== null && value < lower) || (upper !== null && value > upper)) {
			outside.push({ row: rows[index] ?? 0, value });
		}
	}
	const distance = (value: number) => Math.abs(value - (q2 ?? 0));
	const extremes = outside
		.toSorted((a, b) => distance(b.value) - distance(a.value) || a.row - b.row)
		.slice(0, EXTREMES);
	return { lower, upper, count: outside.length, collapsed: lower !== null && lower === upper, extremes };
}

/** Ranks from 1; equal values share the mean of their ranks, as Spearman's coefficient needs them. */
export function midranks(values: readonly number[]): number[] {
	const order = Uint32Array.from(values.keys()).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
	const ranks = new Array<number>(values.length);
	for (let start = 0; start < order.length; ) {
		let end = start + 1;
		while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end++;
		for (let i = start; i < end; i++) ranks[order[i] ?? 0] = (start + 1 + end) / 2;
		start = end;
	}
	return ranks;
}

/**
 * Pearson's product-moment correlation: sample covariance over the product of the sample standard deviations
 * [NIST 1.3.3.26]. Of {@link midranks} it is Spearman's coefficient. Not defined below three pairs or for a constant.
 */
export function correlationOf(x: readonly number[], y: readonly number[]): number | null {
	if (x.length < 3) return null;
	const r = finite(sampleCorrelation(x as number[], y as number[]));
	return r === null ? null : Math.min(1, Math.max(-1, r)); // rounding can lead 1e-16 past the bound
}

/** Least-squares straight line and its coefficient of determination, the square of Pearson's r [NIST 4.1.4.1]. */
export function straightLine(
	x: readonly number[],
	y: readonly number[],
): { slope: number | null; intercept: number | null; r2: number | null } {
	if (x.length < 3 || x.every((value) => value === x[0])) return { slope: null, intercept: null, r2: null };
	const { m, b } = linearRegression(x.map((value, index) => [value, y[index] ?? 0]));
	const r = correlationOf(x, y);
	return { slope: finite(m), intercept: finite(b), r2: r === null ? null : r * r };
}

/**
 * Eta squared: the sum of squares between the groups over the total sum of squares (one-way analysis of variance
 * [NIST 7.4.3]); the share of the variation that the groups account for.
 */
export function etaSquared(groups: Iterable<readonly number[]>): number | null {
	const lists = [...groups];
	const all = meanOf(lists.flat());
	if (all === null) return null;
	let between = 0;
	let total = 0;
	for (const list of lists) {
		between += list.length * ((meanOf(list) ?? Number.NaN) - all) ** 2;
		for (const value of list) total += (value - all) ** 2;
	}
	return total > 0 ? finite(Math.min(1, between / total)) : null;
}
