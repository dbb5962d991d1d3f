/** `muster task`: everything about one task, or one run with its steps and tasks. */
import { formatMs } from "../../duration.ts";
import type { Json } from "../../json.ts";
import {
	type AskView,
	type AttemptView,
	type RunView,
	type StepView,
	type TaskView,
	waitCommand,
	waitText,
} from "../../orchestrator/view.ts";
import { isArtifactRef } from "../../skill/skill.ts";
import { openReader, type Reader } from "../connection.ts";
import { type Found, type FoundStep, findById, findStep, lookUp } from "../ids.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { bar } from "../progress.ts";
import { stateStyle, Terminal } from "../terminal.ts";
import { detail } from "./ps.ts";

const LONGEST_VALUE = 400;

export async function run([given = ""]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const found = await find(reader, given);
		if ("task" in found) {
			if (options.json) terminal.json(found.task);
			else printTask(terminal, found.task);
		} else if ("step" in found) {
			const { step, of: run } = found;
			const tasks = (await reader.runTasks(run.id)).filter((task) => task.run?.step === step.id);
			if (options.json) terminal.json({ ...step, run: run.id, tasks });
			else printStep(terminal, run, step, tasks);
		} else {
			const tasks = await reader.runTasks(found.run.id);
			if (options.json) terminal.json({ ...found.run, tasks });
			else printRun(terminal, found.run, tasks);
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

async function find(reader: Reader, given: string): Promise<Found | FoundStep> {
	// A whole id goes before the beginning of others: `RUN.each` is the step, also while it has one task alone.
	return (await lookUp(reader, given)) ?? (await findStep(reader, given)) ?? (await findById(reader, given));
}

function printTask(terminal: Terminal, task: TaskView): void {
	const line = lines(terminal);
	line("task", task.id);
	line("type", `${task.type}, priority ${task.priority}${task.group === undefined ? "" : `, group ${task.group}`}`);
	line("state", terminal.paint(stateStyle(task.state) ?? "reset", task.state), false);
	if (task.waiting !== undefined) printWaiting(line, task.waiting);
	if (task.progress !== undefined) {
		const { fraction, message = "" } = task.progress;
		line("progress", `${bar(fraction)} ${Math.round(fraction * 100)} % ${message}`);
	}
	line("submitted", `${task.submittedAt}${task.endedAt === undefined ? "" : `, ended ${task.endedAt}`}`);
	if (task.run !== undefined) line("run", `${task.run.id}, step ${task.run.step}, item ${task.run.index}`);
	if (task.parent !== undefined) line("parent", task.parent);
	if (task.dependsOn !== undefined) line("after", task.dependsOn.join(", "));
	if (task.children !== undefined) line("children", task.children.join(", "));
	if (task.idempotencyKey !== undefined) line("key", task.idempotencyKey);
	if (task.retryOf !== undefined) line("retry of", task.retryOf);
	if (task.signs !== undefined) {
		const { aliveMsAgo, activeMsAgo, progressMsAgo, stuck } = task.signs;
		const times = `alive ${formatMs(aliveMsAgo)}, active ${formatMs(activeMsAgo)}, progress ${formatMs(progressMsAgo)} ago`;
		line("signs", stuck ? `${times}; its progress stands still` : times);
	}
	printLimits(line, task);
	line("input", shorten(task.input));
	if (task.output !== undefined) line("output", shorten(task.output));
	if (task.error !== undefined) printError(line, task.error);
	for (const [i, attempt] of task.history.entries()) {
		line(i === 0 ? "attempts" : "", attemptText(task.attempts - task.history.length + i + 1, attempt));
	}
	for (const [i, [key, effect]] of Object.entries(task.effects ?? {}).entries()) {
		line(i === 0 ? "effects" : "", `${effect.state}  ${effect.describe} (${key}, ${effect.at})`);
	}
}

/** The sentence, then what a program would look at: the reason, who holds it, and how long it takes. */
function printWaiting(
	line: Line,
	{ reason, text, holders = [], until, estimateMs }: NonNullable<TaskView["waiting"]>,
): void {
	line("waits", text);
	line("", `reason ${reason}${holders.length === 0 ? "" : `, for ${holders.join(", ")}`}`);
	if (until !== undefined) line("", `until ${new Date(until).toISOString()}`);
	if (estimateMs !== undefined) line("", `starts in about ${formatMs(estimateMs)}, going by the last ones`);
}

function printLimits(line: Line, task: TaskView): void {
	const { concurrency, rate, coalesceKey, stallTimeoutMs, crashes = 0, losses = 0, stalls = 0 } = task;
	if (concurrency !== undefined) {
		line("limit", `${concurrency.limit} of the key ${concurrency.key} at a time, else ${concurrency.policy}`);
	}
	if (rate !== undefined) line("rate", `${rate.limit} of the key ${rate.key} in ${formatMs(rate.perMs)}`);
	if (coalesceKey !== undefined) line("wake-up", `of the key ${coalesceKey}`);
	if (stallTimeoutMs !== undefined) line("stalled", `when its progress stands still for ${formatMs(stallTimeoutMs)}`);
	const cut = Object.entries({ "died with the process": crashes, "lost with an agent": losses, "stood still": stalls });
	const ended = cut.filter(([, count]) => count > 0).map(([how, count]) => `${count} ${how}`);
	if (ended.length > 0) line("cut off", ended.join(", "));
	for (const [i, [key, ask]] of Object.entries(task.asks ?? {}).entries()) {
		line(i === 0 ? "asks" : "", `${ask.title} (${key}): ${answerText(ask)}`);
	}
}

function answerText({ answer, until }: AskView): string {
	if (answer === undefined) return `no answer yet${until === undefined ? "" : `, expires ${until}`}`;
	if (answer.expired) return `nobody answered in time, ${answer.at}`;
	const by = answer.by === undefined ? "" : ` by ${answer.by}`;
	return `${answer.approved ? "approved" : "denied"}${by}, ${answer.at}${answer.comment === undefined ? "" : `: ${answer.comment}`}`;
}

function printRun(terminal: Terminal, run: RunView, tasks: readonly TaskView[]): void {
	const line = lines(terminal);
	line("run", run.id);
	line("workflow", `${run.workflow}, definition ${run.hash.slice(0, 12)}`);
	line("state", terminal.paint(stateStyle(run.state) ?? "reset", run.state), false);
	if (run.waiting !== undefined) line("waits", run.waiting.text);
	const started = run.startedAt === undefined ? "" : `, started ${run.startedAt}`;
	line("created", `${run.createdAt}${started}${run.endedAt === undefined ? "" : `, ended ${run.endedAt}`}`);
	line("inputs", shorten(run.inputs));
	if (run.error !== undefined) printError(line, run.error);
	if (run.outputs !== undefined) line("outputs", shorten(run.outputs));
	terminal.print("");
	printSteps(terminal, run, run.steps);
	printTasks(terminal, tasks);
}

function printStep(terminal: Terminal, run: RunView, step: StepView, tasks: readonly TaskView[]): void {
	const line = lines(terminal);
	line("step", step.id);
	line("run", `${run.id}, ${run.workflow}, ${run.state}`);
	line("state", terminal.paint(stateStyle(step.state) ?? "reset", step.state), false);
	const waits = step.wait === undefined ? step.waiting : waitDetail(run, step);
	if (waits !== undefined) line("waits", waits);
	if (run.waiting !== undefined) line("", `its run: ${run.waiting.text}`);
	line("items", `${step.done} of ${step.total} done${step.failed === 0 ? "" : `, ${step.failed} failed`}`);
	if (step.startedAt !== undefined) {
		line("started", `${step.startedAt}${step.endedAt === undefined ? "" : `, ended ${step.endedAt}`}`);
	}
	if (step.error !== undefined) printError(line, step.error);
	printTasks(terminal, tasks);
}

function printSteps(terminal: Terminal, run: RunView, steps: readonly StepView[]): void {
	const rows = steps.map((step) => [
		step.id,
		step.state,
		`${step.done}/${step.total}`,
		step.endedAt === undefined || step.startedAt === undefined
			? ""
			: formatMs(Date.parse(step.endedAt) - Date.parse(step.startedAt)),
		step.error?.message ?? (step.wait === undefined ? (step.waiting ?? step.message ?? "") : waitDetail(run, step)),
	]);
	const styles = steps.map(({ state }) => stateStyle(state));
	terminal.table(["STEP", "STATE", "DONE", "TOOK", "DETAIL"], rows, (row) => [undefined, styles[row]]);
}

function printTasks(terminal: Terminal, tasks: readonly TaskView[]): void {
	if (tasks.length === 0) return;
	terminal.print("");
	const rows = tasks.map((task) => [task.id, task.type, task.state, detail(task)]);
	const styles = tasks.map(({ state }) => stateStyle(state));
	terminal.table(["TASK", "TYPE", "STATE", "DETAIL"], rows, (row) => [undefined, undefined, styles[row]]);
}

function waitDetail(run: RunView, { id, wait, waiting }: StepView): string {
	if (wait === undefined) return "";
	const command = waitCommand(wait, run.id, id);
	const until = wait.until === undefined ? "" : `, until ${wait.until}`;
	const terms = waiting === undefined ? "" : `; ${waiting}`;
	return `${waitText(wait)}${until}${terms}${command === undefined ? "" : `; end it with: ${command}`}`;
}

type Line = (name: string, text: string, foreign?: boolean) => void;

const lines =
	(terminal: Terminal): Line =>
	(name, text, foreign = true) =>
		terminal.print(`${terminal.paint("dim", name.padEnd(11))}${foreign ? plain(text) : text}`);

function printError(line: Line, error: NonNullable<TaskView["error"]>): void {
	line("error", `${error.code}: ${error.message}`);
	if (error.cause !== undefined) line("cause", error.cause.message);
	if (error.hint !== undefined) line("hint", error.hint);
}

function attemptText(number: number, { agent, startedAt, endedAt, error }: AttemptView): string {
	const took = endedAt === undefined ? "running" : formatMs(Date.parse(endedAt) - Date.parse(startedAt));
	const end = error === undefined ? "" : `  ${error.code}: ${error.message}`;
	return `${number}  ${agent}  ${startedAt}  ${took}${end}`;
}

function shorten(value: Json): string {
	// A reference is shown as the file it stands for: its hash says nothing to a person.
	const text = JSON.stringify(value, (_, member) =>
		isArtifactRef(member) ? `<${member.name}, ${member.size} bytes, ${member.mediaType}>` : member,
	);
	return text.length <= LONGEST_VALUE
		? text
		: `${text.slice(0, LONGEST_VALUE)}… (${text.length} characters; --json shows all)`;
}
