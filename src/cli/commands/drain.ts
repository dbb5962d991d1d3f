/** `muster drain`: pauses everything and waits until nothing runs. */
import { toMs } from "../../duration.ts";
import { openConnection } from "../connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run(_: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const timeoutMs = options.timeout === undefined ? undefined : toMs(options.timeout, "--timeout");
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const { running } = (await connection.status()).taskQueue;
		if (running > 0) terminal.say(`${running} task(s) run; waiting for their end`);
		await connection.drain(timeoutMs);
		if (options.json) terminal.json({ paused: (await connection.status()).paused });
		else terminal.print("drained");
		terminal.hint("Nothing runs and nothing starts. Let work start again with", "resume");
		return 0;
	} finally {
		await connection.close();
	}
}
