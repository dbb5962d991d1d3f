/**
 * The ledger joins state and journal: decide, change the state, store, and only when it is durable tell.
 *
 * Two ways in
 * - transact(): facts. The state changes at once; what follows (offers, answers) waits for durability.
 * - request(): what a caller may be refused. The state changes when it is durable, so nothing is ever decided on a
 *   request that may still be refused.
 *
 * Invariant L1: the state is the fold of the journal's events, except for the order of requests among facts that were
 * appended while the request was under way; such events never touch the same task, or only as its dependencies, whose
 * end is seen at either time. Of streams: appends are requests, what consumers do are facts, and `fold/streams.ts` comes to
 * the same in either order.
 */
import type { AppendOutcome } from "../bus/record.ts";
import { MusterError } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { pin, unpin } from "../fold/tasks.ts";
import type { History, Journal, OpenJournal } from "../journal/journal.ts";
import type { Sink, State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";

export interface LedgerListener {
	/** Durable: the task is ready or scheduled and may be offered. */
	placed(task: Task): void;
	/** Durable: the task is terminal. */
	ended(task: Task): void;
	runEnded(run: Run): void;
	/** Something was stored. */
	stored(): void;
}

export interface LedgerParts {
	open: OpenJournal;
	/** What ended while the journal was read. */
	recovered: { tasks: Iterable<Task>; runs: Iterable<Run>; redriven?: Iterable<string> };
	listener: LedgerListener;
	followUp: FollowUp;
}

export type Emit = (event: Event) => void;

/** Told to whoever writes follow-ups: called inside a transaction for each task that became terminal. */
export type FollowUp = (task: Task, emit: Emit) => void;

/** Events of a large request applied in one turn of the loop. */
const TURN_EVENTS = 2_000;

export class Ledger {
	readonly state: State;
	readonly history: History;
	readonly #journal: Journal;
	readonly #listener: LedgerListener;
	readonly #followUp: FollowUp;
	/** Over, but perhaps not in the history yet. */
	readonly #recentTasks = new Map<string, Task>();
	readonly #recentKeys = new Map<string, Task>();
	readonly #recentRuns = new Map<string, Run>();
	/** Dead letters done again or put away; the history may list them still. */
	readonly #redriven = new Set<string>();
	/** Over, but not durable yet. */
	readonly #unstored = new Set<Task | Run>();
	/** Ids to forget once the history has reached a batch; in order of batches. */
	readonly #awaited: { seq: number; tasks: Task[]; runs: Run[]; letters: string[] }[] = [];
	/** The last batch that the history holds, and the last that was told of. */
	#projected = 0;
	#toldSeq = 0;
	/** What the transaction under way leads to; one object for all of them, emptied after each. */
	readonly #deciding = new Consequences();
	/** The commit that the last transaction became part of, until it is durable. */
	#commit: { durable: Promise<number>; consequences: Consequences; told: Promise<void> } | undefined;

	constructor(parts: LedgerParts) {
		this.state = parts.open.state;
		this.history = parts.open.history;
		this.#journal = parts.open.journal;
		this.#listener = parts.listener;
		this.#followUp = parts.followUp;
		const tasks = [...parts.recovered.tasks];
		const runs = [...parts.recovered.runs];
		const letters = [...(parts.recovered.redriven ?? [])];
		this.#remember({ tasks, runs, letters });
		this.#awaited.push({ seq: parts.open.seq, tasks, runs, letters });
		parts.open.onProjected((seq) => this.#onProjected(seq));
	}

	get journal(): Journal {
		return this.#journal;
	}

	/** Tasks held in memory: live ones and those the history does not have yet. */
	get held(): number {
		return this.state.tasks.size + this.#recentTasks.size;
	}

	/** A task wherever it is. */
	task(id: string): Task | undefined {
		return this.state.tasks.get(id) ?? this.#recentTasks.get(id) ?? this.history.task(id);
	}

	run(id: string): Run | undefined {
		return this.state.runs.get(id) ?? this.#recentRuns.get(id) ?? this.history.run(id);
	}

	/** The task an idempotency key stands for. */
	taskByKey(key: string): Task | undefined {
		const live = this.state.keys.get(key);
		if (live !== undefined) return this.state.tasks.get(live);
		return this.#recentKeys.get(key) ?? this.history.taskByKey(key);
	}

	/** Whether its end, if it has ended, is durable: before that nobody is told of it. */
	isStored(item: Task | Run): boolean {
		return !this.#unstored.has(item);
	}

	recentTasks(): Iterable<Task> {
		return this.#recentTasks.values();
	}

	/** Whether a dead letter was done again or put away of late, so that the history may not know it yet. */
	isRedriven(id: string): boolean {
		return this.#redriven.has(id);
	}

	recentRuns(): Iterable<Run> {
		return this.#recentRuns.values();
	}

	/**
	 * Facts: applied now, one indivisible group in the journal together with all that follows from them.
	 * The promise resolves when they are durable and all who wait have been told. Nobody has to wait for it: its one way to
	 * fail is the journal's, which announces that itself.
	 */
	transact(decide: (emit: Emit) => void, kind: "fact" | "note" = "fact"): Promise<void> {
		const effects = this.#deciding;
		if (effects.busy) throw new MusterError("E_INTERNAL", "a transaction was begun inside another");
		effects.busy = true;
		const lines: string[] = [];
		let followed = 0;
		let following = false;
		const emit: Emit = (event) => {
			const line = encodeEvent(event); // what cannot be written is not applied
			apply(this.state, event, effects);
			lines.push(line);
			// A loop, not a recursion: a failure may cascade down a chain of any length.
			if (following) return;
			following = true;
			for (; followed < effects.over.length; followed++) this.#followUp(effects.over[followed] as Task, emit);
			following = false;
		};
		try {
			decide(emit);
		} catch (error) {
			// What was applied is in the journal all the same, or state and journal would part.
			void this.#finish(lines, kind, effects);
			throw error;
		}
		return this.#finish(lines, kind, effects);
	}

	#finish(lines: readonly string[], kind: "fact" | "note", effects: Consequences): Promise<void> {
		effects.busy = false;
		this.#remember(effects);
		for (const task of effects.over) this.#unstored.add(task);
		for (const run of effects.runs) this.#unstored.add(run);
		return lines.length === 0 ? this.settled() : this.#store(lines, kind, effects);
	}

	/** Resolves when every fact so far is durable and told of. */
	settled(): Promise<void> {
		return this.#commit?.told ?? Promise.resolve();
	}

	/** All groups of one commit are told of together. */
	#store(lines: readonly string[], kind: "fact" | "note", effects: Consequences): Promise<void> {
		let durable: Promise<number>;
		try {
			durable = this.#journal.append(lines, kind).durable;
		} catch (error) {
			effects.moveTo(new Consequences()); // the journal has failed: nobody is told of anything any more
			const failed = Promise.reject(error);
			failed.catch(() => undefined); // see transact()
			return failed;
		}
		let commit = this.#commit;
		if (commit?.durable !== durable) {
			const consequences = new Consequences();
			const told = durable.then((seq) => {
				if (this.#commit?.durable === durable) this.#commit = undefined;
				this.#tell(seq, consequences);
			});
			told.catch(() => undefined); // see transact()
			commit = { durable, consequences, told };
			this.#commit = commit;
		}
		effects.moveTo(commit.consequences);
		return commit.told;
	}

	/**
	 * A request, encoded by the caller: in the journal all or nothing, and applied when durable.
	 * @param applied called when all of it is in the state, before anything of it may start; with what became of appends
	 * @throws E_STORAGE_FULL, E_JOURNAL_FAILED
	 */
	async request(
		events: readonly Event[],
		lines: readonly string[],
		applied?: (appended: readonly AppendOutcome[]) => void,
	): Promise<void> {
		for (const event of events) if (event.type === "task.submitted") pin(this.state, event.task);
		let seq: number;
		try {
			seq = await this.#journal.append(lines, "request").durable;
		} catch (error) {
			const effects = new Consequences();
			for (const event of events) if (event.type === "task.submitted") unpin(this.state, event.task, effects);
			this.#remember(effects);
			// What leaves now may have ended by a fact that is not stored yet: memory keeps it until the newest of those is.
			if (this.#commit !== undefined) effects.moveTo(this.#commit.consequences);
			else this.#await(this.#toldSeq, effects);
			throw error;
		}
		// A run is one thing: a cancel must not find half of it.
		const inTurns = events[0]?.type === "task.submitted";
		// Told of when all is applied: a task of the group must not end before one that depends on it is there.
		const effects = new Consequences();
		for (const [i, event] of events.entries()) {
			if (inTurns && i > 0 && i % TURN_EVENTS === 0) await new Promise<void>((resolve) => setImmediate(resolve));
			apply(this.state, event, effects);
		}
		this.#remember(effects);
		this.#holdBack(effects);
		applied?.(effects.outcomes);
		this.#tell(seq, effects);
	}

	/** The request may have overtaken the end of what a task of it depends on: then it is offered with that one's commit. */
	#holdBack({ placedTasks }: Consequences): void {
		if (this.#commit === undefined || this.#unstored.size === 0) return;
		const isUnstored = (id: string): boolean => {
			const dependency = this.state.tasks.get(id) ?? this.#recentTasks.get(id);
			return dependency !== undefined && this.#unstored.has(dependency);
		};
		const early = new Set(placedTasks.filter((task) => task.dependsOn?.some(isUnstored)));
		if (early.size === 0) return;
		this.#commit.consequences.placedTasks.push(...early);
		placedTasks.splice(0, placedTasks.length, ...placedTasks.filter((task) => !early.has(task)));
	}

	#remember({ tasks, runs, letters }: Pick<Consequences, "tasks" | "runs" | "letters">): void {
		for (const id of letters) this.#redriven.add(id);
		for (const task of tasks) {
			this.#recentTasks.set(task.id, task);
			if (task.idempotencyKey !== undefined) this.#recentKeys.set(task.idempotencyKey, task);
		}
		for (const run of runs) this.#recentRuns.set(run.id, run);
	}

	#tell(seq: number, { placedTasks, over, tasks, runs, letters }: Consequences): void {
		this.#toldSeq = Math.max(this.#toldSeq, seq);
		this.#await(seq, { tasks, runs, letters });
		for (const item of over) this.#unstored.delete(item);
		for (const run of runs) this.#unstored.delete(run);
		for (const task of placedTasks) this.#listener.placed(task);
		for (const task of over) this.#listener.ended(task);
		for (const run of runs) this.#listener.runEnded(run);
		this.#listener.stored();
	}

	/** Memory keeps what has left the state until the history has reached this batch. */
	#await(seq: number, { tasks, runs, letters }: Pick<Consequences, "tasks" | "runs" | "letters">): void {
		if (tasks.length === 0 && runs.length === 0 && letters.length === 0) return;
		this.#awaited.push({ seq, tasks, runs, letters });
		if (seq <= this.#projected) this.#forget();
	}

	/** The history holds all that ended up to this batch: memory lets it go. */
	#onProjected(seq: number): void {
		this.#projected = Math.max(this.#projected, seq);
		this.#forget();
	}

	#forget(): void {
		let passed = 0;
		for (const { seq, tasks, runs, letters } of this.#awaited) {
			if (seq > this.#projected) break;
			for (const task of tasks) {
				this.#recentTasks.delete(task.id);
				if (task.idempotencyKey !== undefined) this.#recentKeys.delete(task.idempotencyKey);
			}
			for (const run of runs) this.#recentRuns.delete(run.id);
			for (const id of letters) this.#redriven.delete(id);
			passed++;
		}
		this.#awaited.splice(0, passed);
	}
}

/** What a group of events led to, gathered until it is durable. */
class Consequences implements Sink {
	busy = false;
	readonly placedTasks: Task[] = [];
	readonly over: Task[] = [];
	readonly tasks: Task[] = [];
	readonly runs: Run[] = [];
	readonly letters: string[] = [];
	/** Of a request alone. */
	readonly outcomes: AppendOutcome[] = [];

	appended(outcome: AppendOutcome): void {
		this.outcomes.push(outcome);
	}

	redriven(id: string): void {
		this.letters.push(id);
	}

	task(task: Task): void {
		this.tasks.push(task);
	}

	run(run: Run): void {
		this.runs.push(run);
	}

	placed(task: Task): void {
		this.placedTasks.push(task);
	}

	ended(task: Task): void {
		this.over.push(task);
	}

	/** Empties this one into another. */
	moveTo(other: Consequences): void {
		for (const name of ["placedTasks", "over", "tasks"] as const) {
			for (const task of this[name]) other[name].push(task);
			this[name].length = 0;
		}
		for (const run of this.runs) other.runs.push(run);
		this.runs.length = 0;
		for (const id of this.letters) other.letters.push(id);
		this.letters.length = 0;
	}
}
