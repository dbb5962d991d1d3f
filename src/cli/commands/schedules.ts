/** `muster schedules`: what starts by itself at times. */
import { MusterError } from "../../errors.ts";
import type { ScheduleView } from "../../orchestrator/schedule-view.ts";
import { openConnection, openReader } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([action = "list", id]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	return action === "delete" ? remove(terminal, id, options) : list(terminal, options);
}

async function list(terminal: Terminal, options: GlobalOptions): Promise<number> {
	const reader = await openReader(options);
	try {
		const items = await reader.schedules();
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("There are no schedules.");
		else {
			const head = ["ID", "CRON", "TIME ZONE", "STARTS", "NEXT", "LAST", "FIRED", "SKIPPED", "REMARK"];
			terminal.table(head, items.map(rowOf));
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

const rowOf = (schedule: ScheduleView): string[] => [
	...[schedule.id, schedule.cron, schedule.timezone, schedule.task ?? `workflow ${schedule.workflow}`],
	...[schedule.nextAt ?? "never", schedule.last?.dueAt ?? "", String(schedule.fired), String(schedule.skipped)],
	remarkOf(schedule),
];

function remarkOf({ paused, lastSkip }: ScheduleView): string {
	if (paused !== undefined) return `${paused} is paused`;
	if (lastSkip === undefined) return "";
	return `skipped ${lastSkip.at}: ${lastSkip.reason}${lastSkip.detail === undefined ? "" : `, ${lastSkip.detail}`}`;
}

async function remove(terminal: Terminal, id: string | undefined, options: GlobalOptions): Promise<number> {
	if (id === undefined) throw new MusterError("E_USAGE", "name the schedule: muster schedules delete ID");
	const connection = await openConnection(options, { work: false, create: false });
	try {
		await connection.unschedule(id);
		if (options.json) terminal.json({ id, deleted: true });
		else terminal.print(`${id} deleted`);
		return 0;
	} finally {
		await connection.close();
	}
}
