/** `muster dead`: failed tasks. */
import { openReader } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run(_: string[], options: GlobalOptions & { limit: number }): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const items = await reader.deadLetters(options.limit);
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("No task has failed.");
		else {
			const rows = items.map(({ id, type, attempts, endedAt, error }) => [
				id,
				type,
				String(attempts),
				endedAt ?? "",
				error?.code ?? "",
				error?.message ?? "",
			]);
			terminal.table(["ID", "TYPE", "ATTEMPTS", "FAILED AT", "CODE", "REASON"], rows, () => [
				...[undefined, undefined, undefined, undefined],
				"red",
			]);
			terminal.hint("See one with", "task ID");
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}
