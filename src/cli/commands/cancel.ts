/** `muster cancel`: a task or a run, with all that belongs to it. */
import { openConnection } from "../connection.ts";
import { findById } from "../ids.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([given = ""]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const found = await findById(connection, given);
		const { id, state: before } = "run" in found ? found.run : found.task;
		await connection.cancel(id);
		const { state } = "run" in found ? await connection.run(id) : await connection.task(id);
		if (options.json) terminal.json({ id, before, state });
		else terminal.print(`${id} ${state}`);
		if (state !== "cancelled" || before === "cancelled") terminal.say(`it was ${before} already; nothing changed`);
		return 0;
	} finally {
		await connection.close();
	}
}
