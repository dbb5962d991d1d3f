/**
 * The same work again, as new tasks: what ended otherwise than completed is submitted once more, each task once. Which may
 * be, and how they differ from the old ones, says `task/redrive.ts`.
 */
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import { copyJson } from "../json.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { AnySkill } from "../skill/skill.ts";
import { inOrder } from "../task/batch.ts";
import { checkRedrivable, redriveId, redriveOf } from "../task/redrive.ts";
import { checkInputSize } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";
import type { Admission } from "./admission.ts";
import type { PendingTask } from "./pending-submits.ts";
import { checkSkillInput } from "./skill-input.ts";
import type { Submitter } from "./submitter.ts";

export interface RedriverParts {
	ledger: Ledger;
	clock: Clock;
	skill(type: string): AnySkill | undefined;
	admission: Admission;
	submitter: Submitter;
}

export class Redriver {
	readonly #parts: RedriverParts;

	constructor(parts: RedriverParts) {
		this.#parts = parts;
	}

	/**
	 * The same work again as a new task, for one that ended otherwise than completed. Its id follows from the old one's, so
	 * that it is done again once; when it was, the id of that task.
	 * @param input in place of the old one
	 * @throws E_CONFLICT, E_INPUT_INVALID, E_DEPENDENCY_UNKNOWN, E_DEPENDENCY_FAILED, E_QUEUE_FULL, E_STORAGE_FULL
	 */
	async again(old: Task, input?: unknown): Promise<string> {
		const id = redriveId(old.id);
		const known = this.#knownAgain(id);
		if (known !== undefined) await known;
		else {
			const pending: PendingTask[] = [];
			await this.#storeAgain([this.#taskAgain(old, input, pending)], pending);
		}
		return id;
	}

	/**
	 * The same of several, as one group: those that may are stored together, all or nothing. Those that were done again
	 * before are in neither list. @throws E_QUEUE_FULL, E_STORAGE_FULL
	 */
	async againAll(olds: readonly Task[]): Promise<{ ids: string[]; refused: { id: string; error: ErrorData }[] }> {
		const tasks: NewTask[] = [];
		const refused: { id: string; error: ErrorData }[] = [];
		const pending: PendingTask[] = [];
		const others: Promise<void>[] = [];
		// One that depends on another of them is done again after it.
		for (const old of inOrder(olds)) {
			const known = this.#knownAgain(redriveId(old.id));
			if (known !== undefined) {
				others.push(known);
				continue;
			}
			try {
				tasks.push(this.#taskAgain(old, undefined, pending));
			} catch (thrown) {
				refused.push({ id: old.id, error: toErrorData(thrown) });
			}
		}
		await Promise.all([this.#storeAgain(tasks, pending), ...others]);
		return { ids: tasks.map(({ id }) => id), refused };
	}

	/** Resolves when the task that does another one again is durable; undefined when there is none. */
	#knownAgain(id: string): Promise<void> | undefined {
		const pending = this.#parts.admission.pending.get(id);
		if (pending !== undefined) return pending.stored;
		return this.#parts.ledger.task(id) === undefined ? undefined : Promise.resolve();
	}

	/** @throws why it may not be done again */
	#taskAgain(old: Task, input: unknown, pending: PendingTask[]): NewTask {
		const { ledger, clock, skill, admission } = this.#parts;
		checkRedrivable(old);
		if (ledger.state.tasks.has(old.id)) {
			// A submit that depends on it is under way and will fall with it.
			throw new MusterError("E_CONFLICT", `the task ${old.id} is still needed`, {
				retryable: true,
				hint: "Ask again at once.",
			});
		}
		const given = input === undefined ? old.input : copyJson(input, "input", "E_INPUT_INVALID");
		const task = redriveOf(old, { input: given, at: clock.now() });
		checkSkillInput(skill(task.type), task);
		checkInputSize(task.input, "");
		const dependsOn = task.dependsOn?.map((id) => this.#latestOf(id));
		for (const id of dependsOn ?? []) admission.checkDependency(id, task);
		admission.checkLimit(task, "");
		admission.track(task, pending);
		return dependsOn ? { ...task, dependsOn } : task;
	}

	/** A dependency that did not complete and was done again is that other task now. */
	#latestOf(id: string): string {
		const { ledger } = this.#parts;
		const state = ledger.task(id)?.state;
		if (state !== "failed" && state !== "cancelled" && state !== "skipped") return id;
		const next = redriveId(id);
		return this.#knownAgain(next) === undefined ? id : this.#latestOf(next);
	}

	async #storeAgain(tasks: readonly NewTask[], pending: readonly PendingTask[]): Promise<void> {
		const { clock, admission, submitter } = this.#parts;
		try {
			admission.checkRoom(tasks.length);
		} catch (error) {
			admission.pending.delete(pending);
			throw error;
		}
		const at = clock.now();
		const events = tasks.flatMap((task): Event[] => [
			{ type: "task.submitted", at, task },
			{ type: "task.redriven", at, id: task.retryOf as string, as: task.id },
		]);
		await admission.underWay(tasks.length, () => submitter.store(events, pending));
	}
}
