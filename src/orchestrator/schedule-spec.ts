/** What a caller gives to have a task at times, and the schedule that is made of it: its shape, its checks, its task. */
import { z } from "zod";
import { MusterError } from "../errors.ts";
import { explain } from "../schema.ts";
import type { AnySkill } from "../skill/skill.ts";
import { cronProblem, nextFire } from "../task/cron.ts";
import { overlapKey } from "../task/own-keys.ts";
import type { CatchUp, NewSchedule, Overlap } from "../task/schedule.ts";
import { checkInputSize, type TaskSpec, toTask } from "../task/spec.ts";
import type { NewTask } from "../task/task.ts";
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

export interface SpecParts {
	now: number;
	/** For one without an id of its own. */
	newId(): string;
	skill(type: string): AnySkill | undefined;
}

/** @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export function toSchedule(spec: ScheduleSpec, { now, newId, skill }: SpecParts): NewSchedule {
	const parsed = shape.safeParse(spec);
	if (!parsed.success) {
		throw new MusterError("E_INPUT_INVALID", `the schedule is not right: ${explain(parsed.error)}`, {
			hint: "A schedule has: cron, timezone, task, id, overlap, missed, note.",
		});
	}
	const { cron, timezone, id = newId(), overlap, missed, note } = parsed.data;
	checkTimezone(timezone);
	const problem = cronProblem(cron, timezone);
	if (problem !== undefined) {
		throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(cron)} is no cron expression: ${problem}`, {
			hint: 'For example "0 7 * * 1-5" is 7 o\'clock from Monday to Friday.',
		});
	}
	return {
		...{ id, cron, timezone, overlap, catchUp: missed, nextAt: nextFire(cron, timezone, now) },
		target: { task: taskOf(spec.task, { overlap, id, now, skill }) },
		...(note !== undefined && { note }),
	};
}

function checkTimezone(timezone: string): void {
	try {
		new Intl.DateTimeFormat("en", { timeZone: timezone });
	} catch {
		throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(timezone)} is no time zone`, {
			hint: "Write an IANA name, for example Europe/Berlin.",
		});
	}
}

function taskOf(
	spec: TaskSpec,
	{ overlap, id, now, skill }: { overlap: Overlap; id: string } & Omit<SpecParts, "newId">,
): Omit<NewTask, "id" | "submittedAt"> {
	const wrong = notOfOne.find((name) => spec[name] !== undefined);
	if (wrong !== undefined) {
		throw new MusterError("E_INPUT_INVALID", `the task of a schedule has no ${wrong}: it is submitted at each fire`);
	}
	const { id: _, submittedAt: __, ...task } = toTask(spec, id, now, "the task: ");
	checkInputSize(task.input, "the task: ");
	checkSkillInput(skill(task.type), task, "the task: ");
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
	return { ...task, concurrency: { key: overlapKey(id), limit: 1, policy } };
}
