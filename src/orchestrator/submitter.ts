/** From what callers submit to tasks in the journal: checks, dependencies inside a batch, and keys that tasks share. */
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import { copyJson, MAX_INPUT_BYTES } from "../json.ts";
import { deadDependency, fallWith } from "../scheduler/cascade.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { AnySkill } from "../skill/skill.ts";
import { coalesceOf } from "../state.ts";
import { inOrder, resolveBatch } from "../task/batch.ts";
import { checkRedrivable, redriveId, redriveOf } from "../task/redrive.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";
import { PendingSubmits, type PendingTask } from "./pending-submits.ts";
import { checkSkillInput } from "./skill-input.ts";

/** Most tasks of one batch, and most bytes of its events: it is one row of the journal. */
export const MAX_BATCH = 100_000;
const MAX_BATCH_BYTES = 256 * 1024 * 1024;
/** Tasks made in one turn of the event loop. */
const TURN = 1_000;
/** Most children of one delegation, and how deep delegations may nest. */
const MAX_CHILDREN = 10_000;
const MAX_CHILDREN_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 16;

/** Most tasks that an error names. */
const MAX_HOLDERS = 10;

export interface SubmitterParts {
	ledger: Ledger;
	clock: Clock;
	newId(prefix: string): string;
	skill(type: string): AnySkill | undefined;
	maxTasks: number;
}

/** A task or run that was asked for. */
export interface Placed {
	id: string;
	/** It was there already, under the same key. */
	known: boolean;
}

export class Submitter {
	readonly #parts: SubmitterParts;
	readonly #pending = new PendingSubmits();
	/** Tasks of submits that are under way: they have their room, but are not in the state yet. */
	#underWay = 0;

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
		this.#checkRoom(specs.length);
		this.#underWay += specs.length;
		try {
			return await this.#submit(specs);
		} finally {
			this.#underWay -= specs.length;
		}
	}

	async #submit(specs: readonly TaskSpec[]): Promise<Placed[]> {
		const { clock, newId } = this.#parts;
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
				const known = this.#known(task);
				if (known !== undefined) {
					ids[places.get(task.id) as number] = known.id;
					replaced.set(task.id, known.id);
					if (known.pending !== undefined) waits.push(known.pending);
					continue;
				}
				const dependsOn = task.dependsOn?.map((id) => replaced.get(id) ?? id);
				for (const id of dependsOn ?? []) if (!places.has(id)) this.#checkDependency(id, task);
				this.#checkLimit(task, specs.length > 1 ? `task ${places.get(task.id)}: ` : "");
				this.#track(task, pending);
				fresh.push(dependsOn ? { ...task, dependsOn } : task);
			}
		} catch (error) {
			this.#pending.delete(pending);
			throw error;
		}
		const events = fresh.map((task): Event => ({ type: "task.submitted", at, task }));
		const stored = this.#store(events, pending);
		await Promise.all([stored, ...waits.map((known) => known.stored)]);
		return ids.map((id) => ({ id, known: !places.has(id) }));
	}

	/** The events that begin a run. @throws E_QUEUE_FULL, E_INPUT_TOO_LARGE, E_STORAGE_FULL */
	async begin(events: readonly Event[]): Promise<void> {
		const tasks = events.filter((event) => event.type === "task.submitted").length;
		this.#checkRoom(tasks);
		this.#underWay += tasks;
		try {
			await this.#request(events);
		} finally {
			this.#underWay -= tasks;
		}
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

	/** The children of a coordinating task, with ids that follow from its own. @throws what submit() would */
	children(parent: Task, specs: readonly TaskSpec[]): NewTask[] {
		const { ledger, clock } = this.#parts;
		let depth = 1;
		for (let up = parent.parent; up !== undefined; up = ledger.task(up)?.parent) depth++;
		if (depth > MAX_DEPTH) {
			throw new MusterError("E_INPUT_INVALID", `delegations may nest ${MAX_DEPTH} deep`);
		}
		const before = parent.children?.length ?? 0;
		if (before + specs.length > MAX_CHILDREN) {
			throw new MusterError(
				"E_INPUT_TOO_LARGE",
				`a task may have ${MAX_CHILDREN} children, not ${before + specs.length}`,
			);
		}
		this.#checkRoom(specs.length);
		const at = clock.now();
		let bytes = 0;
		const ids = specs.map((_, i) => `${parent.id}.${before + i}`);
		const own = new Set(ids);
		/** Only while their brothers are checked: they begin together. */
		const pending: PendingTask[] = [];
		const toChild = (spec: TaskSpec, i: number): NewTask => {
			const where = `child ${i}: `;
			const task = toTask({ priority: parent.priority, ...spec }, ids[i] as string, at, where);
			if (task.idempotencyKey !== undefined || task.coalesceKey !== undefined) {
				const key = task.coalesceKey === undefined ? "idempotencyKey" : "coalesce key";
				throw new MusterError("E_INPUT_INVALID", `${where}a child has no ${key}: it is its parent's alone`);
			}
			checkSkillInput(this.#parts.skill(task.type), task, where);
			bytes += checkInputSize(task.input, where);
			if (bytes > MAX_CHILDREN_BYTES) {
				throw new MusterError(
					"E_INPUT_TOO_LARGE",
					`the inputs of all children have more than ${MAX_CHILDREN_BYTES} bytes`,
					{
						hint: "Put large data into artifacts and pass their references.",
					},
				);
			}
			const dependsOn = task.dependsOn && resolveBatch(task.dependsOn, ids, where);
			for (const id of dependsOn ?? []) {
				if (own.has(id)) continue;
				this.#checkDependency(id, task);
				this.#checkKnot(parent, id);
			}
			this.#checkLimit(task, where);
			this.#track(task, pending);
			return { ...task, parent: parent.id, ...(dependsOn && { dependsOn }) };
		};
		try {
			return inOrder(specs.map(toChild));
		} finally {
			this.#pending.delete(pending);
		}
	}

	#track(task: NewTask, pending: PendingTask[]): void {
		const entry = this.#pending.add(task);
		if (entry !== undefined) pending.push(entry);
	}

	/** @param pending those of its tasks that others can meet before they are in the state */
	async #store(events: readonly Event[], pending: readonly PendingTask[]): Promise<void> {
		if (events.length === 0) return;
		// Before anything of it may start: from then on the state alone says what has not begun.
		const stored = this.#request(events, () => this.#pending.delete(pending));
		for (const entry of pending) entry.stored = stored;
		try {
			await stored;
		} catch (error) {
			this.#pending.delete(pending);
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

	/** The task that stands for this one already, by one of its keys. @throws E_IDEMPOTENCY_CONFLICT */
	#known(task: NewTask): { id: string; pending?: PendingTask | undefined } | undefined {
		const { idempotencyKey, coalesceKey, type } = task;
		if (coalesceKey !== undefined) {
			const live = this.#parts.ledger.state.coalesced.get(coalesceOf(type, coalesceKey));
			if (live !== undefined) return { id: live };
			const pending = this.#pending.coalescing(task);
			return pending && { id: pending.task.id, pending };
		}
		if (idempotencyKey === undefined) return undefined;
		const pending = this.#pending.ofKey(idempotencyKey);
		const known = pending?.task ?? this.#parts.ledger.taskByKey(idempotencyKey);
		if (known === undefined) return undefined;
		if (known.fingerprint === task.fingerprint) return { id: known.id, pending };
		throw new MusterError(
			"E_IDEMPOTENCY_CONFLICT",
			`the idempotency key "${idempotencyKey}" belongs to ${known.id}, which is another task`,
			{
				hint: "Use a new key for new content.",
				details: { task: known.id },
			},
		);
	}

	/** @throws E_CONFLICT when its concurrency key has as many live tasks as it may, and it does not want to wait */
	#checkLimit({ concurrency }: NewTask, where: string): void {
		if (concurrency?.policy !== "reject") return;
		const { key, limit } = concurrency;
		const { keyed, tasks } = this.#parts.ledger.state;
		const live = keyed.get(key);
		const holders = [...(live?.values().take(MAX_HOLDERS) ?? [])].map(({ id }) => id);
		let count = live?.size ?? 0;
		for (const id of this.#pending.keyed(key)) {
			if (tasks.has(id)) continue;
			if (++count <= MAX_HOLDERS) holders.push(id);
		}
		if (count < limit) return;
		const message = `${where}${count} task(s) have the concurrency key "${key}"; ${limit} may: ${holders.join(", ")}`;
		throw new MusterError("E_CONFLICT", message, {
			retryable: true,
			hint: "Submit it when one of them is over, or let its policy be queue.",
			details: { key, limit, holders },
		});
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
		for (const old of olds) {
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
		const pending = this.#pending.get(id);
		if (pending !== undefined) return pending.stored;
		return this.#parts.ledger.task(id) === undefined ? undefined : Promise.resolve();
	}

	/** @throws why it may not be done again */
	#taskAgain(old: Task, input: unknown, pending: PendingTask[]): NewTask {
		const { ledger, clock } = this.#parts;
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
		checkSkillInput(this.#parts.skill(task.type), task);
		checkInputSize(task.input, "");
		const dependsOn = task.dependsOn?.map((id) => this.#latestOf(id));
		for (const id of dependsOn ?? []) this.#checkDependency(id, task);
		this.#checkLimit(task, "");
		this.#track(task, pending);
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
		try {
			this.#checkRoom(tasks.length);
		} catch (error) {
			this.#pending.delete(pending);
			throw error;
		}
		const at = this.#parts.clock.now();
		const events = tasks.flatMap((task): Event[] => [
			{ type: "task.submitted", at, task },
			{ type: "task.redriven", at, id: task.retryOf as string, as: task.id },
		]);
		this.#underWay += tasks.length;
		try {
			await this.#store(events, pending);
		} finally {
			this.#underWay -= tasks.length;
		}
	}

	#checkRoom(more: number): void {
		const { ledger, maxTasks } = this.#parts;
		const held = ledger.held + this.#underWay;
		if (held + more <= maxTasks) return;
		throw new MusterError("E_QUEUE_FULL", `the queue holds ${held} of at most ${maxTasks} tasks`, {
			hint: "Submit again when some are done.",
			retryAfterMs: 1_000,
		});
	}

	/** A child must not wait for its parent, or for what waits for it. @throws E_DEPENDENCY_CYCLE */
	#checkKnot(parent: Task, dependency: string): void {
		const { ledger } = this.#parts;
		const above = new Set<string>();
		for (let up: Task | undefined = parent; up !== undefined; up = up.parent ? ledger.task(up.parent) : undefined) {
			above.add(up.id);
		}
		const open = [dependency];
		const seen = new Set(open);
		for (let id = open.pop(); id !== undefined; id = open.pop()) {
			if (above.has(id)) {
				throw new MusterError(
					"E_DEPENDENCY_CYCLE",
					`a child of ${parent.id} depends on ${dependency}, which waits for ${id}`,
				);
			}
			const task = ledger.state.tasks.get(id);
			for (const next of [...(task?.dependsOn ?? []), ...(task?.children ?? [])]) {
				if (!seen.has(next)) open.push(next);
				seen.add(next);
			}
		}
	}

	/** One that is under way is in the journal before anything that is submitted now. */
	#checkDependency(id: string, task: NewTask): void {
		if (this.#pending.get(id) !== undefined) return;
		const dependency = this.#parts.ledger.task(id);
		if (dependency === undefined) {
			throw new MusterError("E_DEPENDENCY_UNKNOWN", `${task.type} depends on ${id}, and no task has this id`, {
				hint: "Submit the dependency first, or in the same batch as #0, #1 ...",
			});
		}
		if (dependency.endedAt === undefined || dependency.state === "completed") return;
		throw new MusterError("E_DEPENDENCY_FAILED", `${task.type} depends on ${id}, which was ${dependency.state}`);
	}
}
