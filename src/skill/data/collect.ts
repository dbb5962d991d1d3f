/**
 * collect: reads a data file, a web address or an SQLite database into a typed table.
 *
 * Everything is bounded, and what was left out (rejected rows, rows beyond maxRows) is counted and said.
 */
import { open } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import { defineSkill, type SkillContext } from "../skill.ts";
import { fetchBounded } from "../web.ts";
import { typeColumn } from "./column-type.ts";
import { MAX_COLUMNS, type ReadOptions, RowSink, readDelimited, readJson, readJsonLines } from "./parse-rows.ts";
import { artifactRefSchema, type Column, encodeTable, TABLE_MEDIA_TYPE, TABLE_NAME } from "./table.ts";

const MAX_SOURCE_BYTES = 200 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_ROWS = 1_000_000;
const MAX_RECORDS = 5_000;

const format = z.enum(["csv", "json", "ndjson", "sqlite"]);
type Format = z.infer<typeof format>;

const input = z.strictObject({
	source: z.string().min(1).max(8_192).describe("File path, or http(s) address."),
	format: format.optional().describe("Default: from the extension, or what the server says."),
	table: z
		.string()
		.min(1)
		.optional()
		.describe("SQLite: the table or view to read; may be left out when there is only one."),
	query: z.string().min(1).max(100_000).optional().describe("SQLite: one SELECT instead of a table."),
	maxRows: z
		.int()
		.min(1)
		.max(10_000_000)
		.default(DEFAULT_MAX_ROWS)
		.describe("Rows beyond are not read, and the output says so."),
	records: z
		.int()
		.min(0)
		.max(MAX_RECORDS)
		.default(0)
		.describe("How many rows `records` names for tasks that look at single ones."),
	units: z
		.record(z.string(), z.string().max(40))
		.optional()
		.describe('The unit of each column, for example { "wind": "m/s" }.'),
	delimiter: z
		.string()
		.min(1)
		.max(4)
		.optional()
		.describe("CSV: default the most frequent of , tab ; | in the first line."),
});
type Input = z.output<typeof input>;

export const collectOutputSchema = z.strictObject({
	table: artifactRefSchema.describe("The typed table."),
	source: z.string().describe("Where it is from."),
	format: format.describe("How it was read."),
	rowCount: z.int().describe("How many rows it has."),
	truncated: z.boolean().describe("The source holds more rows than `maxRows`."),
	columns: z
		.array(
			z.strictObject({
				name: z.string(),
				type: z.enum(["number", "integer", "boolean", "date", "string"]),
				unit: z.string().nullable(),
				missing: z.int(),
			}),
		)
		.describe("Name, type, unit and missing values of each column."),
	rejected: z
		.array(z.strictObject({ line: z.int(), reason: z.string() }))
		.describe("The first 20 of them: the line (in JSON the number of the item, in SQLite of the row) and the reason."),
	rejectedCount: z.int().describe("How many rows did not fit the table."),
	notes: z.array(z.string()).describe("What was assumed or changed while reading."),
	records: z
		.array(z.int())
		.describe("Numbers of as many rows as were asked for, from 1, evenly spread; all of them where there are no more."),
});
export type CollectOutput = z.output<typeof collectOutputSchema>;

export const collect = defineSkill<Input, CollectOutput>({
	name: "collect",
	description: "Reads CSV, JSON, JSON lines or SQLite, from a file or the web, into a typed table.",
	pool: "processing",
	thread: import.meta.url,
	input: input as unknown as z.ZodType<Input>,
	output: collectOutputSchema,
	async run(input, context) {
		const fromWeb = /^https?:\/\//i.test(input.source);
		const source = fromWeb ? shownAddress(input.source) : input.source;
		if (!fromWeb && /^[a-z][a-z0-9+.-]+:\/\//i.test(source)) {
			throw new MusterError("E_INPUT_INVALID", `${source} is neither a file path nor an http(s) address`);
		}
		const options: ReadOptions = {
			source,
			maxRows: input.maxRows,
			signal: context.signal,
			delimiter: input.delimiter,
			progress: (fraction) => context.progress(fraction * 0.7, "reading"),
		};
		const [format, rows] = fromWeb ? await readWeb(input, options) : await readLocal(input, options);
		context.signal.throwIfAborted();
		return await store(rows, { source, format, units: input.units ?? {}, records: input.records }, context);
	},
});

/** Types the columns, stores the table and describes it. */
async function store(
	rows: RowSink,
	from: { source: string; format: Format; units: Readonly<Record<string, string>>; records: number },
	context: SkillContext,
): Promise<CollectOutput> {
	const notes = [...rows.notes];
	if (rows.truncated) notes.push(`Only the first ${rows.rowCount} rows were read; the source holds more.`);
	for (const name of Object.keys(from.units)) {
		if (!rows.names.includes(name)) notes.push(`A unit was given for "${name}", which is not a column.`);
	}
	const columns = rows.names.map((name, index): Column => {
		context.signal.throwIfAborted();
		context.progress(0.7 + (0.25 * index) / rows.names.length, "typing columns");
		const unit = Object.hasOwn(from.units, name) ? (from.units[name] ?? null) : null;
		const typed = typeColumn(rows.columns[index] ?? []);
		rows.columns[index] = []; // the raw cells are no longer needed; at the bound they are half the memory
		return { name, unit, ...typed };
	});
	const { rowCount, truncated, rejected, rejectedCount } = rows;
	const head = { source: from.source, format: from.format, rowCount, truncated, rejected, rejectedCount, notes };
	const table = await context.artifacts.put(TABLE_NAME, encodeTable(head, columns), TABLE_MEDIA_TYPE);
	context.log.info(`read ${rowCount} rows of ${columns.length} columns from ${from.source}`, { rejectedCount });
	const asked = Math.min(from.records, rowCount);
	const records = Array.from({ length: asked }, (_, i) => 1 + Math.floor((i * rowCount) / asked));
	return { table, ...head, columns: columns.map(({ values: _, ...info }) => info), records };
}

async function readWeb(input: Input, options: ReadOptions): Promise<[Format, RowSink]> {
	if (input.format === "sqlite" || input.table !== undefined || input.query !== undefined) {
		throw new MusterError("E_INPUT_INVALID", "A database is read from a local file only");
	}
	const limits = { signal: options.signal, maxBytes: MAX_SOURCE_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
	const { bytes, contentType, url } = await fetchBounded(input.source, limits);
	const format =
		input.format ?? formatOfType(contentType) ?? formatOfName(new URL(url).pathname) ?? unknownFormat(options.source);
	return [format, await parse(format, bytes, options)];
}

async function readLocal(input: Input, options: ReadOptions): Promise<[Format, RowSink]> {
	const path = resolve(input.source);
	const asked = input.table !== undefined || input.query !== undefined ? "sqlite" : undefined;
	const format = input.format ?? asked ?? formatOfName(path) ?? unknownFormat(options.source);
	if (format === "sqlite") {
		await (await openFile(path, options.source)).close();
		return [format, await readDatabase(path, input, options)];
	}
	await using file = await openFile(path, options.source);
	const { size } = await file.stat();
	if (size > MAX_SOURCE_BYTES) {
		const limit = `${MAX_SOURCE_BYTES / 1024 / 1024} MiB`;
		throw new MusterError("E_INPUT_TOO_LARGE", `${options.source} is larger than ${limit}`, { details: { size } });
	}
	return [format, await parse(format, await file.readFile({ signal: options.signal }), options)];
}

/** Opens a regular file; a device or pipe could go on for ever. */
async function openFile(path: string, shown: string): ReturnType<typeof open> {
	let file: Awaited<ReturnType<typeof open>>;
	try {
		file = await open(path, "r");
	} catch (cause) {
		const code = (cause as { code?: string }).code ?? "unknown reason";
		throw new MusterError("E_FILE_UNREADABLE", `${shown} cannot be read: ${code}`, { cause, details: { path } });
	}
	if ((await file.stat()).isFile()) return file;
	await file.close();
	throw new MusterError("E_FILE_UNREADABLE", `${shown} is not a file`, { details: { path } });
}

async function parse(format: Format, bytes: Uint8Array, options: ReadOptions): Promise<RowSink> {
	switch (format) {
		case "csv":
			return await readDelimited(bytes, options);
		case "json":
			return readJson(bytes, options);
		case "ndjson":
			return readJsonLines(bytes, options);
		case "sqlite":
			throw new MusterError("E_INPUT_INVALID", "A database is read from a local file only");
	}
}

/**
 * Reads a table or the rows of one SELECT. The file is opened read only, and an authorizer refuses everything but reading,
 * so that neither a write nor ATTACH nor a pragma gets through, whatever the text of the query looks like.
 */
async function readDatabase(path: string, input: Input, options: ReadOptions): Promise<RowSink> {
	const { DatabaseSync, constants } = await import("node:sqlite");
	const allowed = new Set([
		constants.SQLITE_SELECT,
		constants.SQLITE_READ,
		constants.SQLITE_FUNCTION,
		constants.SQLITE_RECURSIVE,
	]);
	try {
		using database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
		const query = input.query === undefined ? selectAll(database, input.table) : singleSelect(input.query);
		database.setAuthorizer((action) => (allowed.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY));
		const statement = database.prepare(query);
		statement.setReadBigInts(true); // integers beyond 2^53 would throw otherwise; they are kept as text
		statement.setReturnArrays(true);
		const sink = new RowSink(options.source, options.maxRows);
		const names = statement.columns().map((column) => column.name);
		if (names.length > MAX_COLUMNS) throw new MusterError("E_INPUT_TOO_LARGE", `More than ${MAX_COLUMNS} columns`);
		sink.header(names);
		let line = 0;
		for (const row of statement.iterate() as Iterable<unknown>) {
			if (++line % 10_000 === 0) options.signal.throwIfAborted();
			if (!sink.row((row as unknown[]).map(databaseCell), line)) break;
		}
		return sink;
	} catch (cause) {
		if ((cause as { code?: string }).code !== "ERR_SQLITE_ERROR") throw cause;
		throw new MusterError("E_INPUT_INVALID", `${options.source}: ${(cause as Error).message}`, {
			cause,
			hint: "The query must be one SELECT that only reads.",
		});
	}
}

type Database = import("node:sqlite").DatabaseSync;

function selectAll(database: Database, table: string | undefined): string {
	const list =
		"SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
	const tables = database.prepare(`${list} ORDER BY name`).all() as unknown as { name: string }[];
	const names = tables.map(({ name }) => name);
	const only = names.length === 1 ? names[0] : undefined;
	const chosen = table ?? only;
	if (chosen === undefined || !names.includes(chosen)) {
		const problem = table === undefined ? "Which table?" : `There is no table "${table}".`;
		throw new MusterError("E_INPUT_INVALID", `${problem} The database has: ${names.slice(0, 30).join(", ") || "none"}`);
	}
	return `SELECT * FROM "${chosen.replaceAll('"', '""')}"`;
}

/** SQLite would run the first statement and silently drop the rest, so a second one is refused here. */
function singleSelect(query: string): string {
	const bare = query.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\//g, " ").trim();
	if (/^(?:select|with|values)\b/i.test(bare) && !/;\s*\S/.test(bare)) return query;
	throw new MusterError("E_INPUT_INVALID", "The query must be a single SELECT");
}

function databaseCell(value: unknown): string | number | null {
	if (typeof value === "bigint") {
		const number = Number(value);
		return Number.isSafeInteger(number) ? number : value.toString();
	}
	if (value instanceof Uint8Array) return `(${value.byteLength} bytes of binary data)`;
	return value as string | number | null;
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
	".csv": "csv",
	".tsv": "csv",
	".txt": "csv",
	".json": "json",
	".ndjson": "ndjson",
	".jsonl": "ndjson",
	".sqlite": "sqlite",
	".sqlite3": "sqlite",
	".db": "sqlite",
};

const formatOfName = (name: string): Format | undefined => {
	const extension = extname(name).toLowerCase();
	return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
};

function formatOfType(contentType: string): Format | undefined {
	const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
	if (["text/csv", "text/tab-separated-values", "application/csv"].includes(type)) return "csv";
	if (/^application\/(?:x-)?(?:ndjson|jsonl|jsonlines)$/.test(type)) return "ndjson";
	return type === "application/json" || type.endsWith("+json") ? "json" : undefined;
}

function unknownFormat(source: string): never {
	throw new MusterError("E_INPUT_INVALID", `The format of ${source} is not known`, {
		hint: "Say which: format: csv, json, ndjson or sqlite.",
	});
}

/** The address without user name and password. */
function shownAddress(address: string): string {
	const url = URL.parse(address);
	if (url === null) throw new MusterError("E_INPUT_INVALID", `${address.slice(0, 200)} is not a web address`);
	url.username = "";
	url.password = "";
	return url.href;
}
