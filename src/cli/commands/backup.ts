/** `muster backup`: a verified copy of the data folder as it is at one moment, also while a server works on it. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { systemClock } from "../../clock.ts";
import { MusterError } from "../../errors.ts";
import { makeBackup } from "../../journal/backup.ts";
import { journalPaths } from "../../journal/recovery.ts";
import { dataFolder } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([to = ""]: string[], options: GlobalOptions & { withToken?: boolean }): Promise<number> {
	const terminal = new Terminal(options);
	const folder = dataFolder(options);
	if (!existsSync(journalPaths(folder).journal)) {
		throw new MusterError("E_DATA_FOLDER", `there is no data in ${folder}`, {
			hint: "Give the data folder with --data.",
		});
	}
	const target = resolve(to);
	const madeAt = new Date(systemClock.now()).toISOString();
	const { verified, ...manifest } = await makeBackup(folder, target, { madeAt, withToken: options.withToken === true });
	const { totals } = verified;
	if (options.json) terminal.json({ folder: target, ...manifest, totals });
	else terminal.print(`${target}: everything up to event ${manifest.lastEvent}, verified; ${totals.submitted} tasks`);
	if (!options.withToken) terminal.hint("It has no token: the first server of a folder made of it makes a new one.");
	terminal.hint(`Make a data folder of it: muster restore ${to} --data NEW`);
	return 0;
}
