/** What callers read: tasks, runs and agents as views, wherever they are: live, just ended, or in the history. */
import { MusterError } from "../errors.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { Registry } from "../scheduler/registry.ts";
import { whyWaiting } from "../scheduler/waiting.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { stepTaskId } from "../workflow/embedded.ts";
import type { Run } from "../workflow/run.ts";
import { type AgentView, agentView, type RunView, runView, type TaskView, taskView } from "./view.ts";

export interface ListOptions {
	/** Most rows. Default 100, at most 1,000. */
	limit?: number;
}

const MAX_ROWS = 1_000;

/** What it looks at. Narrow, so that a stored folder can be read without anything that works on it. */
export interface ReaderParts {
	ledger: Pick<Ledger, "state" | "history" | "task" | "run" | "recentTasks" | "recentRuns"> & {
		journal: Pick<Ledger["journal"], "full">;
	};
	registry: Registry;
	dispatcher: Pick<Dispatcher, "attempt" | "runningTasks" | "stopping">;
}

export class Reader {
	readonly #ledger: ReaderParts["ledger"];
	readonly #registry: Registry;
	readonly #dispatcher: ReaderParts["dispatcher"];

	constructor(parts: ReaderParts) {
		this.#ledger = parts.ledger;
		this.#registry = parts.registry;
		this.#dispatcher = parts.dispatcher;
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
		const ids = Object.entries(this.findRun(id).steps).flatMap(([step, { each, total }]) =>
			Array.from({ length: total }, (_, index) => stepTaskId(id, step, each, index)),
		);
		const tasks = ids.slice(0, MAX_ROWS).map((taskId) => this.#ledger.task(taskId));
		return tasks.filter((task) => task !== undefined).map((task) => this.#view(task));
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

	/** Failed tasks, newest first. */
	deadLetters({ limit = 100 }: ListOptions = {}): TaskView[] {
		const rows = Math.min(limit, MAX_ROWS);
		const held = [...this.#over()].filter((task) => task.state === "failed");
		return newest(held, this.#ledger.history.deadLetters(rows), rows).map((task) => this.#view(task));
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
		const world = { state, registry: this.#registry, stopping: this.#dispatcher.stopping, full: journal.full };
		return taskView(task, {
			progress: this.#dispatcher.attempt(task.id)?.progress,
			waiting: isTerminal(task.state) ? undefined : whyWaiting(task, world),
		});
	}

	#viewRun(run: Run): RunView {
		const definition = this.#ledger.state.definitions.get(run.hash);
		const order = definition?.steps.map((step) => step.id) ?? [];
		return runView(run, order, (id) => this.#dispatcher.attempt(id)?.progress);
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
