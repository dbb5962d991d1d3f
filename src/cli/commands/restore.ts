/** `muster restore`: a data folder made of a backup, where none was. */
import { resolve } from "node:path";
import { systemClock } from "../../clock.ts";
import { restoreBackup } from "../../journal/restore.ts";
import { dataFolder } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([from = ""]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const folder = dataFolder(options);
	const { verified, epoch, lastEvent, madeAt } = await restoreBackup(resolve(from), folder, systemClock);
	const { totals } = verified;
	const { running, ready, blocked, scheduled, waiting } = totals.tasks;
	if (options.json) terminal.json({ folder, madeAt, lastEvent, epoch, totals });
	else {
		const live = running + ready + blocked + scheduled + waiting;
		terminal.print(`${folder}: as it was at ${madeAt}, ${totals.submitted} tasks, ${live} of them not over`);
	}
	terminal.hint("What ran then is offered again; do not let the original go on beside it. Start with", "up");
	return 0;
}
