/** `muster doctor`: looks at what Muster stands on. Every check says ok, or what to do. */

import type { EnabledView } from "../../orchestrator/triggers.ts";
import { type Check, folderChecks, machineChecks, webhookChecks } from "../checks.ts";
import { dataFolder, openReader } from "../connection.ts";
import { EXIT_FAILED } from "../exit-codes.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { listHere } from "../workflows-here.ts";

export async function run(_: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const checks: Check[] = [];
	const show = (check: Check): void => {
		checks.push(check);
		if (!options.json) print(terminal, check);
	};
	for await (const check of machineChecks()) show(check);
	for await (const check of folderChecks(dataFolder(options))) show(check);
	for await (const check of webhookChecks(await enabledHere(options))) show(check);
	for (const { name, error, file = name } of await listHere(options)) {
		show({ name: `workflow ${name}`, ok: error === undefined, detail: error?.message ?? file });
	}
	const ok = checks.every((check) => check.ok);
	if (options.json) terminal.json({ ok, checks });
	terminal.say(
		ok ? "All is well." : `${checks.filter((check) => !check.ok).length} of ${checks.length} checks failed.`,
	);
	return ok ? 0 : EXIT_FAILED;
}

/** Nothing where the folder cannot be read, which its own checks tell. */
async function enabledHere(options: GlobalOptions): Promise<EnabledView[]> {
	try {
		const reader = await openReader(options);
		return await reader.enabledWorkflows().finally(() => reader.close());
	} catch {
		return [];
	}
}

function print(terminal: Terminal, { name, ok, detail, fix }: Check): void {
	const mark = ok ? terminal.paint("green", "ok  ") : terminal.paint("red", "FAIL");
	terminal.print(`${mark}  ${plain(name)}: ${plain(detail, true).replaceAll("\n", "\n      ")}`);
	if (!ok && fix !== undefined) terminal.print(`      fix: ${plain(fix)}`);
}
