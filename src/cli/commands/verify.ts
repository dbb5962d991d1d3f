/** `muster verify`: everything that is printed, computed again from the journal. Changes nothing; a server may run meanwhile. */
import { existsSync } from "node:fs";
import { type VerifiedAudit, verifyAudit } from "../../access/audit-files.ts";
import { hasCode, MusterError } from "../../errors.ts";
import { journalPaths } from "../../journal/recovery.ts";
import { type Verified, verifyJournal } from "../../journal/verify.ts";
import { dataFolder } from "../connection.ts";
import { EXIT_FAILED } from "../exit-codes.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([folder]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const dataDir = folder ?? dataFolder(options);
	const paths = journalPaths(dataDir);
	if (!existsSync(paths.journal)) {
		throw new MusterError("E_DATA_FOLDER", `there is no ${paths.journal}`, {
			hint: "Give the data folder with --data.",
		});
	}
	try {
		const verified = await verifyJournal(paths);
		const audit = verifyAudit(dataDir);
		if (options.json) terminal.json({ ok: true, ...verified, audit });
		else print(terminal, { ...verified, audit });
		terminal.say("All of it is what the journal tells.");
		return 0;
	} catch (error) {
		if (!hasCode(error)) throw error;
		const { code, message, hint } = error;
		if (options.json) terminal.json({ ok: false, difference: { code, message } });
		else terminal.print(`${terminal.paint("red", "DIFFERENT")}  ${plain(message, true)}`);
		if (hint !== undefined) terminal.hint(hint);
		return EXIT_FAILED;
	}
}

type All = Verified & { audit: VerifiedAudit };

function print(terminal: Terminal, { from, to, batches, snapshots, views, totals, audit }: All): void {
	const line = (name: string, text: string): void => terminal.print(`${terminal.paint("dim", name.padEnd(10))}${text}`);
	const begin = from === 0 ? "the beginning" : `event ${from}, where a snapshot tells what was before`;
	line("journal", `${batches} batches up to event ${to}, each one as it was written; folded from ${begin}`);
	line("snapshots", `${snapshots} whole, each the fold of what was before it`);
	const missing =
		views === "missing" || views.missing === 0 ? "" : `; ${views.missing} were deleted for their age or size`;
	line(
		"views",
		views === "missing" ? "none; the next start makes them" : `${views.compared} finished items compared${missing}`,
	);
	const { tasks, runs, submitted, retried, reoffered, deadLetters } = totals;
	const parts = Object.entries(tasks).filter(([, count]) => count > 0);
	line("tasks", `${submitted} submitted: ${parts.map(([state, count]) => `${count} ${state}`).join(", ") || "none"}`);
	line("", `${retried} retries, ${reoffered} attempts cut off, ${deadLetters} dead letters`);
	line("runs", `${runs.live} live, ${runs.completed} completed, ${runs.failed} failed, ${runs.cancelled} cancelled`);
	const { lines, first, head } = audit;
	const range = first === 1 ? "" : ` from line ${first} on; those before were deleted`;
	line("audit", lines === 0 ? "no changes over HTTP" : `${lines} lines${range}, the last with the hash ${head.hash}`);
}
