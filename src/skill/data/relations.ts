/**
 * What the numeric columns of a table have to do with each other, with groups of rows and with time.
 * The formulas stand in statistics.ts.
 */
import { MusterError } from "../../errors.ts";
import type { Correlation, Group, GroupedColumn, Groups, Series, Trends } from "./analysis.ts";
import { correlationOf, etaSquared, meanOf, midranks, quantileOf, sorted, straightLine } from "./statistics.ts";
import { type Column, requireColumn, type Table } from "./table.ts";

const MAX_GROUPS = 50;
const LONGEST_KEY = 200;
/** A column with more distinct values than this is not chosen as the one that groups. */
const MAX_CHOSEN_GROUPS = 20;
const YEAR_MS = 365.2425 * 86_400_000;
const DAY_MS = 86_400_000;
/** Below this share of explained variation, or this many values, a line is called no clear trend. */
export const CLEAR_R2 = 0.1;
const CLEAR_COUNT = 10;

/** Pearson's and Spearman's coefficient of every pair, over the rows in which both have a value. */
export function correlationsOf(columns: readonly Column[], signal: AbortSignal): Correlation[] {
	// Ranks of a column without gaps serve all its pairs; sorting is most of the work.
	const wholeRanks = new Map<string, number[]>();
	const ranksOf = ({ name, missing }: Column, values: number[], n: number): number[] => {
		if (missing > 0 || values.length !== n) return midranks(values);
		const ranks = wholeRanks.get(name) ?? midranks(values);
		wholeRanks.set(name, ranks);
		return ranks;
	};
	const result: Correlation[] = [];
	for (const [index, a] of columns.entries()) {
		for (const b of columns.slice(index + 1)) {
			signal.throwIfAborted();
			const x: number[] = [];
			const y: number[] = [];
			for (const [row, value] of a.values.entries()) {
				const other = b.values[row];
				if (typeof value !== "number" || typeof other !== "number") continue;
				x.push(value);
				y.push(other);
			}
			const spearman = correlationOf(ranksOf(a, x, a.values.length), ranksOf(b, y, b.values.length));
			result.push({ x: a.name, y: b.name, n: x.length, pearson: correlationOf(x, y), spearman });
		}
	}
	return result;
}

/**
 * Each column's figures for each value of the column that groups.
 * @param notes takes what was chosen or left out
 */
export function groupsOf(
	table: Table,
	columns: readonly Column[],
	groupBy: string | undefined,
	notes: string[],
): Groups | null {
	if (groupBy !== undefined) requireColumn(table.head, groupBy);
	const by = table.columns.find((column) =>
		groupBy === undefined ? dividesRows(column, table.head.rowCount) : column.name === groupBy,
	);
	if (by === undefined) {
		notes.push(`No text column divides the rows into 2 to ${MAX_CHOSEN_GROUPS} groups; groups were not compared.`);
		return null;
	}
	if (groupBy === undefined)
		notes.push(`The groups are those of "${by.name}", the first column that divides the rows.`);
	const sizes = new Map<string, number>();
	for (const value of by.values) if (value !== null) sizes.set(String(value), (sizes.get(String(value)) ?? 0) + 1);
	const keys = [...sizes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([key]) => key);
	const kept = keys.slice(0, MAX_GROUPS);
	if (keys.length > MAX_GROUPS)
		notes.push(`"${by.name}" has ${keys.length} groups; the ${MAX_GROUPS} largest are shown.`);
	return {
		by: by.name,
		missing: by.missing,
		omittedGroups: keys.length - kept.length,
		columns: columns.filter((column) => column !== by).map((column) => groupedColumn(column, by, kept)),
	};
}

function dividesRows({ type, values }: Column, rowCount: number): boolean {
	if (type !== "string" && type !== "boolean") return false;
	const distinct = new Set<unknown>();
	for (const value of values) {
		if (value !== null) distinct.add(value);
		if (distinct.size > MAX_CHOSEN_GROUPS) return false;
	}
	return distinct.size >= 2 && distinct.size < rowCount;
}

function groupedColumn(column: Column, by: Column, kept: readonly string[]): GroupedColumn {
	const lists = partition(column, (row) => by.values[row] ?? null);
	const groups = kept.flatMap((key): Group[] => {
		const ascending = sorted(lists.get(key) ?? []);
		const min = ascending[0];
		const max = ascending.at(-1);
		if (min === undefined || max === undefined) return [];
		const [q1, median, q3] = [0.25, 0.5, 0.75].map((p) => quantileOf(ascending, p)) as [number, number, number];
		return [{ key: key.slice(0, LONGEST_KEY), n: ascending.length, mean: meanOf(ascending), median, min, max, q1, q3 }];
	});
	return { column: column.name, unit: column.unit, explained: etaSquared(lists.values()), groups };
}

/** The column's numbers by a key of their row; rows without a number or key are left out. */
function partition(column: Column, keyOf: (row: number) => string | number | boolean | null): Map<string, number[]> {
	const lists = new Map<string, number[]>();
	for (const [row, value] of column.values.entries()) {
		const key = keyOf(row);
		if (typeof value !== "number" || key === null) continue;
		const list = lists.get(String(key));
		if (list === undefined) lists.set(String(key), [value]);
		else list.push(value);
	}
	return lists;
}

/**
 * Each column over time: means of days, months or years by the span, and the straight line through all values.
 * @param notes takes what was chosen or left out
 */
export function trendsOf(
	table: Table,
	columns: readonly Column[],
	given: string | undefined,
	notes: string[],
): Trends | null {
	if (given !== undefined && requireColumn(table.head, given).type !== "date") {
		throw new MusterError("E_INPUT_INVALID", `"${given}" is not a date column`);
	}
	const time = table.columns.find(({ name, type }) => (given === undefined ? type === "date" : name === given));
	if (time === undefined) {
		notes.push("There is no date column; trends were not looked for.");
		return null;
	}
	const times = time.values.map((value) => (value === null ? null : Date.parse(String(value))));
	const first = times.reduce<number>((least, at) => (at !== null && at < least ? at : least), Number.POSITIVE_INFINITY);
	const last = times.reduce<number>((most, at) => (at !== null && at > most ? at : most), Number.NEGATIVE_INFINITY);
	const span = last - first;
	if (span < YEAR_MS * 0.99) {
		notes.push(`"${time.name}" spans ${Math.round(span / DAY_MS)} days; a slope per year goes beyond what was seen.`);
	}
	const interval = span <= 92 * DAY_MS ? "day" : span <= 15 * YEAR_MS ? "month" : "year";
	const series = columns.map((column) =>
		seriesOf(column, { times, first, interval, seasonal: span >= 1.99 * YEAR_MS }),
	);
	const iso = (at: number) => new Date(at).toISOString().slice(0, 10);
	return { time: time.name, from: iso(first), to: iso(last), interval, series };
}

function seriesOf(
	column: Column,
	on: { times: readonly (number | null)[]; first: number; interval: Trends["interval"]; seasonal: boolean },
): Series {
	const x: number[] = [];
	const y: number[] = [];
	for (const [row, at] of on.times.entries()) {
		const value = column.values[row];
		if (at === null || typeof value !== "number") continue;
		x.push((at - on.first) / YEAR_MS);
		y.push(value);
	}
	const length = { day: 10, month: 7, year: 4 }[on.interval];
	const isoOf = (row: number): string | null => {
		const at = on.times[row] ?? null;
		return at === null ? null : new Date(at).toISOString();
	};
	const periods = partition(column, (row) => isoOf(row)?.slice(0, length) ?? null);
	const months = on.seasonal
		? partition(column, (row) => isoOf(row)?.slice(5, 7) ?? null)
		: new Map<string, number[]>();
	const { slope, intercept, r2 } = straightLine(x, y);
	const clear = slope !== null && r2 !== null && r2 >= CLEAR_R2 && x.length >= CLEAR_COUNT;
	const means = (lists: Map<string, number[]>) =>
		[...lists].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, list]) => ({ key, n: list.length, mean: meanOf(list) }));
	return {
		column: column.name,
		unit: column.unit,
		n: x.length,
		slopePerYear: slope,
		intercept,
		r2,
		trend: clear ? (slope > 0 ? "rising" : "falling") : "no clear trend",
		points: means(periods).map(({ key, ...rest }) => ({ period: key, ...rest })),
		season: means(months).map(({ key, ...rest }) => ({ month: Number(key), ...rest })),
		seasonExplained: on.seasonal ? etaSquared(months.values()) : null,
	};
}
