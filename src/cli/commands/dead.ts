/** `muster dead`: failed tasks; submits them again, or puts them away. */
import { systemClock } from "../../clock.ts";
import { MusterError } from "../../errors.ts";
import type { DeadFilter, RetriedDead } from "../../orchestrator/queue-controls.ts";
import { redriveId } from "../../task/redrive.ts";
import { type Connection, openConnection, openReader } from "../connection.ts";
import { EXIT_PARTIAL } from "../exit-codes.ts";
import { findTask, wasThere } from "../ids.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readInput } from "../values.ts";

interface DeadOptions extends GlobalOptions {
	limit?: number;
	type?: string;
	code?: string;
	all?: boolean;
	input?: string[];
	inputJson?: string;
}

interface Retried extends RetriedDead {
	/** Of those that were named: what was done again before, and by which task. */
	already: { id: string; as: string }[];
}

/** Rows of the list when nobody says how many. */
const ROWS = 50;

export async function run([what = "list", ...ids]: string[], options: DeadOptions): Promise<number> {
	if (what === "list") return list(ids, options);
	const terminal = new Terminal(options);
	if (ids.length === 0 && !options.all && options.type === undefined && options.code === undefined) {
		throw new MusterError("E_USAGE", `dead ${what} has to know which dead letters are meant`, {
			hint: "Give ids, or --type and --code, or --all.",
		});
	}
	const input = readInput(options);
	if (input !== undefined && (what !== "retry" || ids.length !== 1)) {
		throw new MusterError("E_USAGE", "another input is for the retry of one task", {
			hint: "Write: muster dead retry ID -i key=value",
		});
	}
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const whole = await Promise.all(ids.map(async (id) => (await findTask(connection, id)).id));
		const [only] = whole;
		if (input !== undefined && only !== undefined) {
			const askedAt = systemClock.now();
			const task = await connection.retry(only, { input });
			const already = wasThere(task, askedAt) ? [{ id: only, as: task.id }] : [];
			const ids = already.length > 0 ? [] : [task.id];
			return say(terminal, connection, { ids, already, left: 0, refused: [] }, options);
		}
		const filter = whole.length > 0 ? { ids: whole } : filterOf(options);
		return what === "retry"
			? await retry(terminal, connection, filter, options)
			: await drop(terminal, connection, filter, options);
	} finally {
		await connection.close();
	}
}

const filterOf = ({ type, code, limit }: DeadOptions): DeadFilter => ({ type, code, limit });

async function retry(
	terminal: Terminal,
	connection: Connection,
	filter: DeadFilter,
	options: DeadOptions,
): Promise<number> {
	const all: Retried = { ids: [], already: [], left: 0, refused: [] };
	for (;;) {
		const { ids, left, refused } = await connection.retryDead(filter);
		all.ids.push(...ids);
		// The last call has met them all.
		Object.assign(all, { left, refused });
		if (ids.length === 0 || filter.ids !== undefined || filter.limit !== undefined) break;
	}
	const met = new Set([...all.ids, ...all.refused.map(({ id }) => redriveId(id))]);
	for (const id of filter.ids ?? []) if (!met.has(redriveId(id))) all.already.push({ id, as: redriveId(id) });
	return say(terminal, connection, all, options);
}

function say(terminal: Terminal, connection: Connection, all: Retried, { json }: DeadOptions): number {
	if (json) terminal.json(all);
	else terminal.print(`${all.ids.length} submitted again`);
	for (const { id, as } of all.already) terminal.say(`${id} was submitted again before: ${as} does it`);
	for (const { id, error } of all.refused.slice(0, 5)) terminal.say(plain(`${id} was left: ${error.message}`));
	if (all.left > 5) terminal.say(`${all.left} were left in all`);
	if (all.ids.length > 0 && connection.url === undefined) {
		terminal.hint("Stored. No server runs; they start with", "up");
	}
	return all.left > 0 ? EXIT_PARTIAL : 0;
}

async function drop(
	terminal: Terminal,
	connection: Connection,
	filter: DeadFilter,
	{ json }: DeadOptions,
): Promise<number> {
	let dropped = 0;
	for (;;) {
		const count = await connection.dropDead(filter);
		dropped += count;
		if (count === 0 || filter.ids !== undefined || filter.limit !== undefined) break;
	}
	if (json) terminal.json({ dropped });
	else terminal.print(`${dropped} put away`);
	return 0;
}

async function list(ids: readonly string[], options: DeadOptions): Promise<number> {
	if (ids.length > 0) throw new MusterError("E_USAGE", "a list takes no ids", { hint: "See one with: muster task ID" });
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const { limit = ROWS } = options;
		const items = await reader.deadLetters({ ...filterOf(options), limit });
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("There are no dead letters.");
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
			if (items.length === limit) terminal.hint(`There may be more than these ${limit}: --limit`);
			terminal.hint("See one with", "task ID");
			terminal.hint("Submit one again with", "retry ID");
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}
