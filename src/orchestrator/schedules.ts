/**
 * Schedules: what starts tasks and runs at times. A fire and what it starts are one transaction, in which the time of the next
 * fire is stored too, so nothing fires twice and nothing that fired is lost.
 *
 * Missed is a fire whose time passed while no process ran, while its scope was paused, or more than {@link LATE_MS} ago.
 */
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { hasCode, MusterError, toErrorData } from "../errors.ts";
import { canonicalJson, type Json } from "../json.ts";
import type { Log } from "../log.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import { explain } from "../schema.ts";
import type { AnySkill } from "../skill/skill.ts";
import { cronProblem, firesUpTo, MAX_FIRES, nextFire } from "../task/cron.ts";
import type { CatchUp, NewSchedule, Overlap, Schedule, ScheduleTarget } from "../task/schedule.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import { isTerminal, type NewTask } from "../task/task.ts";
import { promote } from "../workflow/embedded.ts";
import { checkInputs } from "../workflow/inputs.ts";
import type { NewRun, Run } from "../workflow/run.ts";
import { inputsOf } from "../workflow/trigger-runs.ts";
import type { Canceller } from "./canceller.ts";
import type { Runs } from "./runs.ts";
import { checkSkillInput } from "./skill-input.ts";

export interface ScheduleSpec {
	/** Five or six fields, for example "0 7 * * 1-5"; the sixth, in front, are seconds. */
	cron: string;
	/** IANA name, for example Europe/Berlin. Default UTC. */
	timezone?: string;
	/** What each fire submits. Without times, dependencies and keys of its own submit. */
	task: TaskSpec;
	/** A name of its own: the same again changes nothing, with another content takes the place of the one before. */
	id?: string;
	/** When the task of the fire before is not over. Default skip. */
	overlap?: Overlap;
	/** What becomes of fires whose time passed while nothing ran. Default last. */
	missed?: CatchUp;
	/** Free text for people, at most 500 characters. */
	note?: string;
}

export interface ScheduleView {
	id: string;
	cron: string;
	timezone: string;
	overlap: Overlap;
	missed: CatchUp;
	/** Type of the task that it submits, or name of the workflow that it starts. */
	task?: string;
	workflow?: string;
	note?: Json;
	createdAt: string;
	/** Absent: it fires no more. */
	nextAt?: string;
	last?: { dueAt: string; as: string; over: boolean };
	fired: number;
	skipped: number;
	lastSkip?: { at: string; reason: string; detail?: string };
	/** The paused scope that holds it back. */
	paused?: string;
}

export interface SchedulesParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	runs: Runs;
	canceller: Canceller;
	skill(type: string): AnySkill | undefined;
	maxTasks: number;
}

const MAX_SCHEDULES = 10_000;
/** Most fires of one schedule that wait for the one before. */
const MAX_QUEUED = 100;
/** A fire that is later than this was missed: the machine slept, or its clock jumped. */
const LATE_MS = 60_000;
/** How soon it is tried again on a full disk. */
const FULL_MS = 5_000;

const shape = z.strictObject({
	cron: z.string().max(200),
	timezone: z.string().min(1).max(64).default("UTC"),
	task: z.looseObject({ type: z.string() }),
	id: z
		.string()
		.max(64)
		.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "use letters, digits, dots, dashes and underscores")
		.optional(),
	overlap: z.enum(["skip", "queue", "cancel-previous", "allow"]).default("skip"),
	missed: z.enum(["skip", "last", "all"]).default("last"),
	note: z.string().max(500).optional(),
});

/** What makes no sense for a task that is submitted again and again. */
const notOfOne = ["runAt", "delay", "deadline", "dependsOn", "idempotencyKey", "coalesce"] as const;

export class Schedules {
	readonly #parts: SchedulesParts;
	readonly #alarms: Alarms;
	/** Due, and held back by a pause. */
	readonly #held = new Set<string>();
	#stopped = false;

	constructor(parts: SchedulesParts) {
		this.#parts = parts;
		this.#alarms = new Alarms(parts.clock, (_, id) => this.#ring(id, false));
	}

	/** After a start: what is due was missed. */
	recover(): void {
		for (const id of [...this.#parts.ledger.state.schedules.keys()]) this.#ring(id, true);
	}

	/** A pause ended: what it held back was missed. */
	resumed(): void {
		const held = [...this.#held];
		this.#held.clear();
		for (const id of held) this.#ring(id, true);
	}

	stop(): void {
		this.#stopped = true;
		this.#alarms.stop();
	}

	/** Resolves with its id when it is durable. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_QUEUE_FULL */
	async set(spec: ScheduleSpec): Promise<string> {
		const { ledger, clock, newId } = this.#parts;
		const parsed = shape.safeParse(spec);
		if (!parsed.success) {
			throw new MusterError("E_INPUT_INVALID", `the schedule is not right: ${explain(parsed.error)}`, {
				hint: "A schedule has: cron, timezone, task, id, overlap, missed, note.",
			});
		}
		const { cron, timezone, id = newId("sch"), overlap, missed, note } = parsed.data;
		checkTimezone(timezone);
		const problem = cronProblem(cron, timezone);
		if (problem !== undefined) {
			throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(cron)} is no cron expression: ${problem}`, {
				hint: 'For example "0 7 * * 1-5" is 7 o\'clock from Monday to Friday.',
			});
		}
		const now = clock.now();
		const schedule: NewSchedule = {
			...{ id, cron, timezone, overlap, catchUp: missed, nextAt: nextFire(cron, timezone, now) },
			target: { task: this.#taskOf(spec.task, overlap, id, now) },
			...(note !== undefined && { note }),
		};
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

	#taskOf(spec: TaskSpec, overlap: Overlap, id: string, now: number): Omit<NewTask, "id" | "submittedAt"> {
		const wrong = notOfOne.find((name) => spec[name] !== undefined);
		if (wrong !== undefined) {
			throw new MusterError("E_INPUT_INVALID", `the task of a schedule has no ${wrong}: it is submitted at each fire`);
		}
		const { id: _, submittedAt: __, ...task } = toTask(spec, id, now, "the task: ");
		checkInputSize(task.input, "the task: ");
		checkSkillInput(this.#parts.skill(task.type), task, "the task: ");
		if (overlap === "skip" || overlap === "allow") return task;
		if (task.concurrency !== undefined) {
			throw new MusterError(
				"E_INPUT_INVALID",
				`overlap "${overlap}" is a concurrency key, and the task has one already`,
				{
					hint: 'Leave one of them out; with a key of its own "allow" fits.',
				},
			);
		}
		const policy = overlap === "queue" ? "queue" : "cancel-previous";
		return { ...task, concurrency: { key: keyOf(id), limit: 1, policy } };
	}

	/** @param missed whether what is due was missed, however late it is */
	#ring(id: string, missed: boolean): void {
		const { ledger, clock, log } = this.#parts;
		const schedule = ledger.state.schedules.get(id);
		if (this.#stopped || schedule?.nextAt === undefined) return;
		const now = clock.now();
		if (schedule.nextAt > now) {
			this.arm(id);
			return;
		}
		if (pausedScope(schedule, ledger.state) !== undefined) {
			this.#held.add(id);
			return;
		}
		if (ledger.journal.full) {
			this.#alarms.setAt("due", id, now + FULL_MS);
			return;
		}
		const plan = planOf(schedule, now, missed);
		const stored = ledger.transact((emit) => {
			const { passed, lost, fires, nextAt } = plan;
			if (passed > 0) {
				const detail = lost ? { detail: `at least ${passed}` } : {};
				this.#skip(emit, schedule, "missed", fires[0] ?? nextAt, { count: passed, ...detail });
			}
			for (const [i, dueAt] of fires.entries()) this.#fire(emit, schedule, dueAt, fires[i + 1] ?? nextAt);
		});
		stored.catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
		this.arm(id);
	}

	#fire(emit: Emit, schedule: Schedule, dueAt: number, nextAt: number | undefined): void {
		const { ledger, clock, maxTasks } = this.#parts;
		const { overlap, target } = schedule;
		const before = this.#liveOf(schedule);
		const skip = (reason: "overlap" | "refused", detail: string): void =>
			this.#skip(emit, schedule, reason, nextAt, { detail });
		if (before !== undefined && overlap === "skip") {
			skip("overlap", `${before} is not over`);
			return;
		}
		if (overlap === "queue" && this.#queued(schedule) > MAX_QUEUED) {
			skip("overlap", `${MAX_QUEUED} fires wait for ${before ?? "the one before"}`);
			return;
		}
		if (ledger.held >= maxTasks) {
			skip("refused", `the queue holds ${ledger.held} of at most ${maxTasks} tasks`);
			return;
		}
		let as: string;
		try {
			as =
				"task" in target ? this.#startTask(emit, target.task) : this.#startRun(emit, schedule, target, dueAt, before);
		} catch (error) {
			if (!hasCode(error) || error.code === "E_INTERNAL") throw error;
			skip("refused", `${error.code}: ${error.message}`.slice(0, 500));
			return;
		}
		emit({ type: "schedule.fired", at: clock.now(), id: schedule.id, dueAt, as, ...next(nextAt) });
	}

	#skip(
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
		const { ledger, clock, newId } = this.#parts;
		const { concurrency } = task;
		if (concurrency?.policy === "reject") {
			const live = ledger.state.keyed.get(concurrency.key)?.size ?? 0;
			if (live >= concurrency.limit) throw new MusterError("E_CONFLICT", `${live} task(s) have its concurrency key`);
		}
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
		before: string | undefined,
	): string {
		const { ledger, clock, newId, runs, canceller } = this.#parts;
		const { state } = ledger;
		const trigger = state.triggers.get(name);
		const definition = trigger && state.definitions.get(trigger.hash);
		const given = definition?.triggers?.[place];
		if (trigger === undefined || definition === undefined || given === undefined) {
			throw new MusterError("E_WORKFLOW_UNKNOWN", `the workflow "${name}" is not enabled with this trigger`);
		}
		const group = overlap === "queue" || overlap === "cancel-previous" ? { key: keyOf(schedule), limit: 1 } : undefined;
		const run: NewRun = {
			...{ id: newId("run"), workflow: definition.name, hash: trigger.hash },
			inputs: checkInputs(definition, inputsOf(trigger, given, { trigger: { dueAt } })),
			...(trigger.uses && { uses: trigger.uses }),
			...(group && { group }),
			trigger: { kind: "cron", id: schedule, dueAt },
		};
		runs.beginWith(emit, run, definition);
		if (group === undefined) return run.id;
		// With a group it waits for its place in it: at once when that is free, else when the runs before it are over.
		for (const begun of promote(state, group.key, clock.now(), emit)) runs.advance(begun, emit);
		const old = before === undefined ? undefined : state.runs.get(before);
		if (overlap === "cancel-previous" && old !== undefined) {
			canceller.cancelRunLater(old, toErrorData(new MusterError("E_CANCELLED", `superseded by the run ${run.id}`)));
		}
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

	#queued({ id }: Schedule): number {
		const { keyed, groups } = this.#parts.ledger.state;
		return (keyed.get(keyOf(id))?.size ?? 0) + (groups.get(keyOf(id))?.size ?? 0);
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

/** Of the tasks or runs of a schedule that go one after the other. */
const keyOf = (id: string): string => `schedule:${id}`;

const next = (nextAt: number | undefined): { nextAt?: number } => (nextAt === undefined ? {} : { nextAt });

interface FirePlan {
	/** Fires that are missed and start nothing, and whether there are more than were counted. */
	passed: number;
	lost: boolean;
	fires: number[];
	nextAt: number | undefined;
}

function planOf({ cron, timezone, catchUp, overlap, nextAt: from }: Schedule, now: number, missed: boolean): FirePlan {
	const { times, last, complete, nextAt } = firesUpTo(cron, timezone, from as number, now);
	const known = { lost: !complete, nextAt };
	// Of several at once each would cancel the one before.
	if (catchUp === "all" && overlap !== "cancel-previous") return { ...known, fires: times, passed: complete ? 0 : 1 };
	const isLate = missed || now - last > LATE_MS;
	const fires = catchUp === "skip" && isLate ? [] : [last];
	return { ...known, fires, passed: complete ? times.length - fires.length : MAX_FIRES };
}

/** Without what time does to it. */
const contentOf = ({ cron, timezone, overlap, catchUp, target, note = null }: NewSchedule): string =>
	canonicalJson({ cron, timezone, overlap, catchUp, target, note } as unknown as Json);

function checkTimezone(timezone: string): void {
	try {
		new Intl.DateTimeFormat("en", { timeZone: timezone });
	} catch {
		throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(timezone)} is no time zone`, {
			hint: "Write an IANA name, for example Europe/Berlin.",
		});
	}
}

type Looked = Pick<Ledger["state"], "tasks" | "paused"> & { runs: ReadonlyMap<string, Run> };

function isOver(id: string, { tasks, runs }: Looked): boolean {
	const task = tasks.get(id);
	return (task === undefined || isTerminal(task.state)) && !runs.has(id);
}

/** The paused scope that holds its fires back. */
function pausedScope({ target }: Schedule, { paused }: Looked): string | undefined {
	if (paused.size === 0) return undefined;
	const own = "task" in target ? `type:${target.task.type}` : `workflow:${target.trigger}`;
	return ["all", own].find((scope) => paused.has(scope));
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** In the order of their next fires. */
export function scheduleViews(state: Looked & { schedules: ReadonlyMap<string, Schedule> }): ScheduleView[] {
	const time = ({ nextAt = Number.MAX_VALUE }: Schedule): number => nextAt;
	const schedules = [...state.schedules.values()].sort((a, b) => time(a) - time(b) || (a.id < b.id ? -1 : 1));
	return schedules.map((schedule) => scheduleView(schedule, state));
}

function scheduleView(schedule: Schedule, state: Looked): ScheduleView {
	const { id, cron, timezone, overlap, catchUp, target, createdAt, nextAt, last, lastSkip, note } = schedule;
	const paused = pausedScope(schedule, state);
	return {
		...{ id, cron, timezone, overlap, missed: catchUp },
		...("task" in target ? { task: target.task.type } : { workflow: target.trigger }),
		...(note !== undefined && { note }),
		createdAt: iso(createdAt),
		...(nextAt !== undefined && { nextAt: iso(nextAt) }),
		...(last && { last: { dueAt: iso(last.dueAt), as: last.as, over: isOver(last.as, state) } }),
		...{ fired: schedule.fired, skipped: schedule.skipped },
		...(lastSkip && { lastSkip: { ...lastSkip, at: iso(lastSkip.at) } }),
		...(paused !== undefined && { paused }),
	};
}
