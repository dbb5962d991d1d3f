/** From what callers submit to tasks in the journal: checks, dependencies inside a batch, idempotency keys. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import { copyJson, MAX_INPUT_BYTES } from "../json.ts";
import { deadDependency, fallWith } from "../scheduler/cascade.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { explain } from "../schema.ts";
import type { AnySkill } from "../skill/skill.ts";
import { coalesceOf } from "../state.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";

/** Most tasks of one batch, and most bytes of its events: it is one row of the journal. */
export const MAX_BATCH = 100_000;
const MAX_BATCH_BYTES = 256 * 1024 * 1024;
/** Tasks made in one turn of the event loop. */
const TURN = 1_000;
/** Most children of one delegation, and how deep delegations may nest. */
const MAX_CHILDREN = 10_000;
const MAX_CHILDREN_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 16;

interface PendingKey {
	id: string;
	fingerprint: string | undefined;
	stored: Promise<void>;
}

export interface SubmitterParts {
	ledger: Ledger;
	clock: Clock;
	newId(prefix: string): string;
	skill(type: string): AnySkill | undefined;
	maxTasks: number;
}

export class Submitter {
	readonly #parts: SubmitterParts;
	/** Keys of submits that are not durable yet. */
	readonly #pending = new Map<string, PendingKey>();
	readonly #pendingIds = new Set<string>();
	/** Tasks with a concurrency key that are not durable yet, where a submit beyond the limit is rejected. */
	readonly #pendingByLimit = new Map<string, number>();
	/** Tasks of submits that are under way: they have their room, but are not in the state yet. */
	#underWay = 0;
	/** Dead letters on their way to being done again. */
	readonly #again = new Map<string, Promise<string>>();

	constructor(parts: SubmitterParts) {
		this.#parts = parts;
	}

	/**
	 * All or nothing: resolves with the ids, in order, when every task is durable.
	 * @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_DEPENDENCY_UNKNOWN, E_DEPENDENCY_FAILED, E_DEPENDENCY_CYCLE,
	 *   E_IDEMPOTENCY_CONFLICT, E_QUEUE_FULL, E_STORAGE_FULL
	 */
	async submit(specs: readonly TaskSpec[]): Promise<string[]> {
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

	async #submit(specs: readonly TaskSpec[]): Promise<string[]> {
		const { clock, newId } = this.#parts;
		const at = clock.now();
		const ids = specs.map(() => newId("tsk"));
		const tasks: NewTask[] = [];
		for (const [i, spec] of specs.entries()) {
			if (i > 0 && i % TURN === 0) await new Promise<void>((resolve) => setImmediate(resolve));
			const where = specs.length > 1 ? `task ${i}: ` : "";
			const task = toTask(spec, ids[i] as string, at, where);
			this.#checkSkillInput(task, where);
			tasks.push(task.dependsOn ? { ...task, dependsOn: resolveBatch(task.dependsOn, ids, where) } : task);
		}
		const ordered = inOrder(tasks);
		// From here to the journal in one turn, so that nothing that was checked can change.
		const fresh: NewTask[] = [];
		const waits: Promise<void>[] = [];
		const inBatch = new Map<string, PendingKey>();
		const inBatchByLimit = new Map<string, number>();
		/** Tasks of the batch that an idempotency key made into earlier ones. */
		const replaced = new Map<string, string>();
		const places = new Map(ids.map((id, i) => [id, i]));
		for (const task of ordered) {
			const known = this.#known(task, inBatch) ?? this.#pendingWake(task, inBatch);
			if (known !== undefined) {
				ids[places.get(task.id) as number] = known.id;
				replaced.set(task.id, known.id);
				waits.push(known.stored);
				continue;
			}
			this.#checkLimit(task, inBatchByLimit);
			const dependsOn = task.dependsOn?.map((id) => replaced.get(id) ?? id);
			for (const id of dependsOn ?? []) {
				if (!places.has(id) && !this.#isPending(id)) this.#checkDependency(id, task);
			}
			fresh.push(dependsOn ? { ...task, dependsOn } : task);
		}
		for (const [key, count] of inBatchByLimit)
			this.#pendingByLimit.set(key, (this.#pendingByLimit.get(key) ?? 0) + count);
		try {
			await Promise.all([this.#store(fresh, at, inBatch), ...waits]);
		} finally {
			for (const [key, count] of inBatchByLimit) {
				const left = (this.#pendingByLimit.get(key) ?? 0) - count;
				if (left > 0) this.#pendingByLimit.set(key, left);
				else this.#pendingByLimit.delete(key);
			}
		}
		return ids;
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
	async #request(events: readonly Event[]): Promise<void> {
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
		await this.#parts.ledger.request(events, lines);
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
		const tasks = specs.map((spec, i) => {
			const where = `child ${i}: `;
			const task = toTask({ priority: parent.priority, ...spec }, ids[i] as string, at, where);
			if (task.idempotencyKey !== undefined) {
				throw new MusterError("E_INPUT_INVALID", `${where}a child has no idempotencyKey: its id is one already`);
			}
			this.#checkSkillInput(task, where);
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
			return { ...task, parent: parent.id, ...(dependsOn && { dependsOn }) };
		});
		return inOrder(tasks);
	}

	async #store(tasks: readonly NewTask[], at: number, keys: Map<string, PendingKey>): Promise<void> {
		if (tasks.length === 0) return;
		const stored = this.#request(tasks.map((task) => ({ type: "task.submitted", at, task })));
		for (const [key, entry] of keys) {
			entry.stored = stored;
			this.#pending.set(key, entry);
			this.#pendingIds.add(entry.id);
		}
		try {
			await stored;
		} finally {
			for (const [key, { id }] of keys) {
				this.#pending.delete(key);
				this.#pendingIds.delete(id);
			}
		}
		await this.#dropDoomed(tasks);
	}

	/** A dependency may have failed while the submit was under way. */
	async #dropDoomed(tasks: readonly NewTask[]): Promise<void> {
		const { ledger, clock } = this.#parts;
		for (const { id, dependsOn } of tasks) {
			const task = dependsOn && ledger.state.tasks.get(id);
			const dead = task && deadDependency(ledger.state, task);
			if (dead !== undefined) await ledger.transact((emit) => emit(fallWith(task as Task, dead, clock.now())));
		}
	}

	/** What an idempotency key stands for already. Registers a new one in `inBatch`. @throws E_IDEMPOTENCY_CONFLICT */
	#known(task: NewTask, inBatch: Map<string, PendingKey>): PendingKey | undefined {
		const { idempotencyKey: key, fingerprint } = task;
		if (key === undefined) return undefined;
		const old = this.#parts.ledger.taskByKey(key);
		const known =
			this.#pending.get(key) ??
			inBatch.get(key) ??
			(old && { id: old.id, fingerprint: old.fingerprint, stored: Promise.resolve() });
		if (known === undefined) {
			inBatch.set(key, { id: task.id, fingerprint, stored: Promise.resolve() });
			return undefined;
		}
		if (known.fingerprint === fingerprint) return known;
		throw new MusterError(
			"E_IDEMPOTENCY_CONFLICT",
			`the idempotency key "${key}" belongs to ${known.id}, which is another task`,
			{
				hint: "Use a new key for new content.",
				details: { task: known.id },
			},
		);
	}

	/** The task that has not begun of the same type and coalescing key. Registers a new one in `inBatch`. */
	#pendingWake(task: NewTask, inBatch: Map<string, PendingKey>): PendingKey | undefined {
		if (task.coalesceKey === undefined) return undefined;
		const key = coalesceOf(task.type, task.coalesceKey);
		// Beside the idempotency keys, and never equal to one that a caller writes.
		const pendingKey = `\u0000${key}`;
		const id = this.#parts.ledger.state.coalesced.get(key);
		const known =
			this.#pending.get(pendingKey) ??
			inBatch.get(pendingKey) ??
			(id === undefined ? undefined : { id, fingerprint: undefined, stored: Promise.resolve() });
		if (known === undefined)
			inBatch.set(pendingKey, { id: task.id, fingerprint: undefined, stored: Promise.resolve() });
		return known;
	}

	/** @throws E_CONFLICT when its concurrency key is full and says that a submit is rejected then */
	#checkLimit({ concurrency }: NewTask, inBatch: Map<string, number>): void {
		if (concurrency?.policy !== "reject") return;
		const { key, limit } = concurrency;
		const live = this.#parts.ledger.state.keyed.get(key);
		const before = (live?.size ?? 0) + (this.#pendingByLimit.get(key) ?? 0) + (inBatch.get(key) ?? 0);
		if (before >= limit) {
			throw new MusterError("E_CONFLICT", `${before} task(s) have the concurrency key "${key}"; ${limit} may`, {
				hint: "Submit it when one of them is over, or let its policy be queue.",
				details: { holders: [...(live ?? [])].slice(0, 10).map(({ id }) => id) },
				retryable: true,
			});
		}
		inBatch.set(key, (inBatch.get(key) ?? 0) + 1);
	}

	/**
	 * The same work again as a new task, for one that ended otherwise than completed. Its id follows from the old one's, so
	 * that it is done again once; when it was, the id of that task.
	 * @throws E_CONFLICT, E_INPUT_INVALID, E_DEPENDENCY_FAILED, E_QUEUE_FULL, E_STORAGE_FULL
	 */
	async again(old: Task, input?: unknown): Promise<string> {
		const { ledger, clock } = this.#parts;
		const id = `${old.id}.r`;
		const under = this.#again.get(id);
		if (under !== undefined) return under;
		if (ledger.task(id) !== undefined) return id;
		checkMayRunAgain(old);
		const at = clock.now();
		const { idempotencyKey: _, fingerprint: __, deadline, ...kept } = newTaskOf(old);
		const given = input === undefined ? old.input : copyJson(input, "input", "E_INPUT_INVALID");
		const task: NewTask = {
			...{ ...kept, id, input: given, submittedAt: at, retryOf: old.id },
			...(deadline !== undefined && deadline > at && { deadline }),
		};
		this.#checkSkillInput(task, "");
		for (const dependency of task.dependsOn ?? []) this.#checkDependency(dependency, task);
		this.#checkRoom(1);
		const stored = this.#request([
			{ type: "task.submitted", at, task },
			{ type: "task.redriven", at, id: old.id, as: id },
		]).then(() => id);
		this.#again.set(id, stored);
		return stored.finally(() => this.#again.delete(id));
	}

	/** It is on its way to the journal, before anything that is submitted now. */
	#isPending(id: string): boolean {
		return this.#pendingIds.has(id);
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

	#checkSkillInput(task: NewTask, where: string): void {
		const parsed = this.#parts.skill(task.type)?.input?.safeParse(task.input ?? {});
		if (parsed === undefined || parsed.success) return;
		throw new MusterError(
			"E_INPUT_INVALID",
			`${where}the input of ${task.type} is not right: ${explain(parsed.error)}`,
		);
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

	#checkDependency(id: string, task: NewTask): void {
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

/** What was submitted, as far as it is the same for every attempt at the work. */
function newTaskOf(task: Task): Omit<NewTask, "runAt"> {
	const { id, type, input, priority, submittedAt, capabilities, dependsOn, retry, timeoutMs, idleTimeoutMs } = task;
	const { deadline, idempotencyKey, fingerprint, group, concurrency, rate, coalesceKey, stallTimeoutMs } = task;
	return {
		...{ id, type, input, priority, submittedAt, capabilities, dependsOn, retry, timeoutMs, idleTimeoutMs },
		...{ deadline, idempotencyKey, fingerprint, group, concurrency, rate, coalesceKey, stallTimeoutMs },
	};
}

/** @throws E_CONFLICT */
function checkMayRunAgain({ id, state, run, parent }: Task): void {
	if (state !== "failed" && state !== "cancelled" && state !== "skipped") {
		throw new MusterError(
			"E_CONFLICT",
			`the task ${id} is ${state}; only one that failed or was given up is done again`,
		);
	}
	if (run !== undefined) {
		throw new MusterError("E_CONFLICT", `the task ${id} is a step of the run ${run.id}`, {
			hint: `Do the run again from that step: muster retry ${run.id}`,
		});
	}
	if (parent === undefined) return;
	throw new MusterError("E_CONFLICT", `the task ${id} is a part of ${parent}`, {
		hint: `Do that again: muster retry ${parent}`,
	});
}

/** `#2` is the third task of the batch. */
function resolveBatch(dependsOn: readonly string[], ids: readonly string[], where: string): string[] {
	return dependsOn.map((reference) => {
		if (!reference.startsWith("#")) return reference;
		const id = /^#\d{1,6}$/.test(reference) ? ids[Number(reference.slice(1))] : undefined;
		if (id !== undefined) return id;
		throw new MusterError(
			"E_DEPENDENCY_UNKNOWN",
			`${where}depends on ${reference}, but the batch ends at #${ids.length - 1}`,
		);
	});
}

/**
 * The tasks of a batch with every dependency before what depends on it: the state is folded in this order.
 * Only a batch can hold a cycle, since every other dependency is older than the task.
 * @throws E_DEPENDENCY_CYCLE naming it
 */
function inOrder(tasks: readonly NewTask[]): NewTask[] {
	const byId = new Map(tasks.map((task, i) => [task.id, i]));
	if (!tasks.some((task) => task.dependsOn?.some((id) => byId.has(id)))) return [...tasks];
	const ordered: NewTask[] = [];
	const done = new Set<number>();
	for (const start of tasks.keys()) {
		const path = [{ place: start, next: 0 }];
		const onPath = new Set([start]);
		for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
			const task = tasks[at.place] as NewTask;
			const reference = done.has(at.place) ? undefined : task.dependsOn?.[at.next++];
			if (reference === undefined) {
				if (!done.has(at.place)) ordered.push(task);
				done.add(at.place);
				onPath.delete(at.place);
				path.pop();
				continue;
			}
			const place = byId.get(reference);
			if (place === undefined || done.has(place)) continue;
			if (onPath.has(place))
				throw cycle(
					path.map((step) => step.place),
					place,
				);
			onPath.add(place);
			path.push({ place, next: 0 });
		}
	}
	return ordered;
}

function cycle(path: readonly number[], back: number): MusterError {
	const circle = [...path.slice(path.indexOf(back)), back].map((place) => `#${place}`).join(" -> ");
	return new MusterError("E_DEPENDENCY_CYCLE", `the tasks depend on each other: ${circle}`);
}
