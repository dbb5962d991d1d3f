/**
 * What kind of values a column holds, decided over all its cells, and the values in that kind.
 *
 * Nothing is guessed that could lose information: identifiers with leading zeros, integers beyond 2^53 and dates in an
 * ambiguous order stay text.
 */

export type ColumnType = "number" | "integer" | "boolean" | "date" | "string";

/** One value. Dates are ISO text: `2012-01-31`, or with a time `2012-01-31T10:00:00.000Z`. null is a missing value. */
export type Cell = string | number | boolean | null;

export interface Typed {
	type: ColumnType;
	values: Cell[];
	missing: number;
}

type Kind = "missing" | "integer" | "number" | "boolean" | "date" | "text";

/** How files say "no value" in a column of numbers, dates or booleans. */
const MISSING_MARKS = new Set(["", "na", "n/a", "null", "nan", "-"]);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INTEGER = /^[+-]?\d+$/;
const LEADING_ZERO = /^[+-]?0\d/;
const DATE =
	/^(\d{4})([-/])(\d{2})\2(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Types a column. It is a number (or integer, boolean, date) column when every cell is one or a usual missing mark;
 * a single other text makes it a string column. In a string column only empty cells are missing, for "NA" may be a word.
 */
export function typeColumn(cells: readonly Cell[]): Typed {
	const kinds = new Set<Kind>();
	for (const cell of cells) {
		kinds.add(kindOf(cell));
		if (kinds.has("text")) break;
	}
	kinds.delete("missing");
	const type = kinds.size === 0 ? "string" : commonType(kinds);
	const convert = kinds.size === 0 ? () => null : converters[type];
	let missing = 0;
	const values = cells.map((cell) => {
		const value = convert(cell);
		if (value === null) missing++;
		return value;
	});
	return { type, values, missing };
}

function commonType(kinds: ReadonlySet<Kind>): ColumnType {
	const only = (...allowed: Kind[]) => [...kinds].every((kind) => allowed.includes(kind));
	if (only("integer")) return "integer";
	if (only("integer", "number")) return "number";
	if (only("boolean")) return "boolean";
	return only("date") ? "date" : "string";
}

function kindOf(cell: Cell): Kind {
	if (cell === null) return "missing";
	if (typeof cell === "boolean") return "boolean";
	if (typeof cell === "number") return numberKind(cell);
	if (cell.length > 64) return "text"; // longer than any number or date
	const text = cell.trim();
	if (MISSING_MARKS.has(text.toLowerCase())) return "missing";
	if (NUMBER.test(text)) {
		if (LEADING_ZERO.test(text)) return "text";
		const value = Number(text);
		return INTEGER.test(text) && !Number.isSafeInteger(value) ? "text" : numberKind(value, INTEGER.test(text));
	}
	if (/^(?:true|false)$/i.test(text)) return "boolean";
	return isoDate(text) === undefined ? "text" : "date";
}

function numberKind(value: number, integer = Number.isSafeInteger(value)): Kind {
	if (!Number.isFinite(value)) return "text";
	return integer ? "integer" : "number";
}

const isMark = (cell: Cell): boolean => typeof cell === "string" && MISSING_MARKS.has(cell.trim().toLowerCase());

const converters: Record<ColumnType, (cell: Cell) => Cell> = {
	integer: (cell) => (cell === null || isMark(cell) ? null : Number(cell) + 0), // + 0 turns -0, which JSON loses, into 0
	number: (cell) => (cell === null || isMark(cell) ? null : Number(cell) + 0),
	boolean: (cell) => (cell === null || isMark(cell) ? null : String(cell).trim().toLowerCase() === "true"),
	date: (cell) => (cell === null ? null : (isoDate(String(cell).trim()) ?? null)),
	string: (cell) => (cell === null || (typeof cell === "string" && cell.trim() === "") ? null : String(cell)),
};

/** The text as an ISO date, or undefined. A time without a zone is read as UTC. Year first only; day and month are never guessed. */
export function isoDate(text: string): string | undefined {
	const parts = DATE.exec(text);
	if (parts === null) return undefined;
	const [, year, , month, day, hour, minute, second = "00", fraction = "", zone = "Z"] = parts;
	const date = `${year}-${month}-${day}`;
	const midnight = Date.parse(`${date}T00:00:00.000Z`);
	// Date.parse rolls 2023-02-30 over to March in some engines; the round trip finds it everywhere.
	if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(date)) return undefined;
	if (hour === undefined) return date;
	const offset = zone === "Z" || zone.includes(":") ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
	const at = Date.parse(`${date}T${hour}:${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}${offset}`);
	return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}
