/** Cancels what belongs together: a task with its children, a run with its steps. Dependents fall by the ledger's follow-up. */
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { stepTaskId } from "../workflow/embedded.ts";
import type { Run } from "../workflow/run.ts";

export class Canceller {
	readonly #ledger: Ledger;
	readonly #dispatcher: Dispatcher;
	readonly #clock: Clock;
	readonly #log: Log;

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
		if (run.state === "running") {
			await this.#ledger.transact((emit) => emit({ type: "run.cancelled", at, id: run.id, error }));
		}
		// Also of a run that is over already: what its end cancelled may still run.
		await Promise.all(this.#tasksOf(run).map((task) => this.cancelTask(task, error)));
	}

	/** A task that ended without completing leaves its children without a purpose. */
	taskEnded(task: Task): void {
		if (task.state === "completed") return;
		for (const child of this.#childrenOf(task)) this.#cancelLater(child, `its parent ${task.id} was ${task.state}`);
	}

	runEnded(run: Run): void {
		if (run.state !== "failed") return;
		for (const task of this.#tasksOf(run)) this.#cancelLater(task, `its run ${run.id} failed`);
	}

	/** After a crash between the end of a parent or run and the cancel of what belonged to it. */
	cancelStrays(): void {
		for (const task of this.#ledger.state.tasks.values()) {
			if (this.#isStray(task)) this.#cancelLater(task, "what it belonged to is over");
		}
	}

	#isStray(task: Task): boolean {
		if (isTerminal(task.state)) return false;
		const { tasks, runs } = this.#ledger.state;
		if (task.run !== undefined && !runs.has(task.run.id)) return true;
		const parent = task.parent === undefined ? undefined : tasks.get(task.parent);
		return task.parent !== undefined && (parent === undefined || isTerminal(parent.state));
	}

	#childrenOf(task: Task): Task[] {
		return this.#live(task.children ?? []);
	}

	#tasksOf(run: Run): Task[] {
		return Object.entries(run.steps).flatMap(([step, { each, total }]) =>
			this.#live(Array.from({ length: total }, (_, index) => stepTaskId(run.id, step, each, index))),
		);
	}

	#live(ids: readonly string[]): Task[] {
		const tasks = ids.map((id) => this.#ledger.state.tasks.get(id));
		return tasks.filter((task) => task !== undefined && !isTerminal(task.state)) as Task[];
	}

	/** Not inside the transaction that led to it. */
	#cancelLater(task: Task, why: string): void {
		const error = toErrorData(new MusterError("E_CANCELLED", why));
		setImmediate(() => {
			this.cancelTask(task, error).catch((failure: unknown) => {
				this.#log.error("a task could not be cancelled", { task: task.id, error: toErrorData(failure).message });
			});
		});
	}
}
