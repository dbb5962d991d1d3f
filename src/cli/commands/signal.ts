/** `muster signal`: tells a run what one of its steps waits for. */
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { openConnection } from "../connection.ts";
import { findById } from "../ids.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { parseJson, readPairs, readValue } from "../values.ts";

interface SignalOptions extends GlobalOptions {
	input?: string[];
	inputJson?: string;
}

export async function run([given = "", name = ""]: string[], options: SignalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const found = await findById(connection, given);
		if (!("run" in found)) throw new MusterError("E_USAGE", `${found.task.id} is a task, and a run is needed here`);
		const { id } = found.run;
		await connection.signal(id, name, dataOf(options));
		const run = await connection.run(id);
		if (options.json) terminal.json(run);
		else terminal.print(`${id} ${run.state}`);
		if (connection.url === undefined) terminal.hint("Stored. No server runs; it goes on with", "up");
		return 0;
	} finally {
		await connection.close();
	}
}

function dataOf({ input = [], inputJson }: SignalOptions): Json {
	if (inputJson !== undefined) return parseJson(inputJson, "--input-json");
	const pairs = Object.entries(readPairs(input)).map(([key, text]) => [key, readValue(text)] as const);
	return pairs.length === 0 ? null : Object.fromEntries(pairs);
}
