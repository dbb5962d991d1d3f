/** The views as they are read, on the thread of the caller: tens of microseconds for one item, a bounded look for a list. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import type { ActivityRow } from "./activity.ts";
import type { ActivityFilter, DeadLetterFilter, History } from "./journal.ts";
import { newestFirst, type Place, type Rows, type RunFilter, type TaskFilter } from "./listing.ts";
import type { Deleted } from "./retention.ts";
import { openViewsForReading, readDeleted } from "./views.ts";

/** Rows that one look passes over. With a filter that hardly anything fits, a page ends here and says so. */
const LOOK_ROWS = 2_000;
/** Characters of the records of one look, unless a single one is larger. */
const LOOK_LENGTH = 8 * 1024 * 1024;
const AFTER_ALL: Place = { at: Number.MAX_SAFE_INTEGER, id: "" };

type Value = string | number | null;

interface Look {
	table: "tasks" | "runs";
	/** The index to go along, and what holds all along it. Absent: the whole table. */
	along?: { index: string; where: string };
	/** Values of ?1, ?2 ...; null does not filter. */
	values: readonly Value[];
	/** Whether a row fits, by those values. */
	fits: string;
	range: { after?: Place | undefined; since?: number | undefined; until?: number | undefined };
	limit: number;
}

export class ViewsReader implements History {
	readonly #db: DatabaseSync;
	readonly #byId;
	readonly #byKey;
	readonly #dead;
	readonly #runById;
	readonly #activity;
	/** By their text: as many as there are ways to look. */
	readonly #looks = new Map<string, StatementSync>();

	/** @throws when the file is missing or cannot be read */
	constructor(path: string) {
		const db = openViewsForReading(path);
		this.#db = db;
		this.#byId = db.prepare("SELECT record FROM tasks WHERE id = ?");
		this.#byKey = db.prepare("SELECT record FROM tasks WHERE key = ? ORDER BY id DESC LIMIT 1");
		this.#dead =
			db.prepare(`SELECT record FROM tasks WHERE state = 'failed' AND redriven IS NULL AND (ended_at, id) < (?1, ?2)
			AND (?3 IS NULL OR type = ?3) AND (?4 IS NULL OR record ->> '$.error.code' = ?4)
			ORDER BY ended_at DESC, id DESC LIMIT ?5`);
		this.#activity =
			db.prepare(`SELECT at - at % CAST(?2 AS INTEGER) AS at, type, sum(submitted) AS submitted, sum(started) AS started,
			sum(completed) AS completed, sum(failed) AS failed, sum(retried) AS retried FROM activity
			WHERE at >= ?1 AND (?3 IS NULL OR type = ?3) GROUP BY 1, 2 ORDER BY 1, 2`);
		this.#runById = db.prepare("SELECT record FROM runs WHERE id = ?");
	}

	task(id: string): Task | undefined {
		return one<Task>(this.#byId.get(id));
	}

	taskByKey(key: string): Task | undefined {
		return one<Task>(this.#byKey.get(key));
	}

	/** The last ones to end first. */
	deadLetters({ limit, type, code, after }: DeadLetterFilter): Task[] {
		const { endedAt = 0, id } = after ?? { endedAt: Number.MAX_SAFE_INTEGER, id: "" };
		const rows = this.#dead.all(endedAt, id, type ?? null, code ?? null, limit);
		return rows.map((row) => JSON.parse((row as { record: string }).record) as Task);
	}

	tasks(filter: TaskFilter, after: Place | undefined, limit: number): Rows<Task> {
		const { states, type, agent, run, group, since, until } = filter;
		return this.#look<Task>({
			table: "tasks",
			along: tasksAlong(filter),
			values: [states?.join() ?? null, type ?? null, agent ?? null, run ?? null, group ?? null],
			fits: `(?1 IS NULL OR instr(?1, state) > 0) AND (?2 IS NULL OR type = ?2) AND (?3 IS NULL OR agent = ?3)
				AND (?4 IS NULL OR run = ?4) AND (?5 IS NULL OR grp = ?5)`,
			range: { after, since, until },
			limit,
		});
	}

	run(id: string): Run | undefined {
		return one<Run>(this.#runById.get(id));
	}

	runs({ states, workflow, since, until }: RunFilter, after: Place | undefined, limit: number): Rows<Run> {
		const broken = states?.includes("completed") === false;
		return this.#look<Run>({
			table: "runs",
			along:
				workflow !== undefined
					? { index: "runs_workflow", where: "workflow = ?2" }
					: broken
						? { index: "runs_broken", where: "state <> 'completed'" }
						: undefined,
			values: [states?.join() ?? null, workflow ?? null],
			fits: "(?1 IS NULL OR instr(?1, state) > 0) AND (?2 IS NULL OR workflow = ?2)",
			range: { after, since, until },
			limit,
		});
	}

	activity({ since, bucketMs, type }: ActivityFilter): ActivityRow[] {
		return this.#activity.all(since, bucketMs, type ?? null) as unknown as ActivityRow[];
	}

	deleted(): Deleted {
		return readDeleted(this.#db);
	}

	/** Goes along the order from a place on; ends at the limit, at the bound of a look, or when there is no more. */
	#look<T>({ table, along, values, fits, range, limit }: Omit<Look, "along"> & { along: Look["along"] }): Rows<T> {
		const places = [AFTER_ALL, ...(range.after ? [range.after] : [])];
		if (range.until !== undefined) places.push({ at: range.until, id: "" });
		const { at: fromAt, id: fromId } = places.sort(newestFirst).at(-1) as Place;
		const n = values.length;
		const rows = this.#statement(`SELECT at, id, CASE WHEN ${fits} THEN record END AS record
			FROM ${table} ${along === undefined ? "NOT INDEXED" : `INDEXED BY ${along.index}`}
			WHERE ${along?.where ?? "TRUE"} AND (at, id) < (?${n + 1}, ?${n + 2}) AND at >= ?${n + 3}
			ORDER BY at DESC, id DESC LIMIT ${LOOK_ROWS}`).iterate(...values, fromAt, fromId, range.since ?? 0);
		const items: T[] = [];
		let passed = 0;
		let length = 0;
		for (const { at, id, record } of rows as Iterable<Place & { record: string | null }>) {
			passed++;
			if (record !== null) {
				items.push(JSON.parse(record) as T);
				length += record.length;
			}
			if (items.length === limit || passed === LOOK_ROWS || length >= LOOK_LENGTH) return { items, end: { at, id } };
		}
		return { items };
	}

	#statement(sql: string): StatementSync {
		const known = this.#looks.get(sql);
		if (known !== undefined) return known;
		const made = this.#db.prepare(sql);
		this.#looks.set(sql, made);
		return made;
	}

	close(): void {
		this.#db.close();
	}
}

/** The most selective index there is for a filter. */
function tasksAlong({ run, group, type, agent, states }: TaskFilter): Look["along"] {
	if (run !== undefined) return { index: "tasks_run", where: "run = ?4" };
	if (group !== undefined) return { index: "tasks_group", where: "grp = ?5" };
	if (states?.includes("completed") === false) return { index: "tasks_broken", where: "state <> 'completed'" };
	if (type !== undefined) return { index: "tasks_type", where: "type = ?2" };
	if (agent !== undefined) return { index: "tasks_agent", where: "agent = ?3" };
	return undefined;
}

const one = <T>(row: unknown): T | undefined =>
	row === undefined ? undefined : (JSON.parse((row as { record: string }).record) as T);
