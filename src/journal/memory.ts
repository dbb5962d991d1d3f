/**
 * A journal in memory: for tests and the simulator. It survives a "crash" of the orchestrator as long as its object is
 * kept: open() again folds what was committed. Faults are asked for through `write`.
 */
import type { Clock } from "../clock.ts";
import { decodeBody, type StoredEvent } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Batch, type History, type Journal, lastEndedFirst, type OpenJournal } from "./journal.ts";
import { type Place, pick, type Rows, runFits, runPlace, taskFits, taskPlace } from "./listing.ts";

export interface MemoryJournalOptions {
	clock: Clock;
	sink: Sink;
	onFailure: (error: unknown) => void;
}

export class MemoryStore {
	readonly batches: Batch[] = [];
	/** Called before each batch is stored; may wait, or throw as a disk would. */
	write: (batch: Batch) => Promise<void> = () => Promise.resolve();

	open({ clock, sink, onFailure }: MemoryJournalOptions): OpenJournal {
		const ended = { tasks: new Map<string, Task>(), runs: new Map<string, Run>() };
		const redriven = new Set<string>();
		const keep: Sink = {
			task: (task) => void ended.tasks.set(task.id, task),
			run: (run) => void ended.runs.set(run.id, run),
			redriven: (id) => void redriven.add(id),
		};
		// A fold of its own, as the projector has one: what it keeps never shares an object with the live state.
		const projected = this.#fold(keep);
		const state = this.#fold(sink);
		let listener: (seq: number) => void = () => undefined;
		const last = this.batches.at(-1);
		const start = { seq: last?.seq ?? 0, lastEvent: last ? last.first + last.count - 1 : 0 };
		const store = async (batch: Batch): Promise<void> => {
			await this.write(batch);
			this.batches.push(batch);
			for (const event of decodeBody(batch.body)) apply(projected, event, keep);
			queueMicrotask(() => listener(batch.seq));
		};
		const commits = new GroupCommit(start, store, clock, onFailure);
		return {
			journal: new MemoryJournal(this, commits),
			history: history(ended.tasks, ended.runs, redriven),
			state,
			seq: start.seq,
			onProjected(next) {
				listener = next;
				queueMicrotask(() => next(start.seq));
			},
			announce: () => undefined,
		};
	}

	#fold(sink: Sink): State {
		const state = createState();
		for (const batch of this.batches) for (const event of decodeBody(batch.body)) apply(state, event, sink);
		return state;
	}
}

class MemoryJournal implements Journal {
	readonly #store: MemoryStore;
	readonly #commits: GroupCommit;
	readonly append: GroupCommit["append"];

	constructor(store: MemoryStore, commits: GroupCommit) {
		this.#store = store;
		this.#commits = commits;
		this.append = commits.append.bind(commits);
	}

	get lastEvent(): number {
		return this.#commits.lastEvent;
	}

	get full(): boolean {
		return this.#commits.full;
	}

	async read(after: number, limit: number): Promise<StoredEvent[]> {
		return this.#store.batches
			.filter((batch) => batch.first + batch.count - 1 > after)
			.flatMap((batch) => decodeBody(batch.body).map((event, i) => ({ ...event, seq: batch.first + i })))
			.filter((event) => event.seq > after)
			.slice(0, limit);
	}

	close(): Promise<void> {
		return this.#commits.flush();
	}
}

function history(tasks: Map<string, Task>, runs: Map<string, Run>, redriven: ReadonlySet<string>): History {
	const rows = <T>(items: T[], place: (item: T) => Place, limit: number): Rows<T> => {
		const last = items.length === limit ? items.at(-1) : undefined;
		return { items, ...(last && { end: place(last) }) };
	};
	return {
		task: (id) => tasks.get(id),
		taskByKey: (key) => [...tasks.values()].findLast((task) => task.idempotencyKey === key),
		deadLetters: ({ limit, type, code, after }) =>
			[...tasks.values()]
				.filter((task) => task.state === "failed" && !redriven.has(task.id))
				.filter((task) => (type ?? task.type) === task.type && (code ?? task.error?.code) === task.error?.code)
				.filter((task) => after === undefined || lastEndedFirst(after, task) < 0)
				.sort(lastEndedFirst)
				.slice(0, limit),
		tasks(filter, after, limit) {
			const fitting = tasks.values().filter((task) => taskFits(task, filter));
			return rows(pick(fitting, { place: taskPlace, after, limit }), taskPlace, limit);
		},
		run: (id) => runs.get(id),
		runs(filter, after, limit) {
			const fitting = runs.values().filter((run) => runFits(run, filter));
			return rows(pick(fitting, { place: runPlace, after, limit }), runPlace, limit);
		},
	};
}
