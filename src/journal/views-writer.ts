/** The views as the projector thread writes them: what a slice of the journal led to, and its position, at once. */
import type { DatabaseSync } from "node:sqlite";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { ActivityWriter, type Tally } from "./activity.ts";
import { agentOf } from "./listing.ts";
import { type Deleted, KEEP_ALL, Retention, type RetentionOptions } from "./retention.ts";
import type { Anchor } from "./sqlite-file.ts";
import type { Trail } from "./trails.ts";
import { openViews, readPosition } from "./views.ts";

export class ViewsWriter {
	readonly #db: DatabaseSync;
	readonly #putTask;
	readonly #putRedriven;
	readonly #putRun;
	readonly #putPosition;
	readonly #putDeleted;
	readonly #trail;
	readonly #activity;
	readonly #retention;

	constructor(path: string, retention: RetentionOptions = KEEP_ALL) {
		const db = openViews(path);
		this.#db = db;
		this.#putTask = db.prepare(`INSERT OR REPLACE INTO tasks
			(at, id, state, type, agent, run, grp, ended_at, key, trail, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
		this.#putRedriven = db.prepare("UPDATE tasks SET redriven = ?1, trail = trail || ?2 WHERE id = ?3");
		this.#putRun = db.prepare(
			"INSERT OR REPLACE INTO runs (at, id, state, workflow, ended_at, trail, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
		);
		this.#trail = db.prepare("SELECT trail FROM tasks WHERE id = ?1 UNION ALL SELECT trail FROM runs WHERE id = ?1");
		this.#activity = new ActivityWriter(db);
		this.#retention = new Retention(db, retention);
		this.#putDeleted = db.prepare(`INSERT INTO deleted VALUES (1, ?, ?)
			ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, runs = runs + excluded.runs`);
		this.#putPosition = db.prepare("INSERT OR REPLACE INTO position (one, seq, last_event, hash) VALUES (1, ?, ?, ?)");
	}

	position(): Anchor | undefined {
		return readPosition(this.#db);
	}

	/** Everything `run` puts becomes visible at once, with the position it belongs to. */
	transaction(run: () => Anchor): Anchor {
		this.#db.exec("BEGIN");
		try {
			const anchor = run();
			this.#putPosition.run(anchor.seq, anchor.lastEvent, anchor.hash);
			this.#db.exec("COMMIT");
			return anchor;
		} catch (error) {
			this.#db.exec("ROLLBACK");
			throw error;
		}
	}

	putTask(task: Task, trail: Trail): void {
		this.#putTask.run(
			task.submittedAt,
			task.id,
			task.state,
			task.type,
			agentOf(task) ?? null,
			task.run?.id ?? null,
			task.group ?? null,
			task.endedAt ?? 0,
			task.idempotencyKey ?? null,
			trail.join(),
			JSON.stringify(task),
		);
	}

	/** @param as the task it was submitted again as; "" when it was put away */
	putRedriven(id: string, as: string, seq: number): void {
		this.#putRedriven.run(as, `,${seq}`, id);
	}

	putRun(run: Run, trail: Trail): void {
		const { createdAt, id, state, workflow, endedAt = 0 } = run;
		this.#putRun.run(createdAt, id, state, workflow, endedAt, trail.join(), JSON.stringify(run));
	}

	putActivity(tally: Tally): void {
		this.#activity.put(tally);
	}

	/** One step of retention; see {@link Retention.step}. */
	forget(nowMs: number, put: number, isLive: (run: string) => boolean): Deleted {
		const deleted = this.#retention.step(nowMs, put, isLive);
		if (deleted.tasks + deleted.runs > 0) this.#putDeleted.run(deleted.tasks, deleted.runs);
		return deleted;
	}

	/** The batches that tell of something that is over. */
	trail(id: string): Trail | undefined {
		const row = this.#trail.get(id) as { trail: string | null } | undefined;
		return row && (row.trail ?? "0").split(",").map(Number);
	}

	close(): void {
		this.#db.close();
	}
}
