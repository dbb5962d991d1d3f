/** The figures are recomputed here from the raw file with formulas as they stand in textbooks, not with the library in use. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import type { ArtifactRef } from "../skill.ts";
import { type Analysis, mergeAnalyses, type NumericProfile, type Profile } from "./analysis.ts";
import { analyze } from "./analyze.ts";
import { type Cell, typeColumn } from "./column-type.ts";
import { histogram, midranks, outliersOf, quantileOf, sorted } from "./statistics.ts";
import { encodeTable, TABLE_MEDIA_TYPE, TABLE_NAME } from "./table.ts";

async function tableFrom(harness: Harness, columns: Record<string, Cell[]>): Promise<ArtifactRef> {
	const entries = Object.entries(columns);
	const rowCount = entries[0]?.[1].length ?? 0;
	const head = { source: "test", format: "csv", rowCount, truncated: false, rejected: [], rejectedCount: 0, notes: [] };
	const typed = entries.map(([name, values]) => ({ name, unit: null, ...typeColumn(values) }));
	return await harness.artifacts.put(TABLE_NAME, encodeTable(head, typed), TABLE_MEDIA_TYPE);
}

async function analyzed(columns: Record<string, Cell[]>, input: Record<string, unknown> = {}): Promise<Analysis> {
	const harness = createHarness();
	const table = await tableFrom(harness, columns);
	return (await runSkill(analyze, { table, ...input }, harness)) as unknown as Analysis;
}

const lines = readFileSync("samples/data/seattle-weather.csv", "utf8").trim().split("\n");
const header = lines[0]?.split(",") ?? [];
const raw = Object.fromEntries(header.map((name, i) => [name, lines.slice(1).map((line) => line.split(",")[i] ?? "")]));
const NUMERIC = ["precipitation", "temp_max", "temp_min", "wind"];
const rawNumbers = (name: string): number[] => (raw[name] ?? []).map(Number);

const close = (actual: number | null | undefined, expected: number, what: string) => {
	assert.ok(
		typeof actual === "number" && Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
		`${what}: ${actual} is not ${expected}`,
	);
};

const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function naiveQuantile(values: number[], p: number): number {
	const ascending = [...values].sort((a, b) => a - b);
	const at = (ascending.length - 1) * p;
	const [low, high] = [ascending[Math.floor(at)] ?? 0, ascending[Math.ceil(at)] ?? 0];
	return low + (at - Math.floor(at)) * (high - low);
}

function naivePearson(x: number[], y: number[]): number {
	const [mx, my] = [average(x), average(y)];
	const sum = (f: (i: number) => number) => x.reduce((total, _, i) => total + f(i), 0);
	const dx = (i: number) => (x[i] ?? 0) - mx;
	const dy = (i: number) => (y[i] ?? 0) - my;
	return sum((i) => dx(i) * dy(i)) / Math.sqrt(sum((i) => dx(i) ** 2) * sum((i) => dy(i) ** 2));
}

/** A value's rank is one more than how many are less, plus half of how many others are equal. */
const naiveRanks = (values: number[]): number[] =>
	values.map((v) => 1 + values.filter((w) => w < v).length + (values.filter((w) => w === v).length - 1) / 2);

const numeric = (profile: Profile | undefined): NumericProfile => {
	assert.ok(profile?.kind === "numeric");
	return profile;
};

const sample = analyzed(raw as Record<string, Cell[]>);

test("the profiles of the sample are those of its raw file", async () => {
	const { profiles, rowCount } = await sample;
	assert.equal(rowCount, 1_461);
	for (const name of NUMERIC) {
		const profile = numeric(profiles.find(({ column }) => column === name));
		const values = rawNumbers(name);
		const mean = average(values);
		close(profile.mean, mean, `${name} mean`);
		const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
		close(profile.standardDeviation, Math.sqrt(variance), `${name} deviation`);
		close(profile.quartiles.q1, naiveQuantile(values, 0.25), `${name} q1`);
		close(profile.median, naiveQuantile(values, 0.5), `${name} median`);
		close(profile.quartiles.q3, naiveQuantile(values, 0.75), `${name} q3`);
		assert.equal(profile.min, Math.min(...values));
		assert.equal(profile.max, Math.max(...values));
		assert.equal(profile.distinct, new Set(values).size);
		assert.equal(profile.zeros, values.filter((value) => value === 0).length);
		assert.deepEqual([profile.count, profile.missing], [1_461, 0]);
	}
});

test("each bin of the sample's histograms holds the rows of the raw file between its edges", async () => {
	for (const name of NUMERIC) {
		const { histogram: bins } = numeric((await sample).profiles.find(({ column }) => column === name));
		assert.ok(bins.length >= 10 && bins.length <= 41, `${name} has ${bins.length} bins`);
		for (const { from, to, count } of bins) {
			assert.equal(rawNumbers(name).filter((value) => value >= from && value < to).length, count, `${name} ${from}`);
		}
	}
});

test("the outliers of the sample are the rows of the raw file outside Tukey's fences", async () => {
	for (const name of NUMERIC) {
		const { outliers } = numeric((await sample).profiles.find(({ column }) => column === name));
		const values = rawNumbers(name);
		const [q1, q3] = [naiveQuantile(values, 0.25), naiveQuantile(values, 0.75)];
		close(outliers.lower, q1 - 1.5 * (q3 - q1), `${name} lower`);
		close(outliers.upper, q3 + 1.5 * (q3 - q1), `${name} upper`);
		const outside = values.filter((value) => value < q1 - 1.5 * (q3 - q1) || value > q3 + 1.5 * (q3 - q1));
		assert.equal(outliers.count, outside.length);
		for (const { row, value } of outliers.extremes) assert.equal(values[row - 1], value);
		const median = naiveQuantile(values, 0.5);
		const farthest = outside.map((value) => Math.abs(value - median)).sort((a, b) => b - a);
		assert.deepEqual(
			outliers.extremes.map(({ value }) => Math.abs(value - median)),
			farthest.slice(0, 10),
		);
	}
});

test("the values of a text column are counted as in the raw file", async () => {
	const profile = (await sample).profiles.find(({ column }) => column === "weather");
	assert.ok(profile?.kind === "text");
	assert.deepEqual(
		profile.top.map(({ value, count }) => [value, count]),
		["rain", "sun", "fog", "drizzle", "snow"].map((kind) => [kind, raw.weather?.filter((w) => w === kind).length]),
	);
});

test("the correlations of the sample are those of its raw file, ranks with ties included", async () => {
	const { correlations } = await sample;
	assert.equal(correlations?.length, 6);
	for (const { x, y, n, pearson, spearman } of correlations ?? []) {
		const [a, b] = [rawNumbers(x), rawNumbers(y)];
		assert.equal(n, 1_461);
		close(pearson, naivePearson(a, b), `${x} ${y} Pearson`);
		close(spearman, naivePearson(naiveRanks(a), naiveRanks(b)), `${x} ${y} Spearman`);
	}
});

test("the groups of the sample are those of its raw file, with the share of variation between them", async () => {
	const { groups } = await sample;
	assert.equal(groups?.by, "weather");
	for (const { column, groups: found, explained } of groups?.columns ?? []) {
		const values = rawNumbers(column);
		const mean = average(values);
		let between = 0;
		for (const group of found) {
			const inside = values.filter((_, row) => raw.weather?.[row] === group.key);
			assert.equal(group.n, inside.length);
			close(group.mean, average(inside), `${column} ${group.key} mean`);
			close(group.median, naiveQuantile(inside, 0.5), `${column} ${group.key} median`);
			assert.deepEqual([group.min, group.max], [Math.min(...inside), Math.max(...inside)]);
			between += inside.length * (average(inside) - mean) ** 2;
		}
		close(explained, between / values.reduce((sum, value) => sum + (value - mean) ** 2, 0), `${column} eta squared`);
	}
});

test("the trends of the sample are those of its raw file: monthly means, slope per year and fit", async () => {
	const { trends } = await sample;
	assert.deepEqual(
		[trends?.time, trends?.interval, trends?.from, trends?.to],
		["date", "month", "2012-01-01", "2015-12-31"],
	);
	const years = (raw.date ?? []).map((date) => (Date.parse(date) - Date.parse("2012-01-01")) / (365.2425 * 86_400_000));
	for (const series of trends?.series ?? []) {
		const values = rawNumbers(series.column);
		assert.equal(series.points.length, 48);
		for (const { period, n, mean } of series.points) {
			const inside = values.filter((_, row) => raw.date?.[row]?.startsWith(period));
			assert.equal(n, inside.length);
			close(mean, average(inside), `${series.column} ${period}`);
		}
		for (const { month, mean } of series.season) {
			const inside = values.filter((_, row) => Number(raw.date?.[row]?.slice(5, 7)) === month);
			close(mean, average(inside), `${series.column} month ${month}`);
		}
		const [mt, mv] = [average(years), average(values)];
		const slope =
			years.reduce((sum, t, i) => sum + (t - mt) * ((values[i] ?? 0) - mv), 0) /
			years.reduce((sum, t) => sum + (t - mt) ** 2, 0);
		close(series.slopePerYear, slope, `${series.column} slope`);
		close(series.r2, naivePearson(years, values) ** 2, `${series.column} r2`);
		assert.equal(series.trend, "no clear trend");
	}
});

test("a steady rise is a clear trend with its slope", async () => {
	const dates = Array.from({ length: 60 }, (_, month) => new Date(Date.UTC(2000, month)).toISOString().slice(0, 10));
	const values = dates.map((date) =>
		String(1 + (3 * (Date.parse(date) - Date.parse("2000-01-01"))) / (365.2425 * 86_400_000)),
	);
	const { trends } = await analyzed({ when: dates, value: values });
	const series = trends?.series[0];
	assert.equal(series?.trend, "rising");
	close(series?.slopePerYear, 3, "slope");
	close(series?.r2, 1, "r2");
});

test("the span decides between days, months and years", async () => {
	const spans = {
		day: ["2020-01-01", "2020-03-01"],
		month: ["2020-01-01", "2022-01-01"],
		year: ["1950-01-01", "2020-01-01"],
	};
	for (const [interval, [from = "", to = ""]] of Object.entries(spans)) {
		assert.equal((await analyzed({ date: [from, to], v: ["1", "2"] })).trends?.interval, interval);
	}
});

test("pairs are taken where both have a value", async () => {
	const { correlations } = await analyzed({ a: ["1", "2", "", "4", "5"], b: ["2", "", "9", "8", "10"] });
	const [pair] = correlations ?? [];
	assert.equal(pair?.n, 3);
	close(pair?.pearson, naivePearson([1, 4, 5], [2, 8, 10]), "Pearson");
});

test("what is not defined is null, not a number", async () => {
	const { profiles, correlations, trends } = await analyzed({ when: ["2020-01-01"], a: ["5"], b: ["7"] });
	const profile = numeric(profiles.find(({ column }) => column === "a"));
	assert.equal(profile.standardDeviation, null);
	assert.deepEqual([profile.mean, profile.median, profile.min, profile.max], [5, 5, 5, 5]);
	assert.equal(correlations?.[0]?.pearson, null);
	assert.deepEqual([trends?.series[0]?.slopePerYear, trends?.series[0]?.trend], [null, "no clear trend"]);
	const constant = await analyzed({ a: ["3", "3", "3", "3"], b: ["1", "2", "4", "8"] });
	assert.equal(constant.correlations?.[0]?.pearson, null);
});

test("numbers too large to add up give null and no error", async () => {
	const { profiles } = await analyzed({ a: ["1e308", "-1e308", "1e308", "1.5e308"] });
	const profile = numeric(profiles[0]);
	assert.equal(profile.standardDeviation, null);
	assert.equal(profile.max, 1.5e308);
	assert.deepEqual(profile.histogram, []);
});

test("an empty table and a column without a value are profiled as such", async () => {
	const none = await analyzed({ a: [], b: [] });
	assert.deepEqual(
		none.profiles.map(({ kind, count }) => [kind, count]),
		[
			["text", 0],
			["text", 0],
		],
	);
	const { profiles } = await analyzed({ a: ["NA", "", "-"], b: ["1", "2", "3"] });
	assert.deepEqual([profiles[0]?.kind, profiles[0]?.count, profiles[0]?.missing], ["text", 0, 3]);
});

test("a column that only numbers the rows is left out of the relations, unless it is asked for", async () => {
	const columns = { id: ["1", "2", "3", "4"], a: ["2", "1", "4", "3"], b: ["1.5", "2", "3", "3"] };
	const { correlations, notes } = await analyzed(columns);
	assert.deepEqual(
		correlations?.map(({ x, y }) => [x, y]),
		[["a", "b"]],
	);
	assert.ok(notes.some((note) => note.includes('"id" only numbers the rows')));
	const asked = await analyzed(columns, { columns: ["id", "a"] });
	assert.deepEqual(
		asked.correlations?.map(({ x, y }) => [x, y]),
		[["id", "a"]],
	);
});

test("the parts of a fan-out make the same analysis as one task", async () => {
	const harness = createHarness();
	const table = await tableFrom(harness, raw as Record<string, Cell[]>);
	const run = async (input: object) => (await runSkill(analyze, { table, ...input }, harness)) as unknown as Analysis;
	const whole = await run({});
	const relations = await run({ aspects: ["correlations", "groups", "trends"] });
	const profiles = await Promise.all(header.map((name) => run({ columns: [name], aspects: ["profile"] })));
	const merged = mergeAnalyses([relations, ...profiles]);
	assert.deepEqual(
		{ ...merged, aspects: [...merged.aspects].sort() },
		{ ...whole, aspects: [...whole.aspects].sort() },
	);
});

test("analyses of two tables are not put together", async () => {
	const [a, b] = [await analyzed({ a: ["1"] }), await analyzed({ b: ["1"] })];
	assert.throws(() => mergeAnalyses([a, b]), { code: "E_INPUT_INVALID" });
});

test("the table is found in the output of the task before", async () => {
	const harness = createHarness({ previous: [{ other: 1 }] });
	const table = await tableFrom(harness, { a: ["1", "2"] });
	const context = { ...harness.context, previous: [{ other: 1 }, { table: { ...table } }] };
	const output = await analyze.run({ aspects: ["profile"] }, context);
	assert.equal(output.profiles.length, 1);
});

test("a missing table, an unknown column and a time that is no date are refused", async () => {
	await assert.rejects(runSkill(analyze, {}), { code: "E_INPUT_INVALID", hint: /collect/ });
	const columns = { a: ["1", "2"], b: ["x", "y"] };
	for (const input of [{ columns: ["c"] }, { groupBy: "c" }, { time: "a" }, { time: "c" }]) {
		await assert.rejects(analyzed(columns, input), { code: "E_INPUT_INVALID" }, JSON.stringify(input));
	}
	const harness = createHarness();
	const other = await harness.artifacts.put("x", "text", TABLE_MEDIA_TYPE);
	await assert.rejects(runSkill(analyze, { table: other }, harness), { code: "E_INPUT_INVALID" });
});

test("beyond fifty groups the largest are kept, and the rest is counted", async () => {
	const by = Array.from({ length: 120 }, (_, row) => `g${row % 60}`);
	const { groups, notes } = await analyzed(
		{ by, v: by.map((_, row) => String(row)) },
		{ groupBy: "by", columns: ["v"] },
	);
	assert.deepEqual([groups?.columns[0]?.groups.length, groups?.omittedGroups], [50, 10]);
	assert.ok(notes.some((note) => note.includes("60 groups")));
});

const numbers = fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { minLength: 1, maxLength: 60 });

test("a quantile lies between its neighbours, grows with p, and does not depend on the order", () => {
	fc.assert(
		fc.property(numbers, (values) => {
			const ascending = sorted(values);
			let last = Number.NEGATIVE_INFINITY;
			for (const p of [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]) {
				const q = quantileOf(ascending, p) ?? Number.NaN;
				close(q, naiveQuantile(values.toReversed(), p), `p = ${p}`);
				assert.ok(q >= last - Math.abs(last) * 1e-12);
				last = q;
			}
		}),
	);
});

test("the bins of a histogram follow each other and hold every value once, whatever the numbers", () => {
	const any = fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer()), {
		minLength: 1,
		maxLength: 50,
	});
	fc.assert(
		fc.property(any, (values) => {
			const bins = histogram(sorted(values), false);
			if (bins.length === 0) return;
			assert.ok(bins.length <= 42);
			assert.equal(
				bins.reduce((sum, { count }) => sum + count, 0),
				values.length,
			);
			for (const [index, bin] of bins.entries()) if (index > 0) assert.equal(bin.from, bins[index - 1]?.to);
			assert.ok((bins[0]?.from ?? 0) <= Math.min(...values) && (bins.at(-1)?.to ?? 0) >= Math.max(...values));
		}),
		{ numRuns: 500 },
	);
});

test("ranks are those of counting, with ties shared", () => {
	const few = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 30 });
	fc.assert(fc.property(few, (values) => assert.deepEqual(midranks(values), naiveRanks(values))));
});

test("fences that fall together are named as such", () => {
	const values = [1, 1, 1, 1, 1, 9];
	const found = outliersOf(values, [1, 2, 3, 4, 5, 6], { q1: 1, q2: 1, q3: 1 });
	assert.deepEqual([found.count, found.collapsed, found.extremes], [1, true, [{ row: 6, value: 9 }]]);
});
