/**
 * From what callers submit to events in the journal: a batch is checked, put in order and stored as one. What may be taken
 * at all is in `admission.ts`.
 */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import { MAX_INPUT_BYTES } from "../json.ts";
import { deadDependency, fallWith } from "../scheduler/cascade.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { AnySkill } from "../skill/skill.ts";
import { inOrder, resolveBatch } from "../task/batch.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";
import type { Admission } from "./admission.ts";
import type { PendingTask } from "./pending-submits.ts";
import { checkSkillInput } from "./skill-input.ts";

/** Most tasks of one batch, and most bytes of its events: it is one row of the journal. */
export const MAX_BATCH = 100_000;
const MAX_BATCH_BYTES = 256 * 1024 * 1024;
/** Tasks made in one turn of the event loop. */
const TURN = 1_000;

export interface SubmitterParts {
	ledger: Ledger;
	clock: Clock;
	newId(prefix: string): string;
	skill(type: string): AnySkill | undefined;
	admission: Admission;
}

/** A task or run that was asked for. */
export interface Placed {
	id: string;
	/** It was there already, under the same key. */
	known: boolean;
}

export class Submitter {
	readonly #parts: SubmitterParts;

	constructor(parts: SubmitterParts) {
		this.#parts = parts;
	}

	/**
	 * All or nothing: resolves with the ids, in order, when every task is durable, and whether a key had made it before.
	 * @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_DEPENDENCY_UNKNOWN, E_DEPENDENCY_FAILED, E_DEPENDENCY_CYCLE,
	 *   E_IDEMPOTENCY_CONFLICT, E_CONFLICT, E_QUEUE_FULL, E_STORAGE_FULL
	 */
	async submit(specs: readonly TaskSpec[]): Promise<Placed[]> {
		if (specs.length > MAX_BATCH) {
			throw new MusterError("E_INPUT_TOO_LARGE", `a batch may have ${MAX_BATCH} tasks, not ${specs.length}`, {
				hint: "Submit it in several batches.",
			});
		}
		const { admission } = this.#parts;
		admission.checkRoom(specs.length);
		return admission.underWay(specs.length, () => this.#submit(specs));
	}

	async #submit(specs: readonly TaskSpec[]): Promise<Placed[]> {
		const { clock, newId, admission } = this.#parts;
		const at = clock.now();
		const ids = specs.map(() => newId("tsk"));
		const tasks: NewTask[] = [];
		for (const [i, spec] of specs.entries()) {
			if (i > 0 && i % TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
			const where = specs.length > 1 ? `task ${i}: ` : "";
			const task = toTask(spec, ids[i] as string, at, where);
			checkSkillInput(this.#parts.skill(task.type), task, where);
			tasks.push(task.dependsOn ? { ...task, dependsOn: resolveBatch(task.dependsOn, ids, where) } : task);
		}
		const ordered = inOrder(tasks);
		// From here to the journal in one turn, so that nothing that was checked can change.
		const fresh: NewTask[] = [];
		const pending: PendingTask[] = [];
		const waits: PendingTask[] = [];
		/** Tasks of the batch that a key made into earlier ones. */
		const replaced = new Map<string, string>();
		const places = new Map(ids.map((id, i) => [id, i]));
		try {
			for (const task of ordered) {
				const known = admission.known(task);
				if (known !== undefined) {
					ids[places.get(task.id) as number] = known.id;
					replaced.set(task.id, known.id);
					if (known.pending !== undefined) waits.push(known.pending);
					continue;
				}
				const dependsOn = task.dependsOn?.map((id) => replaced.get(id) ?? id);
				for (const id of dependsOn ?? []) if (!places.has(id)) admission.checkDependency(id, task);
				admission.checkLimit(task, specs.length > 1 ? `task ${places.get(task.id)}: ` : "");
				admission.track(task, pending);
				fresh.push(dependsOn ? { ...task, dependsOn } : task);
			}
		} catch (error) {
			admission.pending.delete(pending);
			throw error;
		}
		const events = fresh.map((task): Event => ({ type: "task.submitted", at, task }));
		const stored = this.store(events, pending);
		await Promise.all([stored, ...waits.map((known) => known.stored)]);
		return ids.map((id) => ({ id, known: !places.has(id) }));
	}

	/**
	 * The events that begin a run.
	 *
	 * @param applied called when it is in the state, before anything of it may start
	 * @throws E_QUEUE_FULL, E_INPUT_TOO_LARGE, E_STORAGE_FULL
	 */
	async begin(events: readonly Event[], applied: () => void): Promise<void> {
		const items = events.filter(({ type }) => type === "task.submitted" || type === "run.created").length;
		const { admission } = this.#parts;
		admission.checkRoom(items);
		await admission.underWay(items, () => this.#request(events, applied));
	}

	/** One indivisible group of events that may be refused. @throws E_INPUT_TOO_LARGE, E_STORAGE_FULL */
	async #request(events: readonly Event[], applied?: () => void): Promise<void> {
		const lines: string[] = [];
		let bytes = 0;
		for (const event of events) {
			const line = encodeEvent(event);
			lines.push(line);
			// A UTF-16 unit is at most three bytes of UTF-8, so only a long line has to be measured.
			if (event.type === "task.submitted" && line.length > MAX_INPUT_BYTES / 3) {
				checkInputSize(event.task.input, `${event.task.type}: `);
			}
			bytes += line.length;
			if (bytes <= MAX_BATCH_BYTES) continue;
			throw new MusterError("E_INPUT_TOO_LARGE", `a batch may have ${MAX_BATCH_BYTES} bytes`, {
				hint: "Submit it in several batches.",
			});
		}
		await this.#parts.ledger.request(events, lines, applied);
	}

	/**
	 * Resolves when tasks that were admitted are durable.
	 * @param pending those of its tasks that others can meet before they are in the state
	 */
	async store(events: readonly Event[], pending: readonly PendingTask[]): Promise<void> {
		if (events.length === 0) return;
		const { admission } = this.#parts;
		// Before anything of it may start: from then on the state alone says what has not begun.
		const stored = this.#request(events, () => admission.pending.delete(pending));
		for (const entry of pending) entry.stored = stored;
		try {
			await stored;
		} catch (error) {
			admission.pending.delete(pending);
			throw error;
		}
		await this.#dropDoomed(events);
	}

	/** A dependency may have failed while the submit was under way. */
	async #dropDoomed(events: readonly Event[]): Promise<void> {
		const { ledger, clock } = this.#parts;
		for (const event of events) {
			if (event.type !== "task.submitted" || event.task.dependsOn === undefined) continue;
			const task = ledger.state.tasks.get(event.task.id);
			const dead = task && deadDependency(ledger.state, task);
			if (dead !== undefined) await ledger.transact((emit) => emit(fallWith(task as Task, dead, clock.now())));
		}
	}
}
