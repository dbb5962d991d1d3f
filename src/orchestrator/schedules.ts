/**
 * Schedules: what starts tasks and runs at times. A fire and what it starts are one transaction, in which the time of the next
 * fire is stored too, so nothing fires twice and nothing that fired is lost. What is due fires in turns: so much at a time
 * that others get theirs, and the journal keeps up.
 *
 * Missed is a fire whose time passed while no process ran, while its scope was paused, or more than {@link LATE_MS} ago.
 */
import { MusterError, toErrorData } from "../errors.ts";
import { canonicalJson, type Json } from "../json.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit } from "../scheduler/ledger.ts";
import type { AnySkill } from "../skill/skill.ts";
import { firesUpTo, MAX_FIRES, nextFire } from "../task/cron.ts";
import type { NewSchedule, Schedule } from "../task/schedule.ts";
import { type FireParts, ScheduleFires } from "./schedule-fires.ts";
import { type ScheduleSpec, toSchedule } from "./schedule-spec.ts";
import { pausedScope, type ScheduleView, scheduleViews } from "./schedule-view.ts";

export interface SchedulesParts extends FireParts {
	skill(type: string): AnySkill | undefined;
}

const MAX_SCHEDULES = 10_000;
/** A fire that is later than this was missed: the machine slept, or its clock jumped. */
const LATE_MS = 60_000;
/** How soon it is tried again on a full disk. */
const FULL_MS = 5_000;
/** Fires that are looked at in one turn of the loop. One schedule may take more, to start only the last. */
const FIRES_A_TURN = 100;

interface Due {
	/** Whether it was missed, however late it is. */
	missed: boolean;
	/** What it has made up for. */
	fired: number;
}

export class Schedules {
	readonly #parts: SchedulesParts;
	readonly #fires: ScheduleFires;
	readonly #alarms: Alarms;
	/** In the order of their turns. */
	readonly #due = new Map<string, Due>();
	#working = false;
	/** Due, and held back by a pause. */
	readonly #held = new Set<string>();
	#stopped = false;

	constructor(parts: SchedulesParts) {
		this.#parts = parts;
		this.#fires = new ScheduleFires(parts);
		this.#alarms = new Alarms(parts.clock, (_, id) => this.#isDue(id, false));
	}

	/** After a start: what is due was missed. */
	recover(): void {
		for (const id of this.#parts.ledger.state.schedules.keys()) this.#isDue(id, true);
	}

	/** A pause ended: what it held back was missed. */
	resumed(): void {
		const held = [...this.#held];
		this.#held.clear();
		for (const id of held) this.#isDue(id, true);
	}

	stop(): void {
		this.#stopped = true;
		this.#alarms.stop();
	}

	/** Resolves with its id when it is durable. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_QUEUE_FULL */
	async set(spec: ScheduleSpec): Promise<string> {
		const { ledger, clock, newId, skill } = this.#parts;
		const now = clock.now();
		const schedule = toSchedule(spec, { now, newId: () => newId("sch"), skill });
		const { id } = schedule;
		const before = ledger.state.schedules.get(id);
		if (before !== undefined && contentOf(before) === contentOf(schedule)) {
			await ledger.settled();
			return id;
		}
		if (before === undefined) this.checkRoom(1);
		const stored = ledger.transact((emit) => emit({ type: "schedule.created", at: now, schedule }));
		this.arm(id);
		await stored;
		return id;
	}

	/** Resolves when it is durable; what it started goes on. @throws E_SCHEDULE_UNKNOWN, E_CONFLICT for one of a workflow */
	async delete(id: string): Promise<void> {
		const { ledger, clock } = this.#parts;
		const schedule = ledger.state.schedules.get(id);
		if (schedule === undefined) {
			throw new MusterError("E_SCHEDULE_UNKNOWN", `there is no schedule ${id}`, {
				hint: "List them with: muster schedules",
			});
		}
		if ("trigger" in schedule.target) {
			throw new MusterError("E_CONFLICT", `${id} belongs to the enabled workflow "${schedule.target.trigger}"`, {
				hint: `Disable that: muster workflows disable ${schedule.target.trigger}`,
			});
		}
		this.#alarms.delete("due", id);
		await ledger.transact((emit) => emit({ type: "schedule.deleted", at: clock.now(), id }));
	}

	/** In the order of their next fires. */
	list(): ScheduleView[] {
		return scheduleViews(this.#parts.ledger.state);
	}

	/** @throws E_QUEUE_FULL */
	checkRoom(more: number): void {
		if (this.#parts.ledger.state.schedules.size + more <= MAX_SCHEDULES) return;
		throw new MusterError("E_QUEUE_FULL", `there may be ${MAX_SCHEDULES} schedules`, { hint: "Delete some of them." });
	}

	/** Takes the alarm of what the state holds now. */
	arm(id: string): void {
		const nextAt = this.#parts.ledger.state.schedules.get(id)?.nextAt;
		if (this.#stopped || nextAt === undefined) this.#alarms.delete("due", id);
		else this.#alarms.setAt("due", id, nextAt);
	}

	#isDue(id: string, missed: boolean): void {
		if (!this.#due.has(id)) this.#due.set(id, { missed, fired: 0 });
		if (this.#working) return;
		const { log } = this.#parts;
		this.#work().catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
	}

	async #work(): Promise<void> {
		this.#working = true;
		try {
			while (this.#due.size > 0 && !this.#stopped) {
				await new Promise<void>((resolve) => setImmediate(resolve));
				await this.#turn();
			}
		} finally {
			this.#working = false;
		}
	}

	/** Resolves when what fired is durable. */
	#turn(): Promise<void> {
		let left = FIRES_A_TURN;
		for (const [id, due] of this.#due) {
			if (left <= 0) break;
			this.#due.delete(id);
			left -= this.#look(id, due, left);
		}
		return this.#parts.ledger.settled();
	}

	/** What is due of one schedule: at once, or its next part. Returns how many fires were looked at. */
	#look(id: string, due: Due, most: number): number {
		const { ledger, clock } = this.#parts;
		const schedule = ledger.state.schedules.get(id);
		if (this.#stopped || schedule?.nextAt === undefined) return 1;
		const now = clock.now();
		if (schedule.nextAt > now) this.arm(id);
		else if (pausedScope(schedule, ledger.state) !== undefined) this.#held.add(id);
		else if (ledger.journal.full) this.#alarms.setAt("due", id, now + FULL_MS);
		// Of several at once each would cancel the one before.
		else if (schedule.catchUp === "all" && schedule.overlap !== "cancel-previous") {
			return this.#fireAll(schedule, due, now, most);
		} else return this.#fireLast(schedule, due, now);
		return 1;
	}

	/** A part of all that was missed, the oldest first: with each is stored which follows, so it goes on there after a crash. */
	#fireAll(schedule: Schedule, due: Due, now: number, most: number): number {
		const { id, cron, timezone } = schedule;
		let fired = 0;
		void this.#parts.ledger.transact((emit) => {
			for (let at = schedule.nextAt; at !== undefined && at <= now && fired < most; fired++) {
				if (due.fired + fired === MAX_FIRES) {
					const detail = { count: 1, detail: "at least 1" };
					this.#fires.skip(emit, schedule, "missed", nextFire(cron, timezone, now), detail);
					return;
				}
				const after = nextFire(cron, timezone, at);
				this.#fires.fire(emit, schedule, at, after);
				at = after;
			}
		});
		if (fired === most) this.#due.set(id, { ...due, fired: due.fired + fired });
		else this.arm(id);
		return Math.max(1, fired);
	}

	#fireLast(schedule: Schedule, { missed }: Due, now: number): number {
		const { cron, timezone, catchUp, nextAt: from } = schedule;
		const { times, last, complete, nextAt } = firesUpTo(cron, timezone, from as number, now);
		const isLate = missed || now - last > LATE_MS;
		const fires = catchUp === "skip" && isLate ? [] : [last];
		const passed = complete ? times.length - fires.length : MAX_FIRES;
		void this.#parts.ledger.transact((emit) => {
			if (passed > 0) {
				const detail = complete ? {} : { detail: `at least ${passed}` };
				this.#fires.skip(emit, schedule, "missed", fires[0] ?? nextAt, { count: passed, ...detail });
			}
			for (const dueAt of fires) this.#fires.fire(emit, schedule, dueAt, nextAt);
		});
		this.arm(schedule.id);
		return times.length;
	}

	/** Inside the transaction that enables a workflow: its schedules in place of those of the enabling before. */
	replaceOf(emit: Emit, name: string, schedules: readonly NewSchedule[]): void {
		const at = this.#parts.clock.now();
		for (const id of this.ofWorkflow(name)) {
			if (!schedules.some((schedule) => schedule.id === id)) emit({ type: "schedule.deleted", at, id });
		}
		for (const schedule of schedules) emit({ type: "schedule.created", at, schedule });
	}

	ofWorkflow(name: string): string[] {
		const { schedules } = this.#parts.ledger.state;
		return [...schedules.values()].flatMap(({ id, target }) =>
			"trigger" in target && target.trigger === name ? [id] : [],
		);
	}
}

/** Without what time does to it. */
const contentOf = ({ cron, timezone, overlap, catchUp, target, note = null }: NewSchedule): string =>
	canonicalJson({ cron, timezone, overlap, catchUp, target, note } as unknown as Json);
