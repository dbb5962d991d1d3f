/** A schedule: when it fires and what it starts. Pure data; `nextAt` is folded from its events, so nothing fires twice. */
import type { Json } from "../json.ts";
import type { NewTask } from "./task.ts";

/** When what the fire before started is not over. `queue`: this one starts after it. */
export type Overlap = "skip" | "queue" | "cancel-previous" | "allow";
/** What becomes of fires whose time passed while nothing ran (or while the schedule was paused). */
export type CatchUp = "skip" | "last" | "all";

export type ScheduleTarget =
	/** A task without its id and time; each fire submits one. */
	| { task: Omit<NewTask, "id" | "submittedAt"> }
	/** A run of an enabled workflow: its trigger by id and the place in the definition's `triggers`. */
	| { trigger: string; place: number };

export interface Schedule {
	id: string;
	/** Five or six fields, as the library reads them. */
	cron: string;
	/** IANA name. */
	timezone: string;
	overlap: Overlap;
	catchUp: CatchUp;
	target: ScheduleTarget;
	createdAt: number;
	/** The next fire, wall clock; undefined when there is none any more. */
	nextAt: number | undefined;
	/** What it started last, and when that was due. */
	last?: { dueAt: number; as: string };
	/** Fires since it was created, and fires that started nothing. */
	fired: number;
	skipped: number;
	/** Why the last skipped ones were. */
	lastSkip?: { at: number; reason: string; detail?: string };
	/** Free text for people. */
	note?: Json;
}

export type NewSchedule = Omit<Schedule, "createdAt" | "last" | "fired" | "skipped" | "lastSkip">;
