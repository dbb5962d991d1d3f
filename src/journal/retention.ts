/**
 * How long what is over is kept in the views: by the time since it ended, and by the size of all of it. Deletes from the
 * oldest on, a bounded step at a time, each as part of a transaction that is made anyway; the file takes freed pages again.
 * Time is the journal's: the newest event says how late it is.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Place } from "./listing.ts";

export interface RetentionOptions {
	/** What ended longer ago than this goes, milliseconds. */
	keepMs: number;
	/** Bytes that all of it may take; beyond, the oldest goes. */
	keepBytes: number;
}

/** Nothing is deleted. */
export const KEEP_ALL: RetentionOptions = { keepMs: Number.MAX_SAFE_INTEGER, keepBytes: Number.MAX_SAFE_INTEGER };

export interface Deleted {
	tasks: number;
	runs: number;
}

interface Row extends Place {
	endedAt: number;
	run: string | null;
}

/** Rows looked at in one step, at least. */
const STEP_ROWS = 200;
/** After a look at all that is old enough, the next one begins this much later. */
const REST_MS = 60_000;
const BEFORE_ALL: Place = { at: -1, id: "" };

export class Retention {
	readonly #options: RetentionOptions;
	readonly #pages: StatementSync;
	readonly #sides: {
		table: "tasks" | "runs";
		next: StatementSync;
		remove: StatementSync;
		from: Place;
		restUntil: number;
	}[];

	constructor(db: DatabaseSync, options: RetentionOptions) {
		this.#options = options;
		this.#pages = db.prepare(
			"SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
		);
		this.#sides = (["tasks", "runs"] as const).map((table) => ({
			table,
			next: db.prepare(`SELECT at, id, ended_at AS endedAt, ${table === "tasks" ? "run" : "NULL AS run"} FROM ${table}
				WHERE (at, id) > (?1, ?2) AND at < ?3 ORDER BY at, id LIMIT ?4`),
			remove: db.prepare(`DELETE FROM ${table} WHERE at = ? AND id = ?`),
			from: BEFORE_ALL,
			restUntil: 0,
		}));
	}

	/**
	 * One step, inside a transaction.
	 * @param put rows that were put meanwhile: as many are looked at, so that the size keeps its bound
	 * @param isLive whether a run goes on: its tasks stay
	 */
	step(nowMs: number, put: number, isLive: (run: string) => boolean): Deleted {
		const { keepMs, keepBytes } = this.#options;
		const deleted: Deleted = { tasks: 0, runs: 0 };
		const tooLarge = (this.#pages.get() as { bytes: number }).bytes > keepBytes;
		for (const side of this.#sides) {
			const before = tooLarge ? nowMs : nowMs - keepMs;
			if (!tooLarge && nowMs < side.restUntil) continue;
			const limit = STEP_ROWS + 2 * put;
			const rows = side.next.all(side.from.at, side.from.id, before, limit) as unknown as Row[];
			for (const { at, id, endedAt, run } of rows) {
				if ((!tooLarge && endedAt >= before) || (run !== null && isLive(run))) continue;
				side.remove.run(at, id);
				deleted[side.table]++;
			}
			const last = rows.at(-1);
			const ended = last === undefined || rows.length < limit;
			side.from = ended ? BEFORE_ALL : { at: last.at, id: last.id };
			if (ended) side.restUntil = nowMs + REST_MS;
		}
		return deleted;
	}
}
