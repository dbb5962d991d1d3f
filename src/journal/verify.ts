/**
 * Everything that is printed, computed again from the journal: its hash chain, its snapshots, and the views against both.
 * Only reads, also beside a process that works on the folder. A finding is the first difference of its kind.
 */
import type { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { MusterError } from "../errors.ts";
import type { Event } from "../events.ts";
import { type Counts, createState, type State } from "../state.ts";
import { isTerminal, type Task, type TaskState, taskStates } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { foldBatch, type JournalPaths } from "./recovery.ts";
import { listSnapshots, readSnapshot, type Snapshot } from "./snapshot.ts";
import { type Anchor, checkWitness, openForReading, readAnchor, readChain } from "./sqlite-file.ts";
import { viewsPosition } from "./views.ts";
import { ViewsReader } from "./views-reader.ts";

export interface Totals {
	tasks: Record<TaskState, number>;
	submitted: number;
	retried: number;
	reoffered: number;
	/** Failed ones that were neither submitted again nor put away, of those that failed since `from`. */
	deadLetters: number;
	/** Live ones, and those that ended since `from`. */
	runs: { live: number; completed: number; failed: number; cancelled: number };
}

export interface Verified {
	/** Number of the last event before those that were read: 0 for all of them; else a snapshot tells what was before. */
	from: number;
	/** Number of the last event. */
	to: number;
	batches: number;
	snapshots: number;
	/** Finished tasks and runs that were compared with the views; `missing` of them retention has deleted. */
	views: { compared: number; missing: number } | "missing";
	totals: Totals;
}

/** How an event of a task changes the totals; kept apart from the fold on purpose. */
const TALLIED: { readonly [type: string]: keyof Counts } = {
	"task.submitted": "submitted",
	"task.completed": "completed",
	"task.failed": "failed",
	"task.cancelled": "cancelled",
	"task.skipped": "skipped",
	"task.retrying": "retried",
	"task.reoffered": "reoffered",
};

const RESTORE = "Restore the data folder from a backup. It was not changed.";
const MAKE_AGAIN =
	"Stop what runs on it and delete views.db: the next start makes it again, as far back as the journal goes.";

const differs = (what: string, hint = RESTORE): MusterError => new MusterError("E_JOURNAL_CORRUPT", what, { hint });

/** @throws E_JOURNAL_CORRUPT, E_JOURNAL_TRUNCATED naming the first difference */
export async function verifyJournal(paths: JournalPaths): Promise<Verified> {
	for (;;) {
		const db = openForReading(paths.journal);
		const anchor = readAnchor(db);
		try {
			return await new Verification(paths, db, anchor).run();
		} catch (error) {
			// A server may have shortened the journal meanwhile; then it is read from its new beginning.
			if (readAnchor(db).seq === anchor.seq) throw error;
		} finally {
			db.close();
		}
	}
}

class Verification {
	readonly #paths: JournalPaths;
	readonly #db: DatabaseSync;
	readonly #anchor: Anchor;
	readonly #snapshots: ReadonlyMap<number, Snapshot>;
	/** Taken before the journal is read, so that the journal reaches at least as far. */
	readonly #position: Anchor | undefined;
	readonly #views: ViewsReader | undefined;
	readonly #tally: Counts = createState().counts;
	readonly #letters = new Set<string>();
	readonly #runs = { completed: 0, failed: 0, cancelled: 0 };
	readonly #compared = { compared: 0, missing: 0 };
	#at = 0;

	constructor(paths: JournalPaths, db: DatabaseSync, anchor: Anchor) {
		this.#paths = paths;
		this.#db = db;
		this.#anchor = anchor;
		this.#position = viewsPosition(paths.views);
		if (this.#position !== undefined) checkWitness(db, this.#position, paths.journal, paths.views);
		this.#views = this.#position && new ViewsReader(paths.views);
		const found = listSnapshots(paths.snapshots).map(({ path }) => {
			const snapshot = readSnapshot(path);
			checkWitness(db, snapshot.anchor, paths.journal, path);
			return [snapshot.anchor.seq, snapshot] as const;
		});
		this.#snapshots = new Map(found);
	}

	async run(): Promise<Verified> {
		try {
			const { state, from, end, batches } = await this.#fold();
			this.#compareCounts(state, from.counts);
			return {
				from: from.lastEvent,
				to: end.lastEvent,
				batches,
				snapshots: this.#snapshots.size,
				views: this.#views === undefined ? "missing" : this.#compared,
				totals: this.#totals(state),
			};
		} finally {
			this.#views?.close();
		}
	}

	/** From the oldest snapshot that the journal still reaches, or from its beginning; all of the chain is checked. */
	async #fold() {
		let state: State | undefined = this.#anchor.seq === 0 ? createState() : undefined;
		let from = { lastEvent: 0, counts: createState().counts };
		let end = this.#anchor;
		let batches = 0;
		const begin = (): void => {
			const snapshot = this.#snapshots.get(end.seq);
			if (snapshot === undefined) return;
			if (state !== undefined) {
				this.#compareSnapshot(state, snapshot);
				return;
			}
			state = snapshot.state;
			from = { lastEvent: end.lastEvent, counts: { ...state.counts } };
		};
		begin();
		for (const batch of readChain(this.#db, this.#anchor, this.#paths.journal)) {
			this.#at = batch.seq;
			if (state !== undefined) foldBatch(state, batch, this.#sink, this.#paths.journal, this.#count);
			end = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash: batch.hash };
			begin();
			if (++batches % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
		}
		if (state === undefined) throw differs(`no snapshot reaches the beginning of ${this.#paths.journal}`);
		return { state, from, end, batches };
	}

	readonly #count = (event: Event): void => {
		const what = TALLIED[event.type];
		if (what !== undefined) this.#tally[what]++;
		if (event.type === "task.failed") this.#letters.add(event.id);
		if (event.type === "task.redriven") this.#letters.delete(event.id);
		if (event.type === "run.completed") this.#runs.completed++;
		if (event.type === "run.failed") this.#runs.failed++;
		if (event.type === "run.cancelled") this.#runs.cancelled++;
	};

	readonly #sink = {
		task: (task: Task): void => this.#compareView(task, this.#views?.task(task.id)),
		run: (run: Run): void => this.#compareView(run, this.#views?.run(run.id)),
	};

	/** What has left the state must be in the views, up to where they say that they are. */
	#compareView(item: Task | Run, seen: Task | Run | undefined): void {
		if (this.#views === undefined || this.#at > (this.#position?.seq ?? 0)) return;
		this.#compared.compared++;
		if (seen === undefined) this.#compared.missing++;
		else if (!isDeepStrictEqual(seen, plain(item)))
			throw differs(`${this.#paths.views}: ${item.id} is not what the journal tells`, MAKE_AGAIN);
		const { tasks, runs } = this.#views.deleted();
		if (this.#compared.missing > tasks + runs) throw differs(`${this.#paths.views}: ${item.id} is missing`);
	}

	#compareSnapshot(state: State, { state: stored, anchor }: Snapshot): void {
		const where = `the snapshot of batch ${anchor.seq} in ${this.#paths.snapshots}`;
		for (const part of ["counts", "epoch"] as const) {
			if (!isDeepStrictEqual(plain(state[part]), plain(stored[part]))) throw differs(`${where}: ${part} differ`);
		}
		for (const part of ["tasks", "runs", "schedules", "triggers", "paused"] as const) {
			const ids = new Set<string>([...state[part].keys(), ...stored[part].keys()]);
			for (const id of ids) {
				if (isDeepStrictEqual(plain(state[part].get(id)), plain(stored[part].get(id)))) continue;
				throw differs(`${where}: ${id} of its ${part} is not what the journal tells`);
			}
		}
	}

	/** The state's own counters, which every status prints, against the events and the tasks themselves. */
	#compareCounts({ counts, tasks }: State, before: Counts): void {
		for (const what of Object.keys(this.#tally) as (keyof Counts)[]) {
			const counted = before[what] + this.#tally[what];
			if (counts[what] !== counted)
				throw differs(`${what}: ${counts[what]} is printed, but the events tell of ${counted}`);
		}
		const live = [...tasks.values()].filter((task) => !isTerminal(task.state)).length;
		const over = counts.completed + counts.failed + counts.cancelled + counts.skipped;
		if (counts.submitted !== live + over) {
			throw differs(`${counts.submitted} tasks were submitted, but ${live} are live and ${over} are over`);
		}
	}

	#totals({ counts, tasks, runs }: State): Totals {
		const byState = Object.fromEntries(taskStates.map((state) => [state, 0])) as Record<TaskState, number>;
		for (const { state } of tasks.values()) if (!isTerminal(state)) byState[state]++;
		const { submitted, retried, reoffered, completed, failed, cancelled, skipped } = counts;
		return {
			tasks: { ...byState, completed, failed, cancelled, skipped },
			...{ submitted, retried, reoffered, deadLetters: this.#letters.size },
			runs: { live: runs.size, ...this.#runs },
		};
	}
}

/** As it is stored. */
const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
