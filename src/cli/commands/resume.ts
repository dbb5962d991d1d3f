/** `muster resume`: ends a pause. */
import { openConnection } from "../connection.ts";
import { wholeScope } from "../ids.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([given = "all"]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const scope = await wholeScope(connection, given);
		const wasPaused = (await connection.status()).paused.some((pause) => pause.scope === scope);
		await connection.resume(scope);
		const { paused } = await connection.status();
		if (options.json) terminal.json({ paused });
		else terminal.print(`${scope} resumed`);
		if (!wasPaused) terminal.say("it was not paused; nothing changed");
		// A pause of one scope does not end with that of another: whoever resumes has to know what still stands still.
		if (paused.length > 0) terminal.say(`still paused: ${plain(paused.map((pause) => pause.scope).join(", "))}`);
		else if (connection.url === undefined) terminal.hint("No server runs; work starts with", "up");
		return 0;
	} finally {
		await connection.close();
	}
}
