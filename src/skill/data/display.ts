/** How figures and names are written for a reader. Data is never rounded; only what is shown here is. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 20 });
const MINUS = "\u2212";
const LABEL_LENGTH = 48;

/** A computed figure, rounded to what a reader can use: 16.44, 0.0035, 1,461, 2.5e+30. */
export function rounded(value: number | null): string {
	if (value === null) return "–";
	const size = Math.abs(value);
	if (size !== 0 && (size >= 1e15 || size < 1e-4)) return minus(value.toExponential(3));
	if (Number.isInteger(value)) return minus(grouped.format(value));
	const digits = size >= 1_000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 1 - Math.floor(Math.log10(size));
	return minus(grouped.format(Number(value.toFixed(digits))));
}

/** A value of the data, with all its digits. */
export function exact(value: number): string {
	const size = Math.abs(value);
	return minus(size !== 0 && (size >= 1e15 || size < 1e-6) ? String(value) : grouped.format(value));
}

const minus = (text: string): string => text.replace(/^-(?=[0-9])/, MINUS);

/** A share of 0..1 as per cent. Never "0 %" or "100 %" for a share that is neither. */
export function percent(share: number): string {
	if (share > 0 && share < 0.001) return "less than 0.1 %";
	if (share < 1 && share > 0.999) return "more than 99.9 %";
	return `${grouped.format(Number((share * 100).toFixed(1)))} %`;
}

/** A count of 1,461. */
export const whole = (value: number): string => grouped.format(value);

/** `1 row`, `2 rows`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
	`${whole(count)} ${count === 1 ? one : many}`;

/** A text from the data on one line, without control characters (XML refuses them, and some turn
 * the direction of what follows), cut to a label's length. */
export function label(text: string, length = LABEL_LENGTH): string {
	const line = text
		.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufffe\uffff]+/gu, " ")
		.trim()
		.toWellFormed();
	const characters = [...line];
	return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : line;
}

/** `16.44 °C`; the number alone without a unit. */
export const withUnit = (figure: string, unit: string | null): string =>
	unit === null || unit === "" ? figure : `${figure} ${label(unit)}`;

/** `temp_max (°C)`, for the title of an axis. */
export const titled = (name: string, unit: string | null): string =>
	unit === null || unit === "" ? label(name) : `${label(name)} (${label(unit)})`;

/** `a`, `a and b`, `a, b and c`. */
export const listed = (names: readonly string[]): string =>
	names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

export const MONTHS = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December",
] as const;
