/**
 * What a data folder holds, read without owning it: nothing is written, nothing starts, and a process that works on it
 * is not disturbed. The state is folded from the newest snapshot and the journal, as at a start.
 */
import { systemClock } from "../clock.ts";
import type { History } from "../journal/journal.ts";
import type { Owner } from "../journal/lock.ts";
import { journalPaths, recover } from "../journal/recovery.ts";
import { openForReading } from "../journal/sqlite-file.ts";
import { ViewsReader } from "../journal/views-reader.ts";
import type { Page } from "../orchestrator/page.ts";
import { pauseViews } from "../orchestrator/queue-controls.ts";
import {
	type DeadLetterOptions,
	type RunQuery,
	Reader as StateReader,
	type TaskQuery,
} from "../orchestrator/reader.ts";
import { type ScheduleView, scheduleViews } from "../orchestrator/schedules.ts";
import { type EnabledView, enabledViews } from "../orchestrator/triggers.ts";
import type { RunView, TaskView } from "../orchestrator/view.ts";
import { type ApprovalView, openQuestions } from "../orchestrator/waits.ts";
import { Registry } from "../scheduler/registry.ts";
import type { State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import type { Reader, StoredStatus } from "./connection.ts";

interface Stored {
	folder: string;
	state: State;
	lastEvent: number;
	/** The process that works on the folder now. */
	owner: Owner | undefined;
	history: History & { close(): void };
	/** Over, but perhaps not in the history yet. */
	tasks: ReadonlyMap<string, Task>;
	runs: ReadonlyMap<string, Run>;
	/** Dead letters that were submitted again or put away, and that the history may not know of yet. */
	redriven: ReadonlySet<string>;
}

export class StoredReader implements Reader {
	readonly remark: string;
	readonly #stored: Stored;
	readonly #reader: StateReader;

	private constructor(stored: Stored) {
		this.#stored = stored;
		const { folder, owner, state, history, tasks, runs, redriven } = stored;
		this.#reader = new StateReader({
			ledger: {
				...{ state, history, journal: { full: false } },
				task: (id) => state.tasks.get(id) ?? tasks.get(id) ?? history.task(id),
				run: (id) => state.runs.get(id) ?? runs.get(id) ?? history.run(id),
				recentTasks: () => tasks.values(),
				recentRuns: () => runs.values(),
				isRedriven: (id) => redriven.has(id),
			},
			registry: new Registry(),
			clock: systemClock,
			dispatcher: {
				attempt: () => undefined,
				runningTasks: () => state.tasks.values().filter(({ token }) => token !== undefined),
				stopping: true,
			},
		});
		const left = [...state.tasks.values()].filter((task) => !isTerminal(task.state)).length;
		const next = left === 0 ? "" : `; its ${left} unfinished task(s) go on with: muster up`;
		this.remark =
			owner === undefined
				? `no server runs on ${folder}; this is what it holds${next}`
				: `process ${owner.pid} works on ${folder} without a server; this is what it has stored so far`;
	}

	/** @throws E_DATA_FOLDER, E_DATA_FOLDER_NEWER, E_JOURNAL_CORRUPT, E_JOURNAL_TRUNCATED */
	static async open(folder: string, owner: Owner | undefined): Promise<StoredReader> {
		const paths = journalPaths(folder);
		const tasks = new Map<string, Task>();
		const runs = new Map<string, Run>();
		const redriven = new Set<string>();
		const sink = {
			task: (task: Task) => void tasks.set(task.id, task),
			run: (run: Run) => void runs.set(run.id, run),
			redriven: (id: string) => void redriven.add(id),
		};
		const db = openForReading(paths.journal);
		try {
			// A damaged snapshot that an older one makes good is the business of `muster doctor`.
			const { state, end } = await recover(paths, db, sink, () => undefined);
			const history = openHistory(paths.views);
			return new StoredReader({ folder, owner, state, lastEvent: end.lastEvent, history, tasks, runs, redriven });
		} finally {
			db.close();
		}
	}

	async status(): Promise<StoredStatus> {
		const { folder, state, lastEvent, owner } = this.#stored;
		const { counts } = state;
		const live = { blocked: 0, scheduled: 0, ready: 0, running: 0, waiting: 0 };
		for (const task of state.tasks.values()) if (!isTerminal(task.state)) live[task.state as keyof typeof live]++;
		const over = counts.completed + counts.failed;
		return {
			...(owner === undefined ? { orchestrator: "stopped" } : { orchestrator: "no-server", pid: owner.pid }),
			timestamp: new Date(systemClock.now()).toISOString(),
			dataDir: folder,
			totalAgents: 0,
			components: { journal: { state: "ready", lastEvent } },
			taskQueue: {
				pending: live.blocked + live.scheduled + live.ready + live.waiting,
				...live,
				...counts,
				successRate: over === 0 ? null : counts.completed / over,
				refusedResults: 0,
			},
			runs: { running: state.runs.size },
			paused: pauseViews(state),
		};
	}

	tasks = async (query: TaskQuery): Promise<Page<TaskView>> => {
		const { items, ...rest } = this.#reader.tasks(query);
		return { items: items.map(this.#explain), ...rest };
	};
	runs = async (query: RunQuery): Promise<Page<RunView>> => this.#reader.runs(query);
	task = async (id: string): Promise<TaskView> => this.#explain(this.#reader.task(id));
	run = async (id: string): Promise<RunView> => this.#reader.run(id);
	runTasks = async (id: string): Promise<TaskView[]> => this.#reader.runTasks(id).map(this.#explain);
	approvals = async (): Promise<ApprovalView[]> => [...openQuestions(this.#stored.state)].map(({ view }) => view);
	agents = async (): Promise<never[]> => [];
	schedules = async (): Promise<ScheduleView[]> => scheduleViews(this.#stored.state);
	enabledWorkflows = async (): Promise<EnabledView[]> => enabledViews(this.#stored.state);
	deadLetters = async (options: DeadLetterOptions): Promise<TaskView[]> => this.#reader.deadLetters(options);

	async close(): Promise<void> {
		this.#stored.history.close();
	}

	/** Without a fleet to look at, a ready or running task waits for a start and for nothing else. */
	readonly #explain = (task: TaskView): TaskView => {
		if (task.state !== "ready" && task.state !== "running") return task;
		if (this.#stored.owner !== undefined) {
			const { waiting: _, ...rest } = task; // what that process waits for is not known here
			return rest;
		}
		const pause = this.#pauseOf(task);
		if (pause !== undefined) {
			return {
				...task,
				waiting: { reason: "paused", text: `${pause} is paused; it goes on with: muster resume ${pause}` },
			};
		}
		const text = task.state === "ready" ? "starts with: muster up" : "was cut off; it goes on with: muster up";
		return { ...task, waiting: { reason: "stopping", text } };
	};

	/** A pause outlives the process: a server alone would not let it start. */
	#pauseOf({ type, run }: TaskView): string | undefined {
		const { runs, paused } = this.#stored.state;
		const scopes = ["all", `type:${type}`];
		for (let at = run && runs.get(run.id); at !== undefined; at = at.parent && runs.get(at.parent.id)) {
			scopes.push(`workflow:${at.workflow}`, `run:${at.id}`);
		}
		return scopes.find((scope) => paused.has(scope));
	}
}

function openHistory(path: string): Stored["history"] {
	try {
		return new ViewsReader(path);
	} catch {
		// Missing or damaged: the next start makes it again. Until then only what is in the state can be shown.
		const none = (): undefined => undefined;
		const nothing = (): never[] => [];
		return {
			...{ task: none, taskByKey: none, run: none, close: none },
			...{ deadLetters: nothing, activity: nothing, deleted: () => ({ tasks: 0, runs: 0 }) },
			...{ tasks: () => ({ items: [] }), runs: () => ({ items: [] }) },
		};
	}
}
