/**
 * analyze: what the figures of a table say. Profiles of columns, correlations, groups and trends, as data.
 *
 * Work can be divided: one task per column with `{columns: [c], aspects: ["profile"]}` and one for the relations;
 * visualize puts their outputs together. The formulas stand in statistics.ts.
 */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import { defineSkill } from "../skill.ts";
import { type Analysis, analysisSchema, aspectSchema, type NumericProfile, type Profile } from "./analysis.ts";
import { correlationsOf, groupsOf, trendsOf } from "./relations.ts";
import { deviationOf, histogram, meanOf, outliersOf, quantileOf, sorted } from "./statistics.ts";
import { type Column, decodeTable, findTable, requireColumn, type Table, tableInputSchema, unpack } from "./table.ts";

const TOP_VALUES = 20;
const TOP_VALUE_LENGTH = 200;
/** Relations are of every pair, so their number is bounded by the columns. */
const MAX_RELATED_COLUMNS = 60;

const input = z.strictObject({
	table: tableInputSchema.optional().describe("The table, or the output of collect. Default: from the tasks before."),
	columns: z.array(z.string()).min(1).max(2_000).optional().describe("Only these columns. Default: all."),
	aspects: z
		.array(aspectSchema)
		.min(1)
		.default(["profile", "correlations", "groups", "trends"])
		.describe("What to look for."),
	groupBy: z
		.string()
		.optional()
		.describe("The column that divides the rows into groups. Default: the first text column of 2 to 20 values."),
	time: z.string().optional().describe("The date column of the trends. Default: the first."),
});
type Input = z.output<typeof input>;

export const analyze = defineSkill<Input, Analysis>({
	name: "analyze",
	description: "Profiles the columns of a table and finds correlations, differences between groups, and trends.",
	pool: "analysis",
	thread: import.meta.url,
	input: input as unknown as z.ZodType<Input>,
	output: analysisSchema,
	async run(input, context) {
		const sources = input.table === undefined ? context.previous : [input.table];
		const table = findTable(await unpack(sources, context.artifacts));
		if (table === undefined) {
			throw new MusterError("E_INPUT_INVALID", "There is no table to analyze", {
				hint: 'Give "table", the output of collect, or let this task depend on a collect task.',
			});
		}
		const profileOnly = input.aspects.every((aspect) => aspect === "profile");
		const decoded = decodeTable(await context.artifacts.read(table), profileOnly ? input.columns : undefined);
		for (const name of input.columns ?? []) requireColumn(decoded.head, name);
		return { table, ...analyzeTable(decoded, input, context) };
	},
});

/** What a long computation looks at now and then. */
interface Watch {
	readonly signal: AbortSignal;
	progress(fraction: number, message?: string): void;
}

/** The analysis of a decoded table, for a caller that holds it already. */
export function analyzeTable(table: Table, input: Input, watch: Watch): Omit<Analysis, "table"> {
	const { aspects } = input;
	const notes: string[] = [];
	const chosen = table.columns.filter(({ name }) => input.columns?.includes(name) ?? true);
	const profiles = !aspects.includes("profile")
		? []
		: chosen.map((column, index) => {
				watch.signal.throwIfAborted();
				watch.progress((0.5 * index) / chosen.length, `profile of ${column.name}`);
				return profileOf(column);
			});
	const related = aspects.some((aspect) => aspect !== "profile") ? relatedColumns(chosen, input, notes) : [];
	watch.progress(0.5, "relations");
	const correlations = aspects.includes("correlations") ? correlationsOf(related, watch.signal) : null;
	watch.signal.throwIfAborted();
	const groups = aspects.includes("groups") ? groupsOf(table, related, input.groupBy, notes) : null;
	watch.signal.throwIfAborted();
	const trends = aspects.includes("trends") ? trendsOf(table, related, input.time, notes) : null;
	const { source, rowCount } = table.head;
	return { source, rowCount, aspects: [...new Set(aspects)], profiles, correlations, groups, trends, notes };
}

const isNumeric = ({ type }: Column): boolean => type === "number" || type === "integer";

/** Numeric columns for the relations, without those that only number the rows, unless they were asked for by name. */
function relatedColumns(columns: readonly Column[], input: Input, notes: string[]): Column[] {
	const numeric = columns.filter((column) => isNumeric(column));
	const numbering = input.columns === undefined ? numeric.filter((column) => isNumbering(column)) : [];
	for (const { name } of numbering) notes.push(`"${name}" only numbers the rows; it is left out of the relations.`);
	const related = numeric.filter((column) => !numbering.includes(column));
	if (related.length > MAX_RELATED_COLUMNS) {
		notes.push(`Relations are of the first ${MAX_RELATED_COLUMNS} of ${related.length} numeric columns.`);
	}
	return related.slice(0, MAX_RELATED_COLUMNS);
}

/** Whole numbers that go up by one from row to row. */
function isNumbering({ type, values }: Column): boolean {
	const first = values[0];
	return (
		type === "integer" &&
		values.length > 2 &&
		typeof first === "number" &&
		values.every((value, index) => value === first + index)
	);
}

function profileOf(column: Column): Profile {
	const { name, type, unit, missing, values } = column;
	const present = values.filter((value) => value !== null);
	const distinct = new Set(present).size;
	const shared = { column: name, type, unit, count: present.length, missing, distinct };
	if (isNumeric(column)) return numericProfile(column, shared);
	if (type === "date") {
		const texts = present as string[];
		const least = texts.reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a));
		const greatest = texts.reduce((a, b) => (Date.parse(b) > Date.parse(a) ? b : a));
		return { kind: "date", ...shared, min: least, max: greatest };
	}
	const counts = new Map<string, number>();
	for (const value of present) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
	const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, TOP_VALUES);
	const others = present.length - top.reduce((sum, [, count]) => sum + count, 0);
	const cut = (text: string) => (text.length > TOP_VALUE_LENGTH ? `${text.slice(0, TOP_VALUE_LENGTH)}…` : text);
	return { kind: "text", ...shared, top: top.map(([value, count]) => ({ value: cut(value), count })), others };
}

function numericProfile(
	column: Column,
	shared: Pick<NumericProfile, "column" | "type" | "unit" | "count" | "missing" | "distinct">,
): NumericProfile {
	const values: number[] = [];
	const rows: number[] = [];
	for (const [index, value] of column.values.entries()) {
		if (typeof value !== "number") continue;
		values.push(value);
		rows.push(index + 1);
	}
	const ascending = sorted(values);
	const median = quantileOf(ascending, 0.5);
	const quartiles = { q1: quantileOf(ascending, 0.25), q2: median, q3: quantileOf(ascending, 0.75) };
	return {
		kind: "numeric",
		...shared,
		numbering: isNumbering(column),
		zeros: values.filter((value) => value === 0).length,
		min: ascending[0] ?? 0,
		max: ascending.at(-1) ?? 0,
		mean: meanOf(values),
		median,
		standardDeviation: deviationOf(values),
		quartiles,
		histogram: histogram(ascending, column.type === "integer"),
		outliers: outliersOf(values, rows, quartiles),
	};
}
