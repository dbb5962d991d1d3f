/** `muster agents`: who is there and how each fares. */
import { openReader } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { stateStyle, Terminal } from "../terminal.ts";

export async function run(_: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const items = await reader.agents();
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("There are no agents now.");
		else {
			const rows = items.map(({ name, kind, state, running, concurrency, stats, capabilities }) => [
				name,
				kind,
				state,
				`${running}/${concurrency}`,
				String(stats.completed),
				String(stats.failed + stats.lost + stats.abandoned),
				capabilities.join(" "),
			]);
			const styles = items.map(({ state }) => stateStyle(state));
			const head = ["AGENT", "KIND", "STATE", "TASKS", "DONE", "FAILED", "CAN DO"];
			terminal.table(head, rows, (row) => [undefined, undefined, styles[row]]);
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}
