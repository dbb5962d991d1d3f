/** `muster send`: an event, which ends the waits for it and starts what it triggers. */
import { readFile } from "node:fs/promises";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Delivery } from "../../orchestrator/waits.ts";
import { didYouMean } from "../../suggest.ts";
import { type Connection, openConnection } from "../connection.ts";
import { EXIT_PARTIAL } from "../exit-codes.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readInput } from "../values.ts";

interface SendOptions extends GlobalOptions {
	input?: string[];
	inputJson?: string;
	dataFile?: string;
	id?: string;
	source?: string;
}

export async function run([type = ""]: string[], options: SendOptions): Promise<number> {
	const terminal = new Terminal(options);
	const { id, source } = options;
	const data = await dataOf(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const delivery = await connection.sendEvent({
			type,
			...(data !== undefined && { data }),
			...(id !== undefined && { id }),
			...(source !== undefined && { source }),
		});
		if (options.json) terminal.json(delivery);
		else print(terminal, delivery);
		const { waits, runs, refused } = delivery;
		for (const { workflow, code, message } of refused) {
			terminal.say(`${terminal.paint("red", `error ${code}:`, process.stderr)} ${plain(`${workflow}: ${message}`)}`);
		}
		if (waits + runs.length + refused.length === 0) await sayNobody(terminal, connection, type);
		else if (connection.url === undefined) terminal.hint("Stored. No server runs; it goes on with", "up");
		return refused.length > 0 ? EXIT_PARTIAL : 0;
	} finally {
		await connection.close();
	}
}

async function dataOf(options: SendOptions): Promise<Json | undefined> {
	const { dataFile: file } = options;
	if (file === undefined) return readInput(options);
	if (options.inputJson !== undefined) throw new MusterError("E_USAGE", "give --data-file or --input-json, not both");
	try {
		return readInput({ ...options, inputJson: await readFile(file, "utf8") });
	} catch (cause) {
		if (cause instanceof MusterError) throw new MusterError(cause.code, cause.message.replace("--input-json", file));
		throw new MusterError("E_FILE_UNREADABLE", `${file} cannot be read: ${(cause as Error).message}`, { cause });
	}
}

function print(terminal: Terminal, { waits, runs }: Delivery): void {
	if (waits > 0) terminal.print(`ended ${waits} wait(s)`);
	for (const run of runs) terminal.print(`started ${run}`);
}

/** A mistyped type is no error: an event may be for nobody. */
async function sayNobody(terminal: Terminal, connection: Connection, type: string): Promise<void> {
	const enabled = await connection.enabledWorkflows();
	const types = enabled.flatMap(({ triggers }) => triggers.flatMap((each) => ("event" in each ? [each.event] : [])));
	const hint = didYouMean(type, types) ?? "";
	terminal.say(`no run waits for it, and it starts no enabled workflow. ${plain(hint)}`.trimEnd());
}
