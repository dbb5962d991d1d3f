/** Counts over time: how many tasks of each type were submitted, started and so on in each minute. */
import type { DatabaseSync } from "node:sqlite";
import type { Event } from "../events.ts";
import type { State } from "../state.ts";

export const MINUTE_MS = 60_000;
/** Minutes that are kept. */
export const KEPT_MINUTES = 48 * 60;
/** Types counted apart in one minute; the rest is one sum. */
const MAX_TYPES = 200;
export const OTHER_TYPES = "(other)";

export interface ActivityCounts {
	submitted: number;
	started: number;
	completed: number;
	failed: number;
	/** Attempts that failed and were followed by another. */
	retried: number;
}

export interface ActivityRow extends ActivityCounts {
	/** Begin of the bucket, wall clock. */
	at: number;
	type: string;
}

const COUNTED: { readonly [type: string]: keyof ActivityCounts } = {
	"task.submitted": "submitted",
	"task.started": "started",
	"task.completed": "completed",
	"task.failed": "failed",
	"task.retrying": "retried",
};

export const noActivity = (): ActivityCounts => ({ submitted: 0, started: 0, completed: 0, failed: 0, retried: 0 });

/** The counts of some events, before they go into the views. */
export class Tally {
	readonly #minutes = new Map<number, Map<string, ActivityCounts>>();

	add(what: keyof ActivityCounts, at: number, type: string): void {
		const minute = Math.floor(at / MINUTE_MS);
		const types = this.#minutes.get(minute) ?? new Map<string, ActivityCounts>();
		this.#minutes.set(minute, types);
		const name = types.has(type) || types.size < MAX_TYPES ? type : OTHER_TYPES;
		const counts = types.get(name) ?? noActivity();
		types.set(name, counts);
		counts[what]++;
	}

	*rows(): Generator<ActivityRow> {
		for (const [minute, types] of this.#minutes) {
			for (const [type, counts] of types) yield { at: minute * MINUTE_MS, type, ...counts };
		}
	}
}

/** Counts an event, before it changes the state. */
export function count(tally: Tally, { tasks }: Pick<State, "tasks">, event: Event): void {
	const what = COUNTED[event.type];
	if (what === undefined) return;
	const type = event.type === "task.submitted" ? event.task.type : tasks.get((event as { id: string }).id)?.type;
	if (type !== undefined) tally.add(what, event.at, type);
}

export const ACTIVITY_SCHEMA = `CREATE TABLE IF NOT EXISTS activity (
	at INTEGER NOT NULL, type TEXT NOT NULL, submitted INTEGER NOT NULL, started INTEGER NOT NULL, completed INTEGER NOT NULL,
	failed INTEGER NOT NULL, retried INTEGER NOT NULL, PRIMARY KEY (at, type)) WITHOUT ROWID`;

export class ActivityWriter {
	readonly #add;
	readonly #types;
	readonly #forget;

	constructor(db: DatabaseSync) {
		this.#add = db.prepare(`INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			submitted = submitted + excluded.submitted, started = started + excluded.started,
			completed = completed + excluded.completed, failed = failed + excluded.failed, retried = retried + excluded.retried`);
		this.#types = db.prepare("SELECT count(*) AS types, max(type = ?2) AS known FROM activity WHERE at = ?1");
		this.#forget = db.prepare("DELETE FROM activity WHERE at < ?");
	}

	put(tally: Tally): void {
		let newest = 0;
		for (const { at, type, submitted, started, completed, failed, retried } of tally.rows()) {
			const { types, known } = this.#types.get(at, type) as { types: number; known: number | null };
			const name = known === 1 || types < MAX_TYPES ? type : OTHER_TYPES;
			this.#add.run(at, name, submitted, started, completed, failed, retried);
			newest = Math.max(newest, at);
		}
		if (newest > 0) this.#forget.run(newest - KEPT_MINUTES * MINUTE_MS);
	}
}
