/**
 * One fire of a schedule, inside the transaction that began when it was due: it starts a task or a run, or is skipped, and the
 * journal says why.
 */
import type { Clock } from "../clock.ts";
import { hasCode, MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import { overlapKey } from "../task/own-keys.ts";
import type { Schedule, ScheduleTarget } from "../task/schedule.ts";
import type { NewTask } from "../task/task.ts";
import { checkInputs } from "../workflow/inputs.ts";
import type { NewRun } from "../workflow/run.ts";
import { promote } from "../workflow/run-queue.ts";
import { inputsOf } from "../workflow/trigger-runs.ts";
import type { Admission } from "./admission.ts";
import { pinsOf } from "./pins.ts";
import type { Runs } from "./runs.ts";
import { isOver } from "./schedule-view.ts";

/** Most fires of one schedule that wait for the one before. */
const MAX_QUEUED = 100;

export interface FireParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	runs: Runs;
	admission: Admission;
}

export class ScheduleFires {
	readonly #parts: FireParts;

	constructor(parts: FireParts) {
		this.#parts = parts;
	}

	/** @param nextAt when it fires again */
	fire(emit: Emit, schedule: Schedule, dueAt: number, nextAt: number | undefined): void {
		const { clock, admission } = this.#parts;
		const { overlap, target } = schedule;
		const before = this.#liveOf(schedule);
		const skip = (reason: "overlap" | "refused", detail: string): void =>
			this.skip(emit, schedule, reason, nextAt, { detail });
		if (before !== undefined && overlap === "skip") {
			skip("overlap", `${before} is not over`);
			return;
		}
		if (overlap === "queue" && this.#queued(schedule) > MAX_QUEUED) {
			skip("overlap", `${MAX_QUEUED} fires wait for ${before ?? "the one before"}`);
			return;
		}
		let as: string;
		try {
			admission.checkRoom(1);
			as = "task" in target ? this.#startTask(emit, target.task) : this.#startRun(emit, schedule, target, dueAt);
		} catch (error) {
			if (!hasCode(error) || error.code === "E_INTERNAL") throw error;
			skip("refused", `${error.code}: ${error.message}`.slice(0, 500));
			return;
		}
		emit({ type: "schedule.fired", at: clock.now(), id: schedule.id, dueAt, as, ...next(nextAt) });
	}

	/** These start nothing. */
	skip(
		emit: Emit,
		{ id }: Schedule,
		reason: "overlap" | "missed" | "refused",
		nextAt: number | undefined,
		{ count = 1, detail }: { count?: number; detail?: string },
	): void {
		const { clock, log } = this.#parts;
		const said = detail === undefined ? {} : { detail };
		emit({ type: "schedule.skipped", at: clock.now(), id, count, reason, ...next(nextAt), ...said });
		log.warn("a schedule did not fire", { schedule: id, reason, count, ...said });
	}

	/** @throws E_CONFLICT when its concurrency key is full and says that a submit is rejected then */
	#startTask(emit: Emit, task: Omit<NewTask, "id" | "submittedAt">): string {
		const { clock, newId, admission } = this.#parts;
		admission.checkLimit(task, "");
		const at = clock.now();
		const id = newId("tsk");
		emit({ type: "task.submitted", at, task: { ...task, id, submittedAt: at } });
		return id;
	}

	/** @throws E_INPUT_INVALID, E_EXPRESSION, E_CONFLICT, E_WORKFLOW_UNKNOWN */
	#startRun(
		emit: Emit,
		{ id: schedule, overlap }: Schedule,
		{ trigger: name, place }: Extract<ScheduleTarget, { trigger: string }>,
		dueAt: number,
	): string {
		const { ledger, clock, newId, runs } = this.#parts;
		const { state } = ledger;
		const trigger = state.triggers.get(name);
		const definition = trigger && state.definitions.get(trigger.hash);
		const given = definition?.triggers?.[place];
		if (trigger === undefined || definition === undefined || given === undefined) {
			throw new MusterError("E_WORKFLOW_UNKNOWN", `the workflow "${name}" is not enabled with this trigger`);
		}
		const group: NewRun["group"] =
			overlap === "queue" || overlap === "cancel-previous"
				? { key: overlapKey(schedule), limit: 1, ...(overlap === "cancel-previous" && { policy: overlap }) }
				: undefined;
		const run: NewRun = {
			...{ id: newId("run"), workflow: definition.name, hash: trigger.hash },
			inputs: checkInputs(definition, inputsOf(trigger, given, { trigger: { dueAt } })),
			...pinsOf(trigger),
			...(group && { group }),
			trigger: { kind: "cron", id: schedule, dueAt },
		};
		runs.beginWith(emit, run, definition);
		if (group === undefined) return run.id;
		// With a group it waits for its place in it: at once when that is free, else when the runs before it are over.
		for (const begun of promote(state, group.key, clock.now(), emit)) runs.advance(begun, emit);
		return run.id;
	}

	/** What it started last, when that is not over. */
	#liveOf({ id, last, target }: Schedule): string | undefined {
		const { state } = this.#parts.ledger;
		if (last !== undefined) return isOver(last.as, state) ? undefined : last.as;
		// Enabled anew, perhaps, while a run of the enabling before goes on.
		if (!("trigger" in target)) return undefined;
		return state.runs.values().find(({ trigger }) => trigger?.kind === "cron" && trigger.id === id)?.id;
	}

	#queued({ id, target }: Schedule): number {
		const { keyed, groups } = this.#parts.ledger.state;
		if ("trigger" in target) return groups.get(overlapKey(id))?.size ?? 0;
		return keyed.get(target.task.concurrency?.key ?? "")?.size ?? 0;
	}
}

const next = (nextAt: number | undefined): { nextAt?: number } => (nextAt === undefined ? {} : { nextAt });
