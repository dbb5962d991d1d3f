/** `muster pause`: nothing of a scope starts any more, also after a restart. */
import { openConnection } from "../connection.ts";
import { wholeScope } from "../ids.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([given = "all"]: string[], options: GlobalOptions & { reason?: string }): Promise<number> {
	const terminal = new Terminal(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const scope = await wholeScope(connection, given);
		const before = (await connection.status()).paused.find((pause) => pause.scope === scope);
		await connection.pause(scope, options.reason);
		const { paused } = await connection.status();
		if (options.json) terminal.json({ paused });
		else terminal.print(`${scope} paused`);
		if (before !== undefined) terminal.say(`it was paused already, since ${before.since}; nothing changed`);
		terminal.hint(
			"What runs goes on to its end. Let work start again with",
			`resume${scope === "all" ? "" : ` ${scope}`}`,
		);
		return 0;
	} finally {
		await connection.close();
	}
}
