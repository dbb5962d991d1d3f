/** `muster ps`: live and recent work, and why each piece waits. */
import { systemClock } from "../../clock.ts";
import { formatMs } from "../../duration.ts";
import type { RunView, TaskView } from "../../orchestrator/view.ts";
import { openReader } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { stateStyle, Terminal } from "../terminal.ts";

interface PsOptions extends GlobalOptions {
	runs?: boolean;
	limit: number;
}

export async function run(_: string[], options: PsOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const items = options.runs ? await reader.runs(options.limit) : await reader.tasks(options.limit);
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say(options.runs ? "There are no runs yet." : "There are no tasks yet.");
		else if (options.runs) printRuns(terminal, items as RunView[]);
		else printTasks(terminal, items as TaskView[]);
		if (items.length === options.limit) terminal.hint(`There may be more than these ${options.limit}: --limit`);
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
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

function runDetail({ state, steps, error, endedAt, createdAt, waiting }: RunView): string {
	if (waiting !== undefined) return waiting.text;
	if (state === "running") {
		const running = steps.filter((step) => step.state === "running");
		return running.map(({ id, done, total }) => (total > 1 ? `${id} ${done}/${total}` : id)).join(", ");
	}
	if (state === "failed" && error !== undefined) return `${error.code}: ${error.message}`;
	return `took ${formatMs(Date.parse(endedAt ?? createdAt) - Date.parse(createdAt))}`;
}

const age = (since: string): string => formatMs(Math.max(0, systemClock.now() - Date.parse(since)));
