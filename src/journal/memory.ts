/**
 * A journal in memory: for tests and the simulator. It survives a "crash" of the orchestrator as long as its object is
 * kept: open() again folds what was committed. Faults are asked for through `write`.
 */
import type { Clock } from "../clock.ts";
import { decodeBody, type Event, type StoredEvent } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { type ActivityCounts, type ActivityRow, count, noActivity, Tally } from "./activity.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Batch, type EventPage, type History, type Journal, lastEndedFirst, type OpenJournal } from "./journal.ts";
import { type Place, pick, type Rows, runFits, runPlace, taskFits, taskPlace } from "./listing.ts";
import { subjectOf } from "./trails.ts";

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
		const tally = new Tally();
		const projected = this.#fold(keep, (state, event) => count(tally, state, event));
		const state = this.#fold(sink);
		let listener: (seq: number) => void = () => undefined;
		const last = this.batches.at(-1);
		const start = { seq: last?.seq ?? 0, lastEvent: last ? last.first + last.count - 1 : 0 };
		const store = async (batch: Batch): Promise<void> => {
			await this.write(batch);
			this.batches.push(batch);
			for (const event of decodeBody(batch.body)) {
				count(tally, projected, event);
				apply(projected, event, keep);
			}
			queueMicrotask(() => listener(batch.seq));
		};
		const commits = new GroupCommit(start, store, clock, onFailure);
		return {
			journal: new MemoryJournal(this, commits),
			history: history(ended.tasks, ended.runs, redriven, tally),
			state,
			seq: start.seq,
			onProjected(next) {
				listener = next;
				queueMicrotask(() => next(start.seq));
			},
			lag: () => ({ seq: start.seq + this.batches.length, lastEvent: commits.lastEvent, behindSince: undefined }),
			announce: () => undefined,
		};
	}

	#fold(sink: Sink, before: (state: State, event: Event) => void = () => undefined): State {
		const state = createState();
		for (const event of this.batches.flatMap(({ body }) => decodeBody(body))) {
			before(state, event);
			apply(state, event, sink);
		}
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

	async readOf(id: string, after: number, limit: number): Promise<EventPage> {
		const all = await this.read(after, Number.MAX_SAFE_INTEGER);
		const events = all.filter((event) => subjectOf(event)?.id === id).slice(0, limit);
		const next = events.length === limit ? events.at(-1)?.seq : undefined;
		return { events, ...(next !== undefined && { next }), complete: true };
	}

	close(): Promise<void> {
		return this.#commits.flush();
	}
}

function history(
	tasks: Map<string, Task>,
	runs: Map<string, Run>,
	redriven: ReadonlySet<string>,
	tally: Tally,
): History {
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
		activity({ since, bucketMs, type }) {
			const sums = new Map<string, ActivityRow>();
			for (const row of tally.rows()) {
				if (row.at < since || (type ?? row.type) !== row.type) continue;
				const at = Math.floor(row.at / bucketMs) * bucketMs;
				const sum = sums.get(`${at} ${row.type}`) ?? { at, type: row.type, ...noActivity() };
				for (const what of Object.keys(noActivity()) as (keyof ActivityCounts)[]) sum[what] += row[what];
				sums.set(`${at} ${row.type}`, sum);
			}
			return [...sums.values()].sort((a, b) => a.at - b.at || (a.type < b.type ? -1 : 1));
		},
		deleted: () => ({ tasks: 0, runs: 0 }),
		run: (id) => runs.get(id),
		runs(filter, after, limit) {
			const fitting = runs.values().filter((run) => runFits(run, filter));
			return rows(pick(fitting, { place: runPlace, after, limit }), runPlace, limit);
		},
	};
}
