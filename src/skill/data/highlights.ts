/**
 * Sentences about figures: the highlights of a report and the captions of its charts. Each is computed from the analysis
 * and holds for it; nothing is said where the figures do not carry it.
 */
import type {
	Analysis,
	Correlation,
	Group,
	GroupedColumn,
	NumericProfile,
	Series,
	TextProfile,
	Trends,
} from "./analysis.ts";
import { counted, exact, label, listed, MONTHS, percent, rounded, titled, whole, withUnit } from "./display.ts";
import type { TableHead } from "./table.ts";

export type UnitOf = (column: string) => string | null;

/** From here on a coefficient is worth a sentence (Cohen's "medium" effect). */
export const NOTABLE_CORRELATION = 0.3;
/** From here on a share of the variation is worth a sentence. */
export const NOTABLE_SHARE = 0.1;
/** Fewer rows than this carry no statement about a group or a pair. */
const FEW = 10;
const MAX_HIGHLIGHTS = 10;

/** The strength of a pair: the larger of both coefficients, without sign. */
export const strengthOf = ({ pearson, spearman }: Correlation): number =>
	Math.max(Math.abs(pearson ?? 0), Math.abs(spearman ?? 0));

/** Pairs worth looking at, strongest first. */
export const notablePairs = (analysis: Analysis): Correlation[] =>
	(analysis.correlations ?? [])
		.filter((pair) => pair.n >= FEW && strengthOf(pair) >= NOTABLE_CORRELATION)
		.toSorted((a, b) => strengthOf(b) - strengthOf(a));

/** What a reader should know first. */
export function highlightsOf(analysis: Analysis, head: TableHead, unitOf: UnitOf): string[] {
	const numeric = analysis.profiles.filter((profile) => profile.kind === "numeric");
	const text = analysis.profiles.filter((profile) => profile.kind === "text");
	const sentences = [extent(analysis, head)];
	for (const profile of text.filter(isFrequent).slice(0, 2)) sentences.push(frequentSentence(profile));
	for (const pair of notablePairs(analysis).slice(0, 2)) sentences.push(pairSentence(pair));
	const byShare = (analysis.groups?.columns ?? []).toSorted((a, b) => (b.explained ?? 0) - (a.explained ?? 0));
	for (const column of byShare.filter(({ explained }) => (explained ?? 0) >= NOTABLE_SHARE).slice(0, 2)) {
		sentences.push(groupSentence(column, analysis.groups?.by ?? "", unitOf));
	}
	sentences.push(...seasonHighlights(analysis.trends, unitOf), ...trendHighlights(analysis.trends, unitOf));
	const skewed = numeric.find(({ zeros, count }) => zeros >= count / 2 && zeros < count);
	if (skewed !== undefined) {
		const { column, zeros, count } = skewed;
		sentences.push(
			`${whole(zeros)} of ${counted(count, "value")} of ${label(column)} (${percent(zeros / count)}) are 0.`,
		);
	}
	const odd = numeric.filter(({ outliers }) => outliers.count > 0 && !outliers.collapsed);
	const most = odd.toSorted((a, b) => b.outliers.count / b.count - a.outliers.count / a.count)[0];
	if (most !== undefined) sentences.push(outlierSentence(most, unitOf));
	return sentences.filter((sentence) => sentence !== "").slice(0, MAX_HIGHLIGHTS);
}

function extent(analysis: Analysis, head: TableHead): string {
	const missing = head.columns.reduce((sum, column) => sum + column.missing, 0);
	const cells = head.columns.length * head.rowCount;
	const gaps =
		missing === 0
			? "no value is missing"
			: `${whole(missing)} of ${whole(cells)} values are missing (${percent(missing / cells)})`;
	const span = analysis.trends === null ? "" : `, from ${analysis.trends.from} to ${analysis.trends.to}`;
	const rejected = head.rejectedCount === 0 ? "" : `; ${counted(head.rejectedCount, "row")} could not be read`;
	return `The data has ${counted(head.rowCount, "row")} of ${counted(head.columns.length, "column")}${span}; ${gaps}${rejected}.`;
}

/** True when the most frequent value fills a tenth of the rows: of names and texts the first one means little. */
const isFrequent = ({ top, count }: TextProfile): boolean => (top[0]?.count ?? 0) >= count * NOTABLE_SHARE;

/** Which value is the most frequent. Empty when no value stands out. */
export function frequentSentence({ column, count, distinct, top }: TextProfile): string {
	const first = top[0];
	if (first === undefined) return "";
	if (first.count === 1 && count > 1) return "";
	if (distinct === 1) return `All ${counted(count, "value")} of ${label(column)} are “${label(first.value)}”.`;
	const equal = top.filter((entry) => entry.count === first.count);
	const share = `${whole(first.count)} of ${whole(count)}, ${percent(first.count / count)}`;
	if (equal.length > 3) return "";
	if (equal.length > 1) {
		const names = listed(equal.map(({ value }) => `“${label(value)}”`));
		return `The most frequent values of ${label(column)} are ${names} (${share} each).`;
	}
	const second = top[1];
	const next = second === undefined ? "" : `, followed by “${label(second.value)}” (${whole(second.count)})`;
	return `The most frequent value of ${label(column)} is “${label(first.value)}” (${share})${next}.`;
}

/** How two columns go together. */
export function pairSentence({ x, y, n, pearson, spearman }: Correlation): string {
	const figures = `Pearson’s r = ${coefficient(pearson)}, Spearman’s ρ = ${coefficient(spearman)}, n = ${whole(n)}`;
	const [a, b] = [label(x), label(y)];
	if (pearson === null || spearman === null)
		return `The correlation of ${a} and ${b} is not defined (n = ${whole(n)}).`;
	const strength = Math.max(Math.abs(pearson), Math.abs(spearman));
	if (strength < NOTABLE_CORRELATION) return `${a} and ${b} hardly go together (${figures}).`;
	// With a few far points the two can disagree in sign; then no direction is claimed.
	if (Math.sign(pearson) !== Math.sign(spearman))
		return `${a} and ${b} are related, but not in one direction (${figures}).`;
	const how = strength >= 0.7 ? "strong" : strength >= 0.5 ? "moderate" : "weak";
	const together = pearson > 0 ? `${a} and ${b} rise together` : `Where ${a} is higher, ${b} tends to be lower`;
	return `${together}: a ${how} relation (${figures}).`;
}

/** Two decimals, but never "1.00" for a relation that is not perfect. */
export function coefficient(value: number | null): string {
	if (value === null) return "–";
	const text = Math.abs(value) < 1 && Math.abs(value) > 0.995 ? value.toFixed(4) : value.toFixed(2);
	return text.replace(/^-/, "\u2212").replace(/^\u2212(0\.0+)$/, "$1");
}

/** Which group has the highest and the lowest mean. Groups of a few rows are passed over when larger ones can be compared. */
export function groupSentence({ column, explained, groups }: GroupedColumn, by: string, unitOf: UnitOf): string {
	const [name, groupName] = [label(column), label(by)];
	const large = groups.filter(({ n }) => n >= FEW);
	const compared = large.length > 1 ? large : groups;
	const known = compared.filter((group) => group.mean !== null).toSorted((a, b) => (b.mean ?? 0) - (a.mean ?? 0));
	const [high, low] = [known[0], known.at(-1)];
	if (high === undefined || low === undefined || high === low) return `There are no two groups of ${name} to compare.`;
	const among = compared.length < groups.length ? `Among the groups of at least ${FEW} rows, the` : "The";
	const mean = (group: Group) => withUnit(rounded(group.mean), unitOf(column));
	if (high.mean === low.mean) return `${among} mean of ${name} is the same for all ${groupName} (${mean(high)}).`;
	const tell = (group: Group) => `“${label(group.key)}” (${mean(group)}, n = ${whole(group.n)})`;
	const least = known.filter((group) => group.mean === low.mean);
	const equal = listed(least.slice(0, 4).map(({ key }) => `“${label(key)}”`));
	const lowest = least.length === 1 ? tell(low) : `${equal} (${mean(low)})`;
	const share = explained === null ? "" : `; ${groupName} accounts for ${percent(explained)} of its variation`;
	return `${among} mean of ${name} is highest for ${groupName} ${tell(high)} and lowest for ${lowest}${share}.`;
}

/** The straight line over time, or that there is none to speak of. */
export function trendSentence({ column, n, slopePerYear, r2, trend }: Series, unitOf: UnitOf): string {
	const name = label(column);
	if (slopePerYear === null || r2 === null) return `A trend of ${name} is not defined (n = ${whole(n)}).`;
	const slope = withUnit(`${slopePerYear > 0 ? "+" : ""}${rounded(slopePerYear)}`, unitOf(column));
	const fit = `${slope} a year explains ${percent(r2)} of the variation (n = ${whole(n)})`;
	if (trend === "no clear trend") return `No clear trend of ${name}: a straight line of ${fit}.`;
	return `${name} is ${trend}: a straight line of ${fit}.`;
}

function trendHighlights(trends: Trends | null, unitOf: UnitOf): string[] {
	if (trends === null || trends.series.length === 0) return [];
	const clear = trends.series.filter(({ trend }) => trend !== "no clear trend");
	if (clear.length > 0) {
		const strongest = clear.toSorted((a, b) => (b.r2 ?? 0) - (a.r2 ?? 0)).slice(0, 2);
		return strongest.map((series) => trendSentence(series, unitOf));
	}
	const most = Math.max(...trends.series.map(({ r2 }) => r2 ?? 0));
	return [
		`No column shows a clear trend over ${label(trends.time)}: straight lines explain at most ${percent(most)} of the variation.`,
	];
}

/** The months of the year with the highest and the lowest mean. */
export function seasonSentence({ column, season, seasonExplained }: Series, unitOf: UnitOf): string {
	const known = season.filter(({ mean }) => mean !== null).toSorted((a, b) => (b.mean ?? 0) - (a.mean ?? 0));
	const high = known[0];
	const low = known.at(-1);
	if (high === undefined || low === undefined) return "";
	const tell = (at: typeof high) => `${MONTHS[at.month - 1]} (mean ${withUnit(rounded(at.mean), unitOf(column))})`;
	return `${label(column)} follows the seasons: highest in ${tell(high)}, lowest in ${tell(low)}; the month of the year accounts for ${percent(seasonExplained ?? 0)} of its variation.`;
}

/** Columns whose months of the year differ, most first. */
export const seasonal = (trends: Trends | null): Series[] =>
	(trends?.series ?? [])
		.filter(({ seasonExplained, season }) => (seasonExplained ?? 0) >= NOTABLE_SHARE && season.length > 1)
		.toSorted((a, b) => (b.seasonExplained ?? 0) - (a.seasonExplained ?? 0));

const seasonHighlights = (trends: Trends | null, unitOf: UnitOf): string[] =>
	seasonal(trends)
		.slice(0, 1)
		.map((series) => seasonSentence(series, unitOf));

/** How many values lie outside the fences, and the farthest. */
export function outlierSentence({ column, count, outliers }: NumericProfile, unitOf: UnitOf): string {
	const unit = unitOf(column);
	if (outliers.count === 0) return `No value of ${label(column)} lies outside Tukey’s fences.`;
	const farthest = outliers.extremes[0];
	const far =
		farthest === undefined
			? ""
			: `; the farthest is ${withUnit(exact(farthest.value), unit)} in row ${whole(farthest.row)}`;
	const verb = outliers.count === 1 ? "lies" : "lie";
	return `${whole(outliers.count)} of ${counted(count, "value")} of ${label(column)} (${percent(outliers.count / count)}) ${verb} outside Tukey’s fences (${rounded(outliers.lower)} to ${withUnit(rounded(outliers.upper), unit)})${far}.`;
}

/** Where the middle half of a column lies. */
export function spreadSentence(
	{ column, count, quartiles, median, min, max, zeros }: NumericProfile,
	unitOf: UnitOf,
): string {
	const unit = unitOf(column);
	const many = zeros >= count / 2 && zeros < count ? `${percent(zeros / count)} of the values are 0; ` : "";
	if (min === max) return `All ${counted(count, "value")} of ${label(column)} are ${withUnit(exact(min), unit)}.`;
	const middle = `the middle half of the ${counted(count, "value")} lies between ${rounded(quartiles.q1)} and ${withUnit(rounded(quartiles.q3), unit)}`;
	const sentence = `${many}${middle}, the median is ${withUnit(rounded(median), unit)}.`;
	return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

export const axisTitle = (column: string, unitOf: UnitOf): string => titled(column, unitOf(column));
