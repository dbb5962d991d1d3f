import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HandClock } from "../clock.ts";
import type { RunView, StepView } from "../orchestrator/view.ts";
import { width } from "./plain.ts";
import { bar, createProgress, fractionOf } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

const clock = new HandClock();
const createdAt = new Date(clock.now()).toISOString();

const step = (id: string, more: Partial<StepView> = {}): StepView => ({
	...{ id, state: "waiting", total: 0, done: 0, failed: 0, fraction: 0 },
	...more,
});

const runOf = (...steps: StepView[]): RunView => ({
	...{ id: "run_x", workflow: "flow", hash: "", state: "running", inputs: {}, createdAt, steps },
});

/** What a terminal of this size shows: it knows the four sequences the renderer uses, and wraps like a real one. */
class Screen {
	columns: number;
	rows: number;
	lines: string[] = [""];
	#row = 0;
	written = "";

	constructor(columns = 80, rows = 24) {
		this.columns = columns;
		this.rows = rows;
	}

	write = (text: string): boolean => {
		this.written += text;
		// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences under test
		for (const part of text.match(/\x1b\[\d*[AKJ]|\r|\n|[^\x1b\r\n]+/g) ?? []) {
			if (part === "\n") this.lines[++this.#row] ??= "";
			else if (part.endsWith("A")) this.#row -= Number(part.slice(2, -1));
			else if (part === "\x1b[J") this.lines.length = this.#row + 1;
			else if (part !== "\r" && part !== "\x1b[K") {
				assert.ok(width(part) < this.columns, `"${part}" is wider than ${this.columns}`);
				this.lines[this.#row] = part;
			}
		}
		assert.ok(this.#row >= 0, "never above where it began");
		return true;
	};
}

const terminal = { quiet: false, interactive: true, paint: (_: unknown, text: string) => text } as unknown as Terminal;

describe("in a terminal", () => {
	test("each step has a bar, drawn again in place, and one line is for all", () => {
		const screen = new Screen();
		const progress = createProgress(terminal, clock, screen as never);
		progress.show(runOf(step("research", { state: "running", total: 4, fraction: 0.1 }), step("write")));
		progress.show(
			runOf(
				step("research", { state: "running", total: 4, done: 3, fraction: 0.75, message: "reading" }),
				step("write"),
			),
		);
		assert.deepEqual(screen.lines, [
			"research ███████░░░ 3/4   reading",
			"write    ░░░░░░░░░░",
			"total    ███░░░░░░░ 0 of 2 steps, 0ms",
			"",
		]);
	});

	test("a narrow terminal and many steps still fit", () => {
		const screen = new Screen(30, 10);
		const progress = createProgress(terminal, clock, screen as never);
		const steps = Array.from({ length: 50 }, (_, i) =>
			step(`step-with-a-long-name-${i}`, { state: i < 20 ? "completed" : "waiting", message: "a long message of it" }),
		);
		for (let i = 0; i < 3; i++) progress.show(runOf(...steps));
		assert.ok(screen.lines.length <= 10);
		assert.match(screen.lines.join("\n"), /and 44 more steps/);
	});

	test("nothing from outside reaches the terminal as a command", () => {
		const screen = new Screen();
		const progress = createProgress(terminal, clock, screen as never);
		const message = "\x1b[2J\x1b]0;owned\x07\nnext\u202eline\u200b";
		progress.show(runOf(step("a", { state: "running", total: 1, message })));
		assert.ok(
			!screen.written.includes("\x1b[2J") && !screen.written.includes("\x07") && !screen.written.includes("\u202e"),
		);
		assert.match(screen.lines[0] ?? "", /\\u001b\[2J.* next\\u202eline\\u200b/);
	});

	test("what never ran is not drawn as done", () => {
		const view = runOf(
			step("a", { state: "cancelled", total: 4, done: 1, fraction: 0.25 }),
			step("b", { state: "not-started" }),
		);
		assert.equal(fractionOf(view), 0.125);
		assert.equal(bar(0.99), "█████████░");
	});
});

test("elsewhere a line is written when a state changed, and none for a count within five seconds", () => {
	const written: string[] = [];
	const screen = { write: (part: string) => written.push(part) };
	const progress = createProgress({ quiet: false, interactive: false } as Terminal, clock, screen as never);
	const research = (done: number) =>
		runOf(step("research", { state: "running", total: 100, done, fraction: done / 100 }));
	progress.show(research(0));
	progress.show(research(0));
	progress.show(research(5));
	clock.advance(5_000);
	progress.show(research(9));
	progress.show(runOf(step("research", { state: "completed", total: 100, done: 100, fraction: 1 })));
	assert.equal(written.join(""), "research: running 0/100\nresearch: running 9/100\nresearch: completed 100/100\n");
});
