/**
 * The typed table: the format in which collect hands data to analyze and visualize.
 *
 * It is an artifact of JSON lines: the head first, then the values of one column a line, in the head's order. A reader
 * that needs two columns of forty parses three lines, and no single string grows with the whole table.
 */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type ArtifactRef, type ArtifactStore, isArtifactRef } from "../skill.ts";
import type { Cell, ColumnType } from "./column-type.ts";

export const TABLE_MEDIA_TYPE = "application/vnd.muster.table+ndjson";
export const TABLE_NAME = "table.ndjson";
const FORMAT = "muster.table/1";

export interface ColumnInfo {
	name: string;
	type: ColumnType;
	/** For example `mm`; null when nobody said. */
	unit: string | null;
	/** Cells without a value. */
	missing: number;
}

export interface Column extends ColumnInfo {
	/** One per row. */
	values: Cell[];
}

/** A row of the source that could not be taken: its line (JSON: its number in the list), and why. */
export interface RejectedRow {
	line: number;
	reason: string;
}

export interface TableHead {
	/** File path or address, as it may be shown. */
	source: string;
	/** `csv`, `json`, `ndjson` or `sqlite`. */
	format: string;
	rowCount: number;
	/** True when the source holds more rows than were asked for. */
	truncated: boolean;
	columns: ColumnInfo[];
	/** The first of `rejectedCount`. */
	rejected: RejectedRow[];
	rejectedCount: number;
	/** What was assumed or changed while reading, a sentence each. */
	notes: string[];
}

export interface Table {
	head: TableHead;
	/** Those that were asked for, in the head's order. */
	columns: Column[];
}

/** The bytes of a table artifact. @throws E_INPUT_TOO_LARGE when a single column exceeds what a string can hold */
export function encodeTable(head: Omit<TableHead, "columns">, columns: readonly Column[]): Uint8Array {
	const infos = columns.map(({ name, type, unit, missing }) => ({ name, type, unit, missing }));
	const lines = [JSON.stringify({ is: FORMAT, ...head, columns: infos })];
	for (const column of columns) {
		try {
			lines.push(JSON.stringify(column.values));
		} catch (cause) {
			throw new MusterError("E_INPUT_TOO_LARGE", `The column "${column.name}" is too large`, { cause });
		}
	}
	return Buffer.concat(lines.map((line) => Buffer.from(`${line}\n`)));
}

/**
 * Reads a table artifact.
 * @param wanted only these columns; all when left out
 * @throws E_INPUT_INVALID for other bytes, and for a column the table does not have
 */
export function decodeTable(bytes: Uint8Array, wanted?: readonly string[]): Table {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let start = 0;
	const nextLine = (): Buffer => {
		const end = buffer.indexOf(10, start);
		const line = buffer.subarray(start, end === -1 ? buffer.length : end);
		start = end === -1 ? buffer.length : end + 1;
		return line;
	};
	const head = parseHead(nextLine());
	for (const name of wanted ?? []) requireColumn(head, name);
	const columns: Column[] = [];
	for (const info of head.columns) {
		const line = nextLine();
		if (wanted !== undefined && !wanted.includes(info.name)) continue;
		const values = parseLine(line);
		if (!Array.isArray(values) || values.length !== head.rowCount) throw notATable();
		columns.push({ ...info, values: values as Cell[] });
	}
	return { head, columns };
}

function parseHead(line: Buffer): TableHead {
	const { is, ...head } = (parseLine(line) ?? {}) as Partial<TableHead> & { is?: string };
	if (is !== FORMAT || !Array.isArray(head.columns)) throw notATable();
	return head as TableHead;
}

function parseLine(line: Buffer): unknown {
	try {
		return JSON.parse(line.toString());
	} catch {
		throw notATable();
	}
}

const notATable = (): MusterError =>
	new MusterError("E_INPUT_INVALID", `The artifact is not a table (${FORMAT})`, {
		hint: "Give the output of collect, or its member table.",
	});

/** @throws E_INPUT_INVALID when the table has no column of this name */
export function requireColumn(head: TableHead, name: string): ColumnInfo {
	const found = head.columns.find((column) => column.name === name);
	if (found !== undefined) return found;
	const names = head.columns.map((column) => column.name).slice(0, 30);
	throw new MusterError("E_INPUT_INVALID", `The table has no column "${name}"`, {
		hint: `It has: ${names.join(", ")}`,
	});
}

/** Schema of an artifact reference in an input or output. */
export const artifactRefSchema = z
	.looseObject({
		ref: z.string().regex(/^sha256:[0-9a-f]{64}$/),
		size: z.number(),
		mediaType: z.string(),
		name: z.string(),
	})
	.meta({ title: "artifact" }) as unknown as z.ZodType<ArtifactRef>;

/** A table as input: its reference, or the output of collect. */
export const tableInputSchema = z.union([
	artifactRefSchema,
	z.looseObject({ table: artifactRefSchema }).meta({ title: "output of collect" }),
]);

/** All values in `sources`, with lists flattened and JSON that travelled as an artifact unpacked; tables stay references. */
export async function unpack(sources: readonly unknown[], artifacts: ArtifactStore): Promise<unknown[]> {
	const flat: unknown[] = sources.flat(Number.POSITIVE_INFINITY);
	const values = await Promise.all(
		flat.map(async (value) =>
			isArtifactRef(value) && value.mediaType === "application/json" ? await artifacts.json(value) : value,
		),
	);
	return values.flat(Number.POSITIVE_INFINITY);
}

/** The first table among these values: a reference to one, or an output that has one as its member `table`. */
export function findTable(values: readonly unknown[]): ArtifactRef | undefined {
	for (const value of values) {
		const candidate = isArtifactRef(value) ? value : (value as { table?: Json } | null | undefined)?.table;
		if (isArtifactRef(candidate) && candidate.mediaType === TABLE_MEDIA_TYPE) return candidate;
	}
	return undefined;
}
