/** `muster ps`: live and recent work, and why each piece waits. */
import { systemClock } from "../../clock.ts";
import { formatMs, toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import type { Page } from "../../orchestrator/page.ts";
import type { RunView, TaskView } from "../../orchestrator/view.ts";
import type { TaskState } from "../../task/task.ts";
import type { RunState } from "../../workflow/run.ts";
import { gather, openReader, type Reader } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { stateStyle, Terminal } from "../terminal.ts";

interface PsOptions extends GlobalOptions {
	runs?: boolean;
	limit: number;
	state?: string;
	type?: string;
	agent?: string;
	run?: string;
	group?: string;
	workflow?: string;
	since?: string;
	until?: string;
	cursor?: string;
}

export async function run(_: string[], options: PsOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const { items, nextCursor } = options.runs ? await runsOf(reader, options) : await tasksOf(reader, options);
		if (options.json) terminal.json({ items, ...(nextCursor !== undefined && { nextCursor }) });
		else if (items.length === 0) terminal.say(options.runs ? "There are no such runs." : "There are no such tasks.");
		else if (options.runs) printRuns(terminal, items as RunView[]);
		else printTasks(terminal, items as TaskView[]);
		if (nextCursor !== undefined) terminal.hint(`There are more: --limit, or go on with --cursor ${nextCursor}`);
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

const statesOf = <T extends string>(text: string | undefined): T[] | undefined => text?.split(",") as T[] | undefined;

function tasksOf(reader: Reader, options: PsOptions): Promise<Page<TaskView>> {
	if (options.workflow !== undefined) throw onlyFor("--workflow", "--runs");
	const { state, type, agent, run, group, since, until, limit, cursor } = options;
	const query = { state: statesOf<TaskState>(state), type, agent, run, group, ...timesOf({ since, until }) };
	return gather((page) => reader.tasks({ ...query, ...page }), limit, cursor);
}

function runsOf(reader: Reader, options: PsOptions): Promise<Page<RunView>> {
	for (const name of ["type", "agent", "run", "group"] as const) {
		if (options[name] !== undefined) throw onlyFor(`--${name}`, "tasks");
	}
	const { state, workflow, since, until, limit, cursor } = options;
	const query = { state: statesOf<RunState>(state), workflow, ...timesOf({ since, until }) };
	return gather((page) => reader.runs({ ...query, ...page }), limit, cursor);
}

const onlyFor = (option: string, what: string): MusterError =>
	new MusterError("E_USAGE", `${option} is for ${what} only`);

/** A time, or how long ago. */
function timesOf(given: { since?: string | undefined; until?: string | undefined }): typeof given {
	const time = (text: string | undefined): string | undefined =>
		text === undefined || /^\d{4}-/.test(text)
			? text
			: new Date(systemClock.now() - toMs(text, "the time")).toISOString();
	return { since: time(given.since), until: time(given.until) };
}

function printTasks(terminal: Terminal, tasks: readonly TaskView[]): void {
	const rows = tasks.map((task) => [
		task.id,
		task.type,
		task.state,
		task.priority,
		age(task.submittedAt),
		detail(task),
	]);
	const states = tasks.map(({ state }) => stateStyle(state));
	terminal.table(["ID", "TYPE", "STATE", "PRIORITY", "AGE", "DETAIL"], rows, (row) => [
		undefined,
		undefined,
		states[row],
	]);
}

function printRuns(terminal: Terminal, runs: readonly RunView[]): void {
	const rows = runs.map((run) => {
		const done = run.steps.filter(({ state }) => state === "completed" || state === "skipped").length;
		return [run.id, run.workflow, run.state, `${done}/${run.steps.length}`, age(run.createdAt), runDetail(run)];
	});
	const states = runs.map(({ state }) => stateStyle(state));
	terminal.table(["ID", "WORKFLOW", "STATE", "STEPS", "AGE", "DETAIL"], rows, (row) => [
		undefined,
		undefined,
		states[row],
	]);
}

/** What is most worth knowing of a task now. */
export function detail({ waiting, error, progress, state, history, attempts, submittedAt, endedAt }: TaskView): string {
	if (waiting !== undefined) return waiting.text;
	const last = history.at(-1);
	if (state === "running") {
		const share = progress === undefined ? "" : `${Math.round(progress.fraction * 100)} % ${progress.message ?? ""}`;
		return `on ${last?.agent ?? "an agent"} ${share}`.trimEnd();
	}
	if (state !== "completed") return error === undefined ? "" : `${error.code}: ${error.message}`;
	const took = formatMs(Date.parse(endedAt ?? submittedAt) - Date.parse(last?.startedAt ?? submittedAt));
	return attempts > 1 ? `took ${took}, attempt ${attempts}` : `took ${took}`;
}

function runDetail({ state, steps, error, endedAt, createdAt }: RunView): string {
	if (state === "running") {
		const running = steps.filter((step) => step.state === "running");
		return running.map(({ id, done, total }) => (total > 1 ? `${id} ${done}/${total}` : id)).join(", ");
	}
	if (state === "failed" && error !== undefined) return `${error.code}: ${error.message}`;
	return `took ${formatMs(Date.parse(endedAt ?? createdAt) - Date.parse(createdAt))}`;
}

const age = (since: string): string => formatMs(Math.max(0, systemClock.now() - Date.parse(since)));
