/** Cancels what belongs together: a task with its children, a run with its steps. Dependents fall by the ledger's follow-up. */
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import { isTerminal, type Task, type TaskState } from "../task/task.ts";
import { isRunOver, type Run } from "../workflow/run.ts";
import { COMPENSATE, prefixOf, stepAt } from "../workflow/run-fold.ts";
import { itemIds } from "../workflow/step-task.ts";

/** Lists that begin when the main list is over. */
const AFTERMATH = ["onFailure.", "finally."];
const UNSTARTED: ReadonlySet<TaskState> = new Set(["blocked", "scheduled", "ready"]);

export class Canceller {
	readonly #ledger: Ledger;
	readonly #dispatcher: Dispatcher;
	readonly #clock: Clock;
	readonly #log: Log;

	/** Told of a run that is cancelled, inside the transaction that does it. */
	onRunCancelled: (run: Run, emit: Emit) => void = () => undefined;

	constructor(parts: { ledger: Ledger; dispatcher: Dispatcher; clock: Clock; log: Log }) {
		this.#ledger = parts.ledger;
		this.#dispatcher = parts.dispatcher;
		this.#clock = parts.clock;
		this.#log = parts.log;
	}

	/** Resolves when it is durable and nothing of it runs any more (or its grace is over). */
	async cancelTask(task: Task, error: ErrorData): Promise<void> {
		const children = this.#childrenOf(task);
		await this.#dispatcher.cancel(task, error);
		await Promise.all(children.map((child) => this.cancelTask(child, error)));
	}

	async cancelRun(run: Run, error: ErrorData): Promise<void> {
		const at = this.#clock.now();
		const stored = isRunOver(run.state)
			? this.#ledger.settled()
			: this.#ledger.transact((emit) => {
					emit({ type: "run.cancelled", at, id: run.id, error });
					this.onRunCancelled(run, emit);
				});
		// In the same turn, so that inner runs begin nothing meanwhile. Also of a run that is over already: what its end
		// cancelled may still run.
		await Promise.all([stored, this.#cancelItems(run, "", error)]);
	}

	cancelRunLater(run: Run, error: ErrorData): void {
		this.#later(`run ${run.id}`, () => this.cancelRun(run, error));
	}

	/** Items of a step that is over without them. */
	cancelStray(run: Run, path: string): void {
		const error = toErrorData(new MusterError("E_CANCELLED", `the step ${path} of ${run.id} is over without it`));
		this.#later(`step ${path} of ${run.id}`, () => this.#cancelItems(run, path, error));
	}

	/** Tasks that no agent has, of a list in which a step failed, and of all lists inside of it. */
	cancelUnstarted(run: Run, prefix: string): void {
		const error = toErrorData(new MusterError("E_CANCELLED", "another step failed before it could start"));
		const isInside = (path: string): boolean =>
			path.startsWith(prefix) && (prefix !== "" || !AFTERMATH.some((list) => path.startsWith(list)));
		this.#later(`what has not started of ${run.id}`, async () => {
			const work: Promise<void>[] = [];
			for (const [path, step] of Object.entries(run.steps)) {
				if (step.state !== "running" || prefixOf(path) === COMPENSATE || !isInside(path)) continue;
				for (const id of itemIds(run, path, step)) {
					const task = this.#ledger.state.tasks.get(id);
					if (task !== undefined && UNSTARTED.has(task.state)) work.push(this.cancelTask(task, error));
				}
			}
			await Promise.all(work);
		});
	}

	/** Tasks and inner runs of a step and of all inside of it; of the whole run with an empty path. */
	async #cancelItems(run: Run, path: string, error: ErrorData): Promise<void> {
		const work: Promise<void>[] = [];
		for (const [at, step] of Object.entries(run.steps)) {
			if (path !== "" && at !== path && !at.startsWith(`${path}.`)) continue;
			if (path !== "" && prefixOf(at) === COMPENSATE) continue;
			for (const id of itemIds(run, at, step)) {
				const inner = step.items === "run" ? this.#ledger.state.runs.get(id) : undefined;
				const task = this.#ledger.state.tasks.get(id);
				if (inner !== undefined) work.push(this.cancelRun(inner, error));
				else if (task !== undefined && !isTerminal(task.state)) work.push(this.cancelTask(task, error));
			}
		}
		await Promise.all(work);
	}

	/** A task that ended without completing leaves its children without a purpose. */
	taskEnded(task: Task): void {
		if (task.state === "completed") return;
		for (const child of this.#childrenOf(task)) this.#cancelLater(child, `its parent ${task.id} was ${task.state}`);
	}

	runEnded(run: Run): void {
		if (run.state !== "failed") return;
		const error = toErrorData(new MusterError("E_CANCELLED", `its run ${run.id} failed`));
		this.#later(`run ${run.id}`, () => this.#cancelItems(run, "", error));
	}

	/** After a crash between the end of a parent or run and the cancel of what belonged to it. */
	cancelStrays(): void {
		const { tasks, runs } = this.#ledger.state;
		for (const task of tasks.values()) {
			if (this.#isStray(task)) this.#cancelLater(task, "what it belonged to is over");
		}
		const error = toErrorData(new MusterError("E_CANCELLED", "what it belonged to is over"));
		for (const run of runs.values()) {
			if (run.parent !== undefined && !this.#isWanted(run.parent)) this.cancelRunLater(run, error);
		}
	}

	#isStray(task: Task): boolean {
		if (isTerminal(task.state)) return false;
		const { tasks } = this.#ledger.state;
		if (task.run !== undefined && !this.#isWanted(task.run)) return true;
		const parent = task.parent === undefined ? undefined : tasks.get(task.parent);
		return task.parent !== undefined && (parent === undefined || isTerminal(parent.state));
	}

	#childrenOf(task: Task): Task[] {
		return this.#live(task.children ?? []);
	}

	/** Whether the step that an item belongs to still goes on. */
	#isWanted({ id, step }: { id: string; step: string }): boolean {
		const run = this.#ledger.state.runs.get(id);
		return run !== undefined && stepAt(run, step)?.state === "running";
	}

	#live(ids: readonly string[]): Task[] {
		const tasks = ids.map((id) => this.#ledger.state.tasks.get(id));
		return tasks.filter((task) => task !== undefined && !isTerminal(task.state)) as Task[];
	}

	#cancelLater(task: Task, why: string): void {
		const error = toErrorData(new MusterError("E_CANCELLED", why));
		this.#later(`task ${task.id}`, () => this.cancelTask(task, error));
	}

	/** Not inside the transaction that led to it. */
	#later(what: string, cancel: () => Promise<void>): void {
		setImmediate(() => {
			cancel().catch((failure: unknown) => {
				this.#log.error(`${what} could not be cancelled`, { error: toErrorData(failure).message });
			});
		});
	}
}
