/** What callers read: tasks, runs and agents as views, wherever they are: live, just ended, or in the history. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { Registry } from "../scheduler/registry.ts";
import { whyRunWaits } from "../scheduler/run-waiting.ts";
import { whyWaiting } from "../scheduler/waiting.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { itemIds } from "../workflow/embedded.ts";
import type { Run } from "../workflow/run.ts";
import { type AgentView, agentView, type RunView, runView, type TaskView, taskView } from "./view.ts";

export interface ListOptions {
	/** Most rows. Default 100, at most 1,000. */
	limit?: number;
}

export interface DeadLetterOptions extends ListOptions {
	/** Of this task type. */
	type?: string | undefined;
	/** With this error code. */
	code?: string | undefined;
}

const MAX_ROWS = 1_000;

/** What it looks at. Narrow, so that a stored folder can be read without anything that works on it. */
export interface ReaderParts {
	ledger: Pick<Ledger, "state" | "history" | "task" | "run" | "recentTasks" | "recentRuns" | "isRedriven"> & {
		journal: Pick<Ledger["journal"], "full">;
	};
	registry: Registry;
	dispatcher: Pick<Dispatcher, "attempt" | "runningTasks" | "stopping"> & Partial<Pick<Dispatcher, "matcher">>;
	clock: Pick<Clock, "now">;
}

export class Reader {
	readonly #ledger: ReaderParts["ledger"];
	readonly #registry: Registry;
	readonly #dispatcher: ReaderParts["dispatcher"];
	readonly #now: () => number;

	constructor(parts: ReaderParts) {
		this.#ledger = parts.ledger;
		this.#registry = parts.registry;
		this.#dispatcher = parts.dispatcher;
		this.#now = () => parts.clock.now();
	}

	/** @throws E_TASK_UNKNOWN */
	find(id: string): Task {
		const task = this.#ledger.task(id);
		if (task !== undefined) return task;
		throw new MusterError("E_TASK_UNKNOWN", `there is no task ${id}`, { hint: "List them with: muster ps" });
	}

	/** @throws E_RUN_UNKNOWN */
	findRun(id: string): Run {
		const run = this.#ledger.run(id);
		if (run !== undefined) return run;
		throw new MusterError("E_RUN_UNKNOWN", `there is no run ${id}`, { hint: "List them with: muster ps --runs" });
	}

	task(id: string): TaskView {
		return this.#view(this.find(id));
	}

	run(id: string): RunView {
		return this.#viewRun(this.findRun(id));
	}

	/** The run's tasks that are known, in the order of its steps; at most 1,000. */
	runTasks(id: string): TaskView[] {
		const run = this.findRun(id);
		const tasks: TaskView[] = [];
		for (const [path, step] of Object.entries(run.steps)) {
			if (step.items === "run") continue;
			for (const taskId of itemIds(run, path, step)) {
				const task = this.#ledger.task(taskId);
				if (task !== undefined) tasks.push(this.#view(task));
				if (tasks.length >= MAX_ROWS) return tasks;
			}
		}
		return tasks;
	}

	/** Running tasks first, then other live ones, oldest first, then finished ones, newest first. */
	tasks({ limit = 100 }: ListOptions = {}): TaskView[] {
		const rows = Math.min(limit, MAX_ROWS);
		const running = [...this.#dispatcher.runningTasks().take(rows)];
		const others = this.#ledger.state.tasks
			.values()
			.filter((task) => task.token === undefined && !isTerminal(task.state));
		const live = [...running, ...others.take(rows - running.length)];
		const over = newest(this.#over(), this.#ledger.history.latestTasks(rows), rows - live.length);
		return [...live, ...over].map((task) => this.#view(task));
	}

	/** Newest first, live ones before finished ones. */
	runs({ limit = 100 }: ListOptions = {}): RunView[] {
		const rows = Math.min(limit, MAX_ROWS);
		const live = [...this.#ledger.state.runs.values()].reverse().slice(0, rows);
		const over = newest(this.#ledger.recentRuns(), this.#ledger.history.latestRuns(rows), rows - live.length);
		return [...live, ...over].map((run) => this.#viewRun(run));
	}

	/** Failed tasks that were neither submitted again nor put away, newest first. */
	deadLetters(options: DeadLetterOptions = {}): TaskView[] {
		return this.deadTasks(options).map((task) => this.#view(task));
	}

	deadTasks({ limit = 100, type, code }: DeadLetterOptions): Task[] {
		const rows = Math.min(limit, MAX_ROWS);
		const fits = (task: Task): boolean =>
			task.state === "failed" &&
			(type === undefined || task.type === type) &&
			(code === undefined || task.error?.code === code);
		const held = [...this.#over()].filter(fits);
		const known = this.#ledger.history.deadLetters({ limit: rows, type, code });
		return newest(held, known, rows * 2)
			.filter(({ id }) => !this.#ledger.isRedriven(id))
			.slice(0, rows);
	}

	/** Finished tasks in memory: still needed by others, or not in the history yet. */
	*#over(): Generator<Task> {
		yield* this.#ledger.recentTasks();
		for (const task of this.#ledger.state.tasks.values()) if (isTerminal(task.state)) yield task;
	}

	agents(): AgentView[] {
		return [...this.#registry.seats].map(agentView);
	}

	#view(task: Task): TaskView {
		const { state, journal } = this.#ledger;
		const { matcher, stopping } = this.#dispatcher;
		const world = { state, registry: this.#registry, matcher, stopping, full: journal.full, nowMs: this.#now() };
		return taskView(task, {
			progress: this.#dispatcher.attempt(task.id)?.progress,
			waiting: isTerminal(task.state) ? undefined : whyWaiting(task, world),
		});
	}

	#viewRun(run: Run): RunView {
		const definition = this.#ledger.state.definitions.get(run.hash);
		const order = definition?.steps.map((step) => step.id) ?? [];
		return runView(run, order, {
			progress: (id) => this.#dispatcher.attempt(id)?.progress,
			waiting: whyRunWaits(run, this.#ledger.state),
		});
	}
}

/** Finished items of memory and history, newest first, each once. */
function newest<T extends { id: string; endedAt?: number | undefined }>(
	recent: Iterable<T>,
	old: readonly T[],
	limit: number,
): T[] {
	const byId = new Map([...old, ...recent].map((item) => [item.id, item]));
	return [...byId.values()].sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0)).slice(0, Math.max(0, limit));
}
