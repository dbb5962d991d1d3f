/**
 * Text from outside on a terminal: ids, messages and outputs come from files, pages and other systems. Control characters,
 * and characters that turn or hide text, are made visible, so that nothing shown can pretend to be something else.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be made visible
const ACTIVE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** @param lines line feeds stay */
export function plain(text: string, lines = false): string {
	return text.replace(ACTIVE, (char) => {
		if (char === "\n") return lines ? char : " ";
		if (char === "\t") return " ";
		return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
	});
}

const MARK = /\p{Mark}/u;
/** Hangul, CJK and full-width forms, and what is drawn as a picture: two columns. */
const WIDE =
	/[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Columns it takes on a terminal. */
export function width(text: string): number {
	let columns = 0;
	for (const char of text) columns += columnsOf(char);
	return columns;
}

function columnsOf(char: string): number {
	if (char <= "\u007e") return 1;
	return MARK.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

/** At most so many columns; what is cut off is shown as `…`. */
export function fit(text: string, columns: number): string {
	if (columns <= 0) return "";
	if (width(text) <= columns) return text;
	let fitting = "";
	let used = 1;
	for (const char of text) {
		used += columnsOf(char);
		if (used > columns) break;
		fitting += char;
	}
	return `${fitting}…`;
}

export const pad = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)));
