/**
 * Delimited text, JSON and JSON lines as raw columns. A row that does not fit is rejected with its line, never bent.
 */
import { isUtf8 } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { MusterError } from "../../errors.ts";
import type { Cell } from "./column-type.ts";
import type { RejectedRow } from "./table.ts";

export const MAX_COLUMNS = 2_000;
const MAX_FIELD_LENGTH = 1024 * 1024;
const KEPT_REJECTIONS = 20;
const CHUNK_BYTES = 1024 * 1024;
const DELIMITERS = [",", "\t", ";", "|"];

export interface ReadOptions {
	source: string;
	maxRows: number;
	signal: AbortSignal;
	/** How far, 0..1. */
	progress(fraction: number): void;
	delimiter?: string | undefined;
}

/** Gathers rows into columns and counts what it refuses. */
export class RowSink {
	readonly names: string[] = [];
	readonly columns: Cell[][] = [];
	readonly rejected: RejectedRow[] = [];
	readonly notes: string[] = [];
	rowCount = 0;
	rejectedCount = 0;
	truncated = false;
	readonly #source: string;
	readonly #maxRows: number;

	constructor(source: string, maxRows: number) {
		this.#source = source;
		this.#maxRows = maxRows;
	}

	/** The names from a header line. Empty and repeated ones are replaced, and a note says so. */
	header(raw: readonly string[]): void {
		for (const [index, given] of raw.entries()) {
			const name = given.trim();
			if (name === "")
				this.notes.push(`Column ${index + 1} has no name in the source; it is called column_${index + 1}.`);
			const wanted = name === "" ? `column_${index + 1}` : name;
			const unique = this.#unique(wanted, raw);
			if (unique !== wanted)
				this.notes.push(`The name "${wanted}" occurs more than once; column ${index + 1} is "${unique}".`);
			this.addColumn(unique);
		}
	}

	/** A name that neither an earlier column nor any other header cell has. */
	#unique(name: string, raw: readonly string[]): string {
		if (!this.names.includes(name)) return name;
		for (let number = 2; ; number++) {
			const candidate = `${name}_${number}`;
			if (!this.names.includes(candidate) && !raw.includes(candidate)) return candidate;
		}
	}

	/** A further column; earlier rows have no value in it. */
	addColumn(name: string): number {
		if (this.names.length === MAX_COLUMNS) {
			throw new MusterError("E_INPUT_TOO_LARGE", `${this.#source} has more than ${MAX_COLUMNS} columns`);
		}
		this.columns.push(new Array<Cell>(this.rowCount).fill(null));
		return this.names.push(name) - 1;
	}

	/** True when the row was taken or rejected; false when it is one more than asked for, and reading can stop. */
	row(cells: readonly Cell[], line: number): boolean {
		if (this.rowCount === this.#maxRows) {
			this.truncated = true;
			return false;
		}
		const long = cells.findIndex((cell) => typeof cell === "string" && cell.length > MAX_FIELD_LENGTH);
		if (long !== -1) this.reject(line, `the value of "${this.names[long] ?? long + 1}" is longer than 1 MiB`);
		else if (cells.length !== this.names.length) {
			this.reject(line, `has ${cells.length} fields where the header has ${this.names.length}`);
		} else {
			for (const [index, cell] of cells.entries()) this.columns[index]?.push(cell);
			this.rowCount++;
		}
		return true;
	}

	/** A row from a record, whose members name its columns; unknown ones become new columns. */
	record(record: Readonly<Record<string, unknown>>, line: number, places: Map<string, number>): boolean {
		for (const name of Object.keys(record)) if (!places.has(name)) places.set(name, this.addColumn(name));
		const cells = new Array<Cell>(this.names.length).fill(null);
		for (const [name, value] of Object.entries(record)) cells[places.get(name) ?? -1] = cellOf(value);
		return this.row(cells, line);
	}

	reject(line: number, reason: string): void {
		if (this.rejected.length < KEPT_REJECTIONS) this.rejected.push({ line, reason });
		this.rejectedCount++;
	}
}

/** A JSON value as a cell; lists and objects become JSON text. */
export function cellOf(value: unknown): Cell {
	if (value === null || value === undefined) return null;
	if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
	return JSON.stringify(value);
}

/** Comma- (or otherwise) separated text with a header line (RFC 4180: quotes, quoted line ends, CRLF or LF). */
export async function readDelimited(given: Uint8Array, options: ReadOptions): Promise<RowSink> {
	const { parse } = await import("csv-parse");
	const sink = new RowSink(options.source, options.maxRows);
	const bytes = asUtf8(given, sink);
	const delimiter = options.delimiter ?? guessDelimiter(bytes);
	if (options.delimiter === undefined && delimiter !== ",") {
		sink.notes.push(
			`The fields are separated by ${delimiter === "\t" ? "tabs" : `"${delimiter}"`}, as the first line shows.`,
		);
	}
	let stopped = false;
	let lastLine = 0;
	const parser = parse({
		delimiter,
		bom: true,
		info: true,
		relax_column_count: true, // the sink counts the fields itself, to say what is wrong
		relax_quotes: true, // 5" is a length, not a broken file
		skip_empty_lines: true,
		skip_records_with_error: true,
		on_record: (given) => {
			const { record, info } = given as unknown as { record: string[]; info: { lines: number } }; // the shape with info: true
			// The line on which the row starts: info.lines is the one it ends on.
			const line = info.lines - record.reduce((breaks, cell) => breaks + countBreaks(cell), 0);
			lastLine = info.lines;
			if (sink.names.length === 0) sink.header(record);
			else if (!stopped) stopped = !sink.row(record, line);
			return null;
		},
	});
	parser.on("skip", (error: { code?: string; message: string }) => {
		const open = error.code === "CSV_QUOTE_NOT_CLOSED";
		const reason = open ? "a quote opened here is never closed; the rest of the file could not be read" : error.message;
		sink.reject(lastLine + 1, reason);
	});
	const failed = new Promise<never>((_, reject) => parser.once("error", reject));
	failed.catch(() => {}); // it is awaited below; a failure in between must not count as unhandled
	for (let at = 0; at < bytes.length && !stopped; at += CHUNK_BYTES) {
		options.signal.throwIfAborted();
		const chunk = bytes.subarray(at, at + CHUNK_BYTES);
		await Promise.race([new Promise<void>((done) => parser.write(chunk, () => done())), failed]);
		options.progress(Math.min(1, (at + CHUNK_BYTES) / bytes.length));
		await setImmediate(); // lets a cancel in
	}
	if (stopped) parser.destroy();
	else await Promise.race([new Promise<void>((done) => parser.end(() => done())), failed]);
	if (sink.names.length === 0) {
		throw new MusterError("E_INPUT_INVALID", `${options.source} is empty: it has not even a header line`);
	}
	return sink;
}

const countBreaks = (cell: string): number => (cell.includes("\n") ? cell.split("\n").length - 1 : 0);

/** UTF-16 is known by its mark; bytes that are not UTF-8 are read as Windows-1252, the usual other one, and a note says so. */
function asUtf8(bytes: Uint8Array, sink: { notes: string[] }): Uint8Array {
	const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
	if (!utf16 && isUtf8(bytes)) return bytes;
	const encoding = utf16 ? (bytes[0] === 0xff ? "utf-16le" : "utf-16be") : "windows-1252";
	sink.notes.push(`The text is not UTF-8; it was read as ${encoding}.`);
	return Buffer.from(new TextDecoder(encoding).decode(bytes));
}

/** The separator that occurs most in the first line, outside quotes. */
function guessDelimiter(bytes: Uint8Array): string {
	const start = Buffer.from(bytes.subarray(0, 64 * 1024)).toString();
	const line = start.replace(/"[^"]*"/g, "").split(/\r?\n|\r/, 1)[0] ?? "";
	const counts = DELIMITERS.map((mark) => line.split(mark).length);
	return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
}

/** A list of objects, or an object with such a list as its member `data`. */
export function readJson(bytes: Uint8Array, options: ReadOptions): RowSink {
	const sink = new RowSink(options.source, options.maxRows);
	let content: unknown;
	try {
		content = JSON.parse(textOf(asUtf8(bytes, sink)));
	} catch (cause) {
		throw new MusterError("E_INPUT_INVALID", `${options.source} is not JSON: ${(cause as Error).message}`, { cause });
	}
	const list = Array.isArray(content) ? content : (content as { data?: unknown } | null)?.data;
	if (!Array.isArray(list)) {
		throw new MusterError("E_INPUT_INVALID", `${options.source} holds no list of rows`, {
			hint: 'Expected [{...}, ...] or {"data": [{...}, ...]}.',
		});
	}
	const places = new Map<string, number>();
	for (const [index, item] of list.entries()) {
		if (index % 10_000 === 0) options.signal.throwIfAborted();
		if (!isRecord(item)) sink.reject(index + 1, "is not an object");
		else if (!sink.record(item, index + 1, places)) break;
	}
	return sink;
}

/** One object a line. */
export function readJsonLines(bytes: Uint8Array, options: ReadOptions): RowSink {
	const sink = new RowSink(options.source, options.maxRows);
	const text = textOf(asUtf8(bytes, sink));
	const places = new Map<string, number>();
	for (let start = 0, line = 1; start < text.length; line++) {
		if (line % 10_000 === 0) options.signal.throwIfAborted();
		const end = text.indexOf("\n", start);
		const content = text.slice(start, end === -1 ? text.length : end).trim();
		start = end === -1 ? text.length : end + 1;
		if (content === "") continue;
		let item: unknown;
		try {
			item = JSON.parse(content);
		} catch {
			sink.reject(line, "is not JSON");
			continue;
		}
		if (!isRecord(item)) sink.reject(line, "is not an object");
		else if (!sink.record(item, line, places)) break;
	}
	return sink;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes); // drops a byte order mark

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
