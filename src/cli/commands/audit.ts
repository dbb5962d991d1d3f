/** `muster audit`: who changed what over HTTP, from the data folder itself. */
import type { AuditLine } from "../../access/audit-chain.ts";
import { lastLines } from "../../access/audit-files.ts";
import { checkExists, dataFolder } from "../connection.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

interface AuditOptions extends GlobalOptions {
	limit: number;
}

const HEAD = ["AT", "TOKEN", "ROLE", "CHANGE", "SUBJECT", "STATUS", "FROM"];

export async function run(_: string[], options: AuditOptions): Promise<number> {
	const terminal = new Terminal(options);
	const folder = dataFolder(options);
	checkExists(folder);
	const items = lastLines(folder, options.limit);
	if (options.json) terminal.json({ items });
	else if (items.length === 0) terminal.say("Nothing was changed over HTTP yet.");
	else {
		terminal.table(HEAD, items.map(rowOf));
		terminal.hint("Check that it is as it was written with", "verify");
	}
	return 0;
}

const rowOf = ({ at, token, role, method, route, subject = "", status, address }: AuditLine): string[] => [
	...[at, token, role, `${method} ${route}`],
	...[plain(subject), String(status), address],
];
