/**
 * inspect: one record of a table held against all others. What stands out is told cell by cell; a record that says nothing
 * at all fails, so that a fan-out over records can go on without it and say which ones are missing.
 */
import { z } from "zod";
import { MusterError, TerminalError } from "../../errors.ts";
import { type ArtifactRef, defineSkill, type SkillContext } from "../skill.ts";
import { outliersOf, quantileOf, sorted } from "./statistics.ts";
import { type Column, decodeTable, findTable, type Table, tableInputSchema, unpack } from "./table.ts";

/** Tables whose norms are kept ready: the records of one table come as many tasks. */
const TABLES_KEPT = 4;

const input = z.strictObject({
	table: tableInputSchema.optional().describe("The table, or the output of collect. Default: from the tasks before."),
	row: z.int().min(1).describe("Number of the row, from 1, as the report counts them."),
});
type Input = z.output<typeof input>;

export const inspectionSchema = z.strictObject({
	row: z.int().describe("As it was given."),
	findings: z
		.array(
			z.strictObject({
				column: z.string(),
				/** `missing`: no value where at least nine of ten rows have one. `outside`: beyond Tukey's fences. */
				problem: z.enum(["missing", "outside"]),
				value: z.number().nullable(),
				/** The fences of `outside`. */
				low: z.number().optional(),
				high: z.number().optional(),
			}),
		)
		.describe(
			"Columns in which it stands out: a value is `missing` where nine of ten rows have one, or `outside` of the fences `low` and `high`.",
		),
});
export type Inspection = z.output<typeof inspectionSchema>;

export const inspect = defineSkill<Input, Inspection>({
	name: "inspect",
	description: "Holds one record of a table against all others and tells what stands out in it.",
	pool: "analysis",
	input: input as unknown as z.ZodType<Input>,
	output: inspectionSchema,
	async run({ table: given, row }, context) {
		const ref = findTable(await unpack(given === undefined ? context.previous : [given], context.artifacts));
		if (ref === undefined) {
			throw new MusterError("E_INPUT_INVALID", "There is no table to inspect", {
				hint: 'Give "table", the output of collect, or let this task depend on a collect task.',
			});
		}
		return inspectRow(await measured(ref, context), row);
	},
});

interface Measured {
	table: Table;
	/** Fences of the numeric columns by place. */
	fences: ({ low: number; high: number } | undefined)[];
}

const kept = new Map<string, Promise<Measured>>();

async function measured(ref: ArtifactRef, { artifacts }: SkillContext): Promise<Measured> {
	let found = kept.get(ref.ref);
	if (found === undefined) {
		found = artifacts.read(ref).then((bytes) => measure(decodeTable(bytes)));
		if (kept.size >= TABLES_KEPT) kept.delete(kept.keys().next().value as string);
		kept.set(ref.ref, found);
		found.catch(() => kept.delete(ref.ref));
	}
	return found;
}

const measure = (table: Table): Measured => ({ table, fences: table.columns.map(fencesOf) });

function fencesOf({ type, values }: Column): { low: number; high: number } | undefined {
	if (type !== "number" && type !== "integer") return undefined;
	const ascending = sorted(values.filter((value) => value !== null) as number[]);
	const [q1, q2, q3] = [0.25, 0.5, 0.75].map((p) => quantileOf(ascending, p)) as [
		number | null,
		number | null,
		number | null,
	];
	const { lower, upper, collapsed } = outliersOf([], [], { q1, q2, q3 });
	// Where half of the values are the same, everything else would stand out.
	return lower === null || upper === null || collapsed ? undefined : { low: lower, high: upper };
}

/** @throws TerminalError for a row that is not there, or has no value at all */
function inspectRow({ table: { head, columns }, fences }: Measured, row: number): Inspection {
	if (row > head.rowCount) throw new TerminalError(`The table has ${head.rowCount} rows; there is no row ${row}`);
	const cells = columns.map(({ values }) => values[row - 1] ?? null);
	if (cells.every((cell) => cell === null)) throw new TerminalError(`Row ${row} has no value in any column`);
	const findings: Inspection["findings"] = [];
	for (const [place, { name, missing }] of columns.entries()) {
		const value = cells[place] ?? null;
		const fence = fences[place];
		if (value === null && missing * 10 <= head.rowCount)
			findings.push({ column: name, problem: "missing", value: null });
		if (typeof value !== "number" || fence === undefined || (value >= fence.low && value <= fence.high)) continue;
		findings.push({ column: name, problem: "outside", value, ...fence });
	}
	return { row, findings };
}
