/** Where a command writes: data on stdout, talk on stderr. */
import { styleText } from "node:util";
import { readEnvironment } from "../environment.ts";
import { fit, pad, plain, width } from "./plain.ts";
import type { GlobalOptions } from "./program.ts";

type Style = Parameters<typeof styleText>[0];

const NARROWEST = 40;

export class Terminal {
	readonly #quiet: boolean;
	readonly #color: boolean;
	readonly #ci: boolean;
	/** How the commands of hints name the data folder, when this one does. */
	readonly #data: string;

	constructor({ quiet = false, color, data }: Pick<GlobalOptions, "quiet" | "color" | "data">) {
		const { noColor, ci } = readEnvironment();
		this.#quiet = quiet;
		this.#color = color && !noColor;
		this.#ci = ci;
		this.#data = data === undefined ? "" : ` --data ${/^[\w./~-]+$/.test(data) ? data : JSON.stringify(data)}`;
	}

	/** Whether lines on stderr can be drawn again in place. */
	get interactive(): boolean {
		return process.stderr.isTTY === true && !this.#ci;
	}

	get quiet(): boolean {
		return this.#quiet;
	}

	/** Columns of stdout when it is a terminal. */
	get columns(): number {
		return process.stdout.isTTY ? Math.max(NARROWEST, process.stdout.columns) : Number.POSITIVE_INFINITY;
	}

	/** A line of data. */
	print(line: string): void {
		process.stdout.write(`${line}\n`);
	}

	json(value: unknown): void {
		this.print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined));
	}

	/** A line of talk. */
	say(line: string): void {
		if (!this.#quiet) process.stderr.write(`${line}\n`);
	}

	/** The next command to try, with the same data folder. */
	hint(text: string, command?: string): void {
		const next = command === undefined ? "" : `: ${this.command(command)}`;
		this.say(this.paint("dim", `${text}${next}`, process.stderr));
	}

	/** A command as it has to be typed to meet the same data folder. */
	command(words: string): string {
		return `muster ${words}${this.#data}`;
	}

	paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
		return this.#color ? styleText(style, text, { stream }) : text;
	}

	/** Columns as wide as they must be; the last one is cut at the edge of the terminal. */
	table(
		head: readonly string[],
		rows: readonly (readonly string[])[],
		styles: (row: number) => (Style | undefined)[] = () => [],
	): void {
		const cells = rows.map((row) => row.map((cell) => plain(cell)));
		const last = head.length - 1;
		const widths = head.map((title, i) => Math.max(width(title), ...cells.map((row) => width(row[i] ?? ""))));
		const before = widths.slice(0, last).reduce((sum, columns) => sum + columns + 2, 0);
		const room = Math.max(NARROWEST / 2, this.columns - before);
		const line = (row: readonly string[], style: (column: number) => Style | undefined): string =>
			row
				.map((cell, i) => {
					const text = i === last ? fit(cell, room) : pad(cell, widths[i] ?? 0);
					const wanted = style(i);
					return wanted === undefined ? text : this.paint(wanted, text);
				})
				.join("  ")
				.trimEnd();
		this.print(line(head, () => "dim"));
		for (const [i, row] of cells.entries()) this.print(line(row, (column) => styles(i)[column]));
	}
}

/** The colour of a state, the same everywhere. */
export function stateStyle(state: string): Style | undefined {
	switch (state) {
		case "completed":
		case "ready":
			return "green";
		case "running":
		case "busy":
			return "cyan";
		case "failed":
		case "unhealthy":
			return "red";
		case "cancelled":
		case "skipped":
		case "not-started":
		case "stopped":
			return "dim";
		default:
			return "yellow";
	}
}
