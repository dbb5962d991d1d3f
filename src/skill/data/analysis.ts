/** The result of analyze: the format between analyze and visualize, and how the parts of a fan-out become one. */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import { artifactRefSchema } from "./table.ts";

/** A figure; null where it is not defined (the deviation of one value) or too large for a number. */
const figure = z.number().nullable();

const outliersSchema = z.strictObject({
	/** Tukey's fences; null when they exceed the range of numbers. */
	lower: figure,
	upper: figure,
	count: z.int(),
	/** More than half of the values are so equal that both fences fall together: each other value is then "outside". */
	collapsed: z.boolean(),
	/** The ten farthest from the median. `row` is the row of the table, from 1. */
	extremes: z.array(z.strictObject({ row: z.int(), value: z.number() })),
});

const binSchema = z.strictObject({ from: z.number(), to: z.number(), count: z.int() });

const shared = {
	column: z.string(),
	type: z.enum(["number", "integer", "boolean", "date", "string"]),
	unit: z.string().nullable(),
	/** Values that are there. */
	count: z.int(),
	missing: z.int(),
	distinct: z.int(),
};

const numericProfileSchema = z.strictObject({
	kind: z.literal("numeric"),
	...shared,
	/** Whole numbers that count the rows one by one, like a row id. */
	numbering: z.boolean(),
	zeros: z.int(),
	min: z.number(),
	max: z.number(),
	mean: figure,
	median: figure,
	standardDeviation: figure,
	quartiles: z.strictObject({ q1: figure, q2: figure, q3: figure }),
	/** Each bin holds from <= value < to; the last one holds its end too. Empty when the range exceeds what a number holds. */
	histogram: z.array(binSchema),
	outliers: outliersSchema,
});

const dateProfileSchema = z.strictObject({
	kind: z.literal("date"),
	...shared,
	min: z.string(),
	max: z.string(),
});

const textProfileSchema = z.strictObject({
	kind: z.literal("text"),
	...shared,
	/** The most frequent values, cut after 200 characters. */
	top: z.array(z.strictObject({ value: z.string(), count: z.int() })),
	/** Rows with any other value. */
	others: z.int(),
});

const profileSchema = z.discriminatedUnion("kind", [numericProfileSchema, dateProfileSchema, textProfileSchema]);

const correlationSchema = z.strictObject({
	x: z.string(),
	y: z.string(),
	/** Rows in which both have a value. */
	n: z.int(),
	/** null when a column is constant or there are fewer than three rows. */
	pearson: figure,
	spearman: figure,
});

const groupSchema = z.strictObject({
	key: z.string(),
	n: z.int(),
	mean: figure,
	median: figure,
	min: z.number(),
	max: z.number(),
	q1: figure,
	q3: figure,
});

const groupedColumnSchema = z.strictObject({
	column: z.string(),
	unit: z.string().nullable(),
	/** Eta squared: the share of the variation that lies between the groups, 0..1. */
	explained: figure,
	groups: z.array(groupSchema),
});

const groupsSchema = z.strictObject({
	by: z.string(),
	/** Rows without a group. */
	missing: z.int(),
	/** Groups beyond the fifty largest, left out of the figures below except `explained`. */
	omittedGroups: z.int(),
	columns: z.array(groupedColumnSchema),
});

const seriesSchema = z.strictObject({
	column: z.string(),
	unit: z.string().nullable(),
	n: z.int(),
	/** Of the straight line through all values (not through the means). null when it is not defined. */
	slopePerYear: figure,
	/** The line's value at the first time. */
	intercept: figure,
	r2: figure,
	trend: z.enum(["rising", "falling", "no clear trend"]),
	/** The mean of each period that has values. */
	points: z.array(z.strictObject({ period: z.string(), n: z.int(), mean: figure })),
	/** The mean of each month of the year (1..12) over all years; empty below two years. */
	season: z.array(z.strictObject({ month: z.int(), n: z.int(), mean: figure })),
	/** Eta squared of the months of the year. */
	seasonExplained: figure,
});

const trendsSchema = z.strictObject({
	time: z.string(),
	from: z.string(),
	to: z.string(),
	interval: z.enum(["day", "month", "year"]),
	series: z.array(seriesSchema),
});

export const aspectSchema = z.enum(["profile", "correlations", "groups", "trends"]);

export const analysisSchema = z.strictObject({
	table: artifactRefSchema.describe("The table it is about."),
	source: z.string().describe("Where that is from."),
	rowCount: z.int().describe("How many rows it has."),
	aspects: z.array(aspectSchema).describe("What was looked for."),
	profiles: z.array(profileSchema).describe("Each column: counts, figures, the most frequent values, outliers."),
	correlations: z.array(correlationSchema).nullable().describe("Pairs of columns; null when not asked for."),
	groups: groupsSchema
		.nullable()
		.describe("Differences between groups of rows; null when not asked for, or when no column divides the rows."),
	trends: trendsSchema
		.nullable()
		.describe("Changes over time; null when not asked for, or when there is no date column."),
	notes: z.array(z.string()).describe("What was chosen or left out, a sentence each."),
});

export type Aspect = z.output<typeof aspectSchema>;
export type Analysis = z.output<typeof analysisSchema>;
export type Profile = z.output<typeof profileSchema>;
export type NumericProfile = z.output<typeof numericProfileSchema>;
export type TextProfile = z.output<typeof textProfileSchema>;
export type Outliers = z.output<typeof outliersSchema>;
export type Bin = z.output<typeof binSchema>;
export type Correlation = z.output<typeof correlationSchema>;
export type Group = z.output<typeof groupSchema>;
export type GroupedColumn = z.output<typeof groupedColumnSchema>;
export type Groups = z.output<typeof groupsSchema>;
export type Series = z.output<typeof seriesSchema>;
export type Trends = z.output<typeof trendsSchema>;

/**
 * One analysis from the parts of a fan-out. The profiles are put together; of every other aspect the first one counts.
 * @throws E_INPUT_INVALID when the parts are of different tables
 */
export function mergeAnalyses(parts: readonly [Analysis, ...Analysis[]]): Analysis {
	const [first] = parts;
	if (parts.some((part) => part.table.ref !== first.table.ref)) {
		throw new MusterError("E_INPUT_INVALID", "The analyses are of different tables", {
			hint: "Give the outputs of analyze for one table.",
		});
	}
	const profiles = new Map(parts.flatMap((part) => part.profiles.map((profile) => [profile.column, profile])));
	const present = <Value>(values: readonly (Value | null)[]): Value | null => values.find((v) => v !== null) ?? null;
	return {
		table: first.table,
		source: first.source,
		rowCount: first.rowCount,
		aspects: [...new Set(parts.flatMap((part) => part.aspects))],
		profiles: [...profiles.values()],
		correlations: present(parts.map((part) => part.correlations)),
		groups: present(parts.map((part) => part.groups)),
		trends: present(parts.map((part) => part.trends)),
		notes: [...new Set(parts.flatMap((part) => part.notes))],
	};
}
