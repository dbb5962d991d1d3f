/**
 * The progress of a run on stderr: a bar for each step, drawn again in place, with one line for all of it. Nothing moves
 * unless the work does. Where lines cannot be drawn again, a line is written when something changed.
 */
import type { Clock } from "../clock.ts";
import { formatMs } from "../duration.ts";
import { type RunView, type StepView, waitText } from "../orchestrator/view.ts";
import { fit, pad, plain, width } from "./plain.ts";
import { stateStyle, type Terminal } from "./terminal.ts";

export interface ProgressView {
	show(run: RunView): void;
	/** Leaves the last picture standing. */
	end(): void;
}

type Output = Pick<NodeJS.WriteStream, "write"> & { columns?: number; rows?: number };

const BAR = 10;
const LONGEST_NAME = 24;
/** Steps drawn when the terminal has no more rows; the others are counted in a line. */
const FEWEST_ROWS = 3;

export function createProgress(terminal: Terminal, clock: Clock, output: Output = process.stderr): ProgressView {
	if (terminal.quiet) return { show: () => undefined, end: () => undefined };
	return terminal.interactive ? new Bars(terminal, clock, output) : new Lines(clock, output);
}

/** How much of a run is done, 0..1: each step counts the same. */
export function fractionOf({ steps }: RunView): number {
	const own = steps.filter(isOwn);
	if (own.length === 0) return 0;
	return own.reduce((sum, step) => sum + shareOf(step), 0) / own.length;
}

/** What is inside of a loop or a group counts with the step around it. */
const isOwn = ({ id }: StepView): boolean => !id.includes(".");

const shareOf = (step: StepView): number => (isDone(step) ? 1 : Math.min(1, step.fraction));

const isDone = ({ state }: StepView): boolean => state === "completed" || state === "skipped";

const isOver = ({ state }: StepView): boolean => state !== "running" && state !== "waiting";

export function bar(fraction: number): string {
	const full = Math.min(BAR, Math.floor(fraction * BAR + 1e-9));
	return "█".repeat(full) + "░".repeat(BAR - full);
}

class Bars implements ProgressView {
	readonly #terminal: Terminal;
	readonly #clock: Clock;
	readonly #output: Output;
	/** Columns of each line of the picture. */
	#drawn: number[] = [];

	constructor(terminal: Terminal, clock: Clock, output: Output) {
		this.#terminal = terminal;
		this.#clock = clock;
		this.#output = output;
	}

	show(run: RunView): void {
		const { columns = 80, rows = 24 } = this.#output;
		const name = Math.min(LONGEST_NAME, Math.max(5, ...run.steps.map((step) => width(plain(step.id)))));
		const room = Math.max(FEWEST_ROWS, rows - 2);
		const shown = chooseSteps(run.steps, room);
		const lines = shown.map((step) => this.#step(step, name, columns - 1));
		const hidden = run.steps.length - shown.length;
		if (hidden > 0) lines.push({ text: fit(`... and ${hidden} more steps`, columns - 1) });
		lines.push({ text: fit(this.#total(run, name), columns - 1) });
		// A terminal that became narrower has broken the old lines into several rows.
		const rowsUp = this.#drawn.reduce((sum, drawn) => sum + Math.max(1, Math.ceil(drawn / columns)), 0);
		const up = rowsUp > 0 ? `\x1b[${rowsUp}A` : "";
		// Each line is cleared after its text and what is below the picture once, so that nothing flickers.
		this.#output.write(`${up}\r${lines.map(({ text, painted }) => `${painted ?? text}\x1b[K\n`).join("")}\x1b[J`);
		this.#drawn = lines.map(({ text }) => width(text));
	}

	end(): void {
		this.#drawn = [];
	}

	#step(step: StepView, nameColumns: number, columns: number): { text: string; painted?: string } {
		const label = pad(fit(plain(step.id), nameColumns), nameColumns);
		const count = step.total > 1 || step.state === "running" ? `${step.done}/${step.total}` : "";
		const parts = [label, bar(shareOf(step)), pad(count, 5), plain(noteOf(step))];
		const text = fit(parts.join(" ").trimEnd(), columns);
		const style = step.state === "waiting" ? "dim" : stateStyle(step.state);
		if (style === undefined || !text.startsWith(label)) return { text };
		return { text, painted: label + this.#terminal.paint(style, text.slice(label.length), process.stderr) };
	}

	#total(run: RunView, nameColumns: number): string {
		const own = run.steps.filter(isOwn);
		const done = own.filter(isDone).length;
		const end = run.endedAt === undefined ? this.#clock.now() : Date.parse(run.endedAt);
		const took = formatMs(Math.max(0, end - Date.parse(run.createdAt)));
		return `${pad("total", nameColumns)} ${bar(fractionOf(run))} ${done} of ${own.length} steps, ${took}`;
	}
}

/** Those that fit, the running ones and their neighbours first. */
function chooseSteps(steps: readonly StepView[], room: number): readonly StepView[] {
	if (steps.length + 1 <= room) return steps;
	const running = steps.findIndex((step) => !isOver(step));
	const most = Math.max(1, room - 2);
	const from = Math.max(0, Math.min(running === -1 ? steps.length : running - 1, steps.length - most));
	return steps.slice(from, from + most);
}

function noteOf(step: StepView): string {
	if (step.state === "failed") return step.error === undefined ? "failed" : `failed: ${step.error.message}`;
	if (step.wait !== undefined) return waitText(step.wait);
	if (step.state === "running")
		return step.failed > 0 ? `${step.failed} failed  ${step.message ?? ""}` : (step.message ?? "");
	return step.state === "completed" || step.state === "waiting" ? "" : step.state.replace("-", " ");
}

/** Less often than this, when only a count went up. */
const COUNT_MS = 5_000;

class Lines implements ProgressView {
	readonly #clock: Clock;
	readonly #output: Output;
	readonly #last = new Map<string, { state: string; done: number; at: number }>();

	constructor(clock: Clock, output: Output) {
		this.#clock = clock;
		this.#output = output;
	}

	show(run: RunView): void {
		const now = this.#clock.monotonic();
		for (const step of run.steps) {
			const done = step.done + step.failed;
			const last = this.#last.get(step.id) ?? { state: "waiting", done: 0, at: now };
			if (step.state === "not-started") continue; // the run ended before: its error says why
			const news = step.state !== last.state || (done !== last.done && now - last.at >= COUNT_MS);
			if (!news) continue;
			this.#last.set(step.id, { state: step.state, done, at: now });
			const count = step.total > 1 ? ` ${step.done}/${step.total}` : "";
			const ask = step.wait?.kind === "approval" ? `; answer with: muster approvals approve ${run.id}.${step.id}` : "";
			const waits = step.wait === undefined ? "" : `: ${waitText(step.wait)}${ask}`;
			const why = step.error === undefined ? waits : `: ${step.error.message}`;
			this.#output.write(`${plain(`${step.id}: ${step.state}${count}${why}`)}\n`);
		}
	}

	end(): void {}
}
