/** `muster retry`: a task that failed or was given up, or a run that is over, again as a new one. */
import { systemClock } from "../../clock.ts";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type Connection, openConnection } from "../connection.ts";
import { findById, wasThere } from "../ids.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readInput } from "../values.ts";

interface RetryOptions extends GlobalOptions {
	input?: string[];
	inputJson?: string;
	from?: string;
	latest?: boolean;
}

export async function run([given = ""]: string[], options: RetryOptions): Promise<number> {
	const terminal = new Terminal(options);
	const input = readInput(options);
	const askedAt = systemClock.now();
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const found = await findById(connection, given);
		const again =
			"run" in found
				? await retryRun(connection, found.run.id, input, options)
				: await retryTask(connection, found.task.id, input, options);
		if (options.json) terminal.json(again);
		else terminal.print(again.id);
		if ("submittedAt" in again && wasThere(again, askedAt)) {
			terminal.say(`note: ${again.id} does it again already, since ${again.submittedAt}; its input stays`);
		}
		if (connection.url === undefined) terminal.hint("Stored. No server runs; it starts with", "up");
		else terminal.hint("Look at it with", `task ${again.id}`);
		return 0;
	} finally {
		await connection.close();
	}
}

async function retryTask(connection: Connection, id: string, input: Json | undefined, { from, latest }: RetryOptions) {
	if (from !== undefined || latest) {
		throw new MusterError("E_USAGE", `${id} is a task; --from and --latest are for runs`);
	}
	return connection.retry(id, input === undefined ? {} : { input });
}

async function retryRun(connection: Connection, id: string, input: Json | undefined, { from, latest }: RetryOptions) {
	if (input !== undefined && (typeof input !== "object" || input === null || Array.isArray(input))) {
		throw new MusterError("E_USAGE", "the inputs of a run are a JSON object");
	}
	return connection.retryRun(id, {
		...(from !== undefined && { from }),
		...(input !== undefined && { inputs: input }),
		...(latest && { latest }),
	});
}
