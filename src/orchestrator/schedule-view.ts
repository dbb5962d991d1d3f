/** What is told of schedules, and what a fire asks as well: whether the one before is over, and what holds it back. */
import type { Json } from "../json.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { CatchUp, Overlap, Schedule } from "../task/schedule.ts";
import { isTerminal } from "../task/task.ts";
import { timeText } from "../time-text.ts";
import type { Run } from "../workflow/run.ts";

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

type Looked = Pick<Ledger["state"], "tasks" | "paused"> & { runs: ReadonlyMap<string, Run> };

/** Of a task or a run that a schedule started. */
export function isOver(id: string, { tasks, runs }: Looked): boolean {
	const task = tasks.get(id);
	return (task === undefined || isTerminal(task.state)) && !runs.has(id);
}

/** The paused scope that holds its fires back. */
export function pausedScope({ target }: Schedule, { paused }: Looked): string | undefined {
	if (paused.size === 0) return undefined;
	const own = "task" in target ? `type:${target.task.type}` : `workflow:${target.trigger}`;
	return ["all", own].find((scope) => paused.has(scope));
}

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
		createdAt: timeText(createdAt),
		...(nextAt !== undefined && { nextAt: timeText(nextAt) }),
		...(last && { last: { dueAt: timeText(last.dueAt), as: last.as, over: isOver(last.as, state) } }),
		...{ fired: schedule.fired, skipped: schedule.skipped },
		...(lastSkip && { lastSkip: { ...lastSkip, at: timeText(lastSkip.at) } }),
		...(paused !== undefined && { paused }),
	};
}
