/** What callers read: tasks, runs and agents as views, wherever they are: live, just ended, or in the history. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { lastEndedFirst } from "../journal/journal.ts";
import { pick, runFits, runPlace, taskFits, taskPlace } from "../journal/listing.ts";
import { signsOf } from "../scheduler/attempt-clocks.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { Registry } from "../scheduler/registry.ts";
import { whyRunWaits } from "../scheduler/run-waiting.ts";
import { type WaitingReason, whyWaiting } from "../scheduler/waiting.ts";
import { isTerminal, type Task, type TaskState, taskStates } from "../task/task.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { isRunOver, type Run, type RunState, type RunStep, runStates } from "../workflow/run.ts";
import { stepAt } from "../workflow/run-fold.ts";
import { definitionAt, itemIds } from "../workflow/step-task.ts";
import { waitTerms, whyItemsWait, whyStepWaits } from "../workflow/step-waiting.ts";
import { cursorOf, MAX_PAGE, type Page, type PageQuery, pageOf, readRange, readStates } from "./page.ts";
import { type AgentView, agentView, type RunView, runView, type TaskView, taskView, waitText } from "./view.ts";

/** What is absent does not filter. */
export interface TaskQuery extends PageQuery {
	state?: TaskState | readonly TaskState[] | undefined;
	type?: string | undefined;
	/** Who holds it, or held it last. */
	agent?: string | undefined;
	/** Of this run. */
	run?: string | undefined;
	/** Of the bare workflow of this name. */
	group?: string | undefined;
}

export interface RunQuery extends PageQuery {
	state?: RunState | readonly RunState[] | undefined;
	workflow?: string | undefined;
}

export interface DeadLetterOptions {
	/** Most rows. Default 100, at most 1,000. */
	limit?: number;
	/** Of this task type. */
	type?: string | undefined;
	/** With this error code. */
	code?: string | undefined;
	/** The id of the last one of the page before. Default: from the newest one on. */
	after?: string | undefined;
}

/** Items of a step that are looked at for what the step waits for. */
const ITEMS_A_STEP = 100;

/** What it looks at. Narrow, so that a stored folder can be read without anything that works on it. */
export interface ReaderParts {
	ledger: Pick<Ledger, "state" | "history" | "task" | "run" | "recentTasks" | "recentRuns" | "isRedriven"> & {
		journal: Pick<Ledger["journal"], "full">;
	};
	registry: Registry;
	dispatcher: Pick<Dispatcher, "attempt" | "runningTasks" | "stopping"> & Partial<Pick<Dispatcher, "matcher">>;
	clock: Pick<Clock, "now" | "monotonic">;
}

export class Reader {
	readonly #ledger: ReaderParts["ledger"];
	readonly #registry: Registry;
	readonly #dispatcher: ReaderParts["dispatcher"];
	readonly #clock: ReaderParts["clock"];

	constructor(parts: ReaderParts) {
		this.#ledger = parts.ledger;
		this.#registry = parts.registry;
		this.#dispatcher = parts.dispatcher;
		this.#clock = parts.clock;
	}

	/** @throws E_TASK_UNKNOWN */
	find(id: string): Task {
		const task = this.#ledger.task(id);
		if (task !== undefined) return task;
		throw this.#noTask(id);
	}

	/** A step that is no task has an id like one: whoever asks for it is told what it is. */
	#noTask(id: string): MusterError {
		for (let dot = id.indexOf("."); dot !== -1; dot = id.indexOf(".", dot + 1)) {
			const runId = id.slice(0, dot);
			const run = this.#ledger.run(runId);
			if (run === undefined) continue;
			const path = id.slice(dot + 1);
			const known = this.run(runId).steps.find((step) => step.id === path || path.startsWith(`${step.id}.`));
			if (known === undefined) break;
			const what = known.wait === undefined ? (known.waiting ?? `it is ${known.state}`) : waitText(known.wait);
			return new MusterError("E_TASK_UNKNOWN", `the step ${path} of ${runId} is no task: ${what}`, {
				hint: `See it with: muster task ${id}`,
			});
		}
		return new MusterError("E_TASK_UNKNOWN", `there is no task ${id}`, { hint: "List them with: muster ps" });
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
				if (tasks.length >= MAX_PAGE) return tasks;
			}
		}
		return tasks;
	}

	/** What was submitted last comes first, live or over. @throws E_INPUT_INVALID */
	tasks({ state, type, agent, run, group, ...query }: TaskQuery = {}): Page<TaskView> {
		const { after, limit, since, until } = readRange(query);
		const filter = { states: readStates(state, taskStates), type, agent, run, group, since, until };
		const held = this.#held().filter((task) => taskFits(task, filter));
		const memory = pick(held, { place: taskPlace, after, limit: limit + 1 });
		const mayBeOver = filter.states?.some(isTerminal) ?? true;
		const stored = mayBeOver ? this.#ledger.history.tasks(filter, after, limit + 1) : { items: [] };
		const { items, end } = pageOf(memory, stored, { limit, place: taskPlace });
		return { items: items.map((task) => this.#view(task)), ...(end && { nextCursor: cursorOf(end) }) };
	}

	/** What was created last comes first, live or over. @throws E_INPUT_INVALID */
	runs({ state, workflow, ...query }: RunQuery = {}): Page<RunView> {
		const { after, limit, since, until } = readRange(query);
		const filter = { states: readStates(state, runStates), workflow, since, until };
		const held = this.#heldRuns().filter((run) => runFits(run, filter));
		const memory = pick(held, { place: runPlace, after, limit: limit + 1 });
		const mayBeOver = filter.states?.some(isRunOver) ?? true;
		const stored = mayBeOver ? this.#ledger.history.runs(filter, after, limit + 1) : { items: [] };
		const { items, end } = pageOf(memory, stored, { limit, place: runPlace });
		return { items: items.map((run) => this.#viewRun(run)), ...(end && { nextCursor: cursorOf(end) }) };
	}

	/** Failed tasks that were neither submitted again nor put away, newest first. */
	deadLetters(options: DeadLetterOptions = {}): TaskView[] {
		return this.deadTasks(options).map((task) => this.#view(task));
	}

	/** @throws E_TASK_UNKNOWN when there is no task `after` */
	deadTasks({ limit = 100, type, code, after: afterId }: DeadLetterOptions): Task[] {
		const rows = Math.min(limit, MAX_PAGE);
		const after = afterId === undefined ? undefined : this.find(afterId);
		const isOpen = (task: Task): boolean => !this.#ledger.isRedriven(task);
		const fits = (task: Task): boolean =>
			task.state === "failed" &&
			(type === undefined || task.type === type) &&
			(code === undefined || task.error?.code === code) &&
			(after === undefined || lastEndedFirst(after, task) < 0);
		const held = [...this.#over()].filter((task) => fits(task) && isOpen(task));
		const known: Task[] = [];
		// What was redriven of late the history lists still: as much as that is, more has to be read.
		for (let from = after; known.length < rows; ) {
			const page = this.#ledger.history.deadLetters({ limit: rows, type, code, after: from });
			known.push(...page.filter(isOpen));
			from = page.at(-1);
			if (page.length < rows) break;
		}
		return newest(held, known, rows);
	}

	*#held(): Generator<Task> {
		yield* this.#ledger.state.tasks.values();
		yield* this.#ledger.recentTasks();
	}

	*#heldRuns(): Generator<Run> {
		yield* this.#ledger.state.runs.values();
		yield* this.#ledger.recentRuns();
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
		const attempt = this.#dispatcher.attempt(task.id);
		return taskView(task, {
			progress: attempt?.progress,
			signs: attempt && signsOf(attempt, this.#clock.monotonic()),
			waiting: this.#why(task),
		});
	}

	#why(task: Task): WaitingReason | undefined {
		if (isTerminal(task.state)) return undefined;
		const { state, journal } = this.#ledger;
		const { matcher, stopping } = this.#dispatcher;
		return whyWaiting(task, {
			...{ state, registry: this.#registry, matcher, stopping, full: journal.full, nowMs: this.#clock.now() },
			running: () => this.#dispatcher.runningTasks(),
		});
	}

	#viewRun(run: Run): RunView {
		const { definitions } = this.#ledger.state;
		const definition = definitions.get(run.hash);
		const order = definition?.steps.map((step) => step.id) ?? [];
		return runView(run, order, {
			progress: (id) => this.#dispatcher.attempt(id)?.progress,
			waiting: whyRunWaits(run, this.#ledger.state),
			stepWaiting: (id) => definition && this.#whyStepWaits(definition, run, id),
		});
	}

	#whyStepWaits(definition: WorkflowDefinition, run: Run, id: string): string | undefined {
		const step = stepAt(run, id);
		if (step === undefined) return whyStepWaits(definition, run, id);
		if (step.state !== "running" || run.state !== "running") return undefined;
		if (step.wait !== undefined) return waitTerms(definitionAt(definition, id), step);
		if (step.items === "run") return this.#whyInnerRunsWait(run, id, step);
		if (step.items === "frame") return this.#whyInsideWaits(definition, run, id);
		const running: string[] = [];
		let first: Task | undefined;
		for (const taskId of Iterator.from(itemIds(run, id, step)).take(ITEMS_A_STEP)) {
			const task = this.#ledger.state.tasks.get(taskId);
			if (task === undefined || isTerminal(task.state)) continue;
			if (task.state === "running") running.push(taskId);
			first ??= task;
		}
		if (running.length > 0) return whyItemsWait(definitionAt(definition, id), step, running);
		const why = first && this.#why(first);
		return why && `${first?.id} ${why.text}`;
	}

	/** The first of its runs that does not go on by itself. */
	#whyInnerRunsWait(run: Run, id: string, step: RunStep): string | undefined {
		for (const runId of Iterator.from(itemIds(run, id, step)).take(ITEMS_A_STEP)) {
			const inner = this.#ledger.state.runs.get(runId);
			const why = inner && whyRunWaits(inner, this.#ledger.state);
			if (why !== undefined) return `the run ${runId} is ${inner?.state}: ${why.text}`;
		}
		return undefined;
	}

	/** The first step inside of it that waits. */
	#whyInsideWaits(definition: WorkflowDefinition, run: Run, id: string): string | undefined {
		for (const path of Object.keys(run.steps)) {
			const step = path.startsWith(`${id}.`) ? stepAt(run, path) : undefined;
			if (step?.state !== "running" || step.items === "frame") continue;
			const why = step.wait === undefined ? this.#whyStepWaits(definition, run, path) : waitText(step.wait);
			if (why !== undefined) return `${path}: ${why}`;
		}
		return undefined;
	}
}

/** Finished items of memory and history, newest first, each once. */
function newest<T extends { id: string; endedAt?: number | undefined }>(
	recent: Iterable<T>,
	old: readonly T[],
	limit: number,
): T[] {
	const byId = new Map([...old, ...recent].map((item) => [item.id, item]));
	return [...byId.values()].sort(lastEndedFirst).slice(0, Math.max(0, limit));
}
