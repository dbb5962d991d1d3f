/** The views as the projector thread writes them: what a slice of the journal led to, and its position, at once. */
import type { DatabaseSync } from "node:sqlite";
import type { Task } from "../task/task.ts";
import type { Run } from "../workflow/run.ts";
import { agentOf } from "./listing.ts";
import type { Anchor } from "./sqlite-file.ts";
import { openViews, readPosition } from "./views.ts";

export class ViewsWriter {
	readonly #db: DatabaseSync;
	readonly #putTask;
	readonly #putRedriven;
	readonly #putRun;
	readonly #putPosition;

	constructor(path: string) {
		const db = openViews(path);
		this.#db = db;
		this.#putTask = db.prepare(`INSERT OR REPLACE INTO tasks
			(at, id, state, type, agent, run, grp, ended_at, key, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
		this.#putRedriven = db.prepare("UPDATE tasks SET redriven = ? WHERE id = ?");
		this.#putRun = db.prepare(
			"INSERT OR REPLACE INTO runs (at, id, state, workflow, ended_at, record) VALUES (?, ?, ?, ?, ?, ?)",
		);
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

	putTask(task: Task): void {
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
			JSON.stringify(task),
		);
	}

	/** @param as the task it was submitted again as; "" when it was put away */
	putRedriven(id: string, as: string): void {
		this.#putRedriven.run(as, id);
	}

	putRun(run: Run): void {
		const { createdAt, id, state, workflow, endedAt = 0 } = run;
		this.#putRun.run(createdAt, id, state, workflow, endedAt, JSON.stringify(run));
	}

	close(): void {
		this.#db.close();
	}
}
