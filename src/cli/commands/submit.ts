/** `muster submit`: one task into the queue. */
import { toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { TaskView } from "../../orchestrator/view.ts";
import { didYouMean } from "../../suggest.ts";
import type { TaskSpec } from "../../task/spec.ts";
import type { Priority } from "../../task/task.ts";
import { type Connection, openConnection } from "../connection.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED } from "../exit-codes.ts";
import { findTask } from "../ids.ts";
import { onInterrupt } from "../interrupt.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { parseJson, readPairs, readValue } from "../values.ts";

interface SubmitOptions extends GlobalOptions {
	input?: string[];
	inputJson?: string;
	priority?: Priority;
	after?: string[];
	at?: string;
	delay?: string;
	key?: string;
	wait?: boolean;
}

export async function run([type = ""]: string[], options: SubmitOptions): Promise<number> {
	const terminal = new Terminal(options);
	const timeoutMs = options.timeout === undefined ? undefined : toMs(options.timeout, "--timeout");
	const input = readInput(options);
	const connection = await openConnection(options, { work: options.wait === true, create: true });
	try {
		const dependsOn = await Promise.all((options.after ?? []).map(async (id) => (await findTask(connection, id)).id));
		const spec: TaskSpec = {
			type,
			...(input !== undefined && { input }),
			...(options.priority !== undefined && { priority: options.priority }),
			...(dependsOn.length > 0 && { dependsOn }),
			...(options.at !== undefined && { runAt: options.at }),
			...(options.delay !== undefined && { delay: options.delay }),
			...(options.key !== undefined && { idempotencyKey: options.key }),
		};
		const task = await connection.submit(spec);
		const nobody = task.waiting?.reason === "no-capable-agent" && (connection.url !== undefined || options.wait);
		if (nobody) await sayNobodyCan(terminal, connection, task);
		if (options.wait) return await waitForEnd(terminal, options, connection, task.id, timeoutMs);
		if (options.json) terminal.json(task);
		else terminal.print(task.id);
		if (connection.url === undefined) await sayUnknown(terminal, type);
		if (connection.url === undefined) terminal.hint("Stored. No server runs; it starts with", "up");
		else terminal.hint("Look at it with", `task ${task.id}`);
		return 0;
	} finally {
		await connection.close();
	}
}

/** The type may be a typing mistake, or that of an agent still to come: the task is stored either way. */
async function sayNobodyCan(terminal: Terminal, connection: Connection, { type, waiting }: TaskView): Promise<void> {
	const known = new Set((await connection.agents()).flatMap(({ capabilities }) => capabilities));
	terminal.say(`note: ${plain(waiting?.text ?? "")}. ${didYouMean(type, known) ?? ""}`.trimEnd());
}

/** Nobody works here now, so all that can be said is whether a skill of this name comes with Muster. */
async function sayUnknown(terminal: Terminal, type: string): Promise<void> {
	const { builtInNames } = await import("../../main.ts");
	if (builtInNames.includes(type) || type === "coordinate") return;
	terminal.say(`note: no skill "${plain(type)}" comes with Muster. ${didYouMean(type, builtInNames) ?? ""}`.trimEnd());
}

function readInput({ input, inputJson }: SubmitOptions): Json | undefined {
	const pairs = Object.entries(readPairs(input ?? [])).map(([key, text]) => [key, readValue(text)] as const);
	if (inputJson === undefined) return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
	const whole = parseJson(inputJson, "--input-json");
	if (pairs.length === 0) return whole;
	if (typeof whole === "object" && whole !== null && !Array.isArray(whole))
		return { ...whole, ...Object.fromEntries(pairs) };
	throw new MusterError("E_USAGE", "-i adds members to an object, and --input-json is not one");
}

async function waitForEnd(
	terminal: Terminal,
	options: SubmitOptions,
	connection: Connection,
	id: string,
	timeoutMs: number | undefined,
): Promise<number> {
	terminal.say(`${id} is stored; waiting for its end`);
	const interrupts = onInterrupt((signal) => {
		if (signal === "SIGINT") terminal.say("cancelling the task; ^C again leaves at once");
		// The wait ends with the task; where it cannot be cancelled, the second signal still ends the command.
		connection.cancel(id).catch(() => undefined);
	});
	const task = await connection
		.wait(id, timeoutMs === undefined ? {} : { timeoutMs })
		.finally(() => interrupts.forget());
	if (options.json) terminal.json(task);
	else if (task.output !== undefined) terminal.print(JSON.stringify(task.output, null, 2));
	sayEnd(terminal, task);
	if (interrupts.signal !== undefined) return EXIT_INTERRUPTED;
	return task.state === "completed" ? 0 : task.state === "cancelled" ? EXIT_CANCELLED : EXIT_FAILED;
}

function sayEnd(terminal: Terminal, { state, error, id }: TaskView): void {
	terminal.say(terminal.paint(state === "completed" ? "green" : "red", state, process.stderr));
	if (error !== undefined && state !== "completed") {
		terminal.say(`${terminal.paint("red", `error ${error.code}:`, process.stderr)} ${plain(error.message)}`);
		if (error.hint !== undefined) terminal.say(`hint: ${plain(error.hint)}`);
	}
	terminal.hint("See its attempts with", `task ${id}`);
}
