/** What is wrong with a workflow: collected, not thrown, so that all of it is shown at once. */
import { type ErrorCode, MusterError } from "../errors.ts";

/** A place in a definition: names and indexes from its root. */
export type Path = readonly (string | number)[];

export interface Problem {
	path: Path;
	message: string;
	hint?: string;
	/** The text inside the value that is meant, for example an expression, and where in that text. */
	within?: { text: string; offset: number };
	/** The name of the member is meant, not its value. */
	atKey?: boolean;
}

/** More are counted but not kept: nobody reads the 101st, and each costs a search for suggestions. */
export const MAX_PROBLEMS = 100;

export class Problems {
	readonly list: Problem[] = [];
	dropped = 0;

	get full(): boolean {
		return this.list.length >= MAX_PROBLEMS;
	}

	/** @param hint computed only when the problem is kept */
	add(path: Path, message: string, hint?: () => string | undefined, more: Partial<Problem> = {}): void {
		if (this.full) {
			this.dropped++;
			return;
		}
		const text = hint?.();
		this.list.push({ path, message, ...(text === undefined ? {} : { hint: text }), ...more });
	}
}

/** `steps[2].with.query` */
export function formatPath(path: Path): string {
	return path.reduce<string>((text, part) => {
		if (typeof part === "number") return `${text}[${part}]`;
		return text === "" ? quoteName(part) : `${text}.${quoteName(part)}`;
	}, "");
}

/** A name as it may be shown: short, on one line, and with letters of other scripts made visible. */
export function quoteName(name: string): string {
	const short = name.length > 64 ? `${name.slice(0, 60)}...` : name;
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be made visible
	return short.replace(/[\u0000-\u001f\u007f-\u{10ffff}]/gu, (char) => {
		const code = (char.codePointAt(0) ?? 0).toString(16);
		return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
	});
}

/** One error for all problems of something that has no file. */
export function problemsError(code: ErrorCode, what: string, problems: Problems): MusterError {
	const lines = problems.list.map(({ path, message, hint }) => {
		const place = path.length > 0 ? `${formatPath(path)}: ` : "";
		return `${place}${message}${hint === undefined ? "" : ` (${hint})`}`;
	});
	if (problems.dropped > 0) lines.push(`and ${problems.dropped} more`);
	return new MusterError(code, lines.length === 1 ? `${what}: ${lines[0]}` : `${what}:\n${lines.join("\n")}`, {
		details: {
			problems: problems.list.map(({ path, message, hint }) => ({
				path: formatPath(path),
				message,
				...(hint && { hint }),
			})),
		},
	});
}
