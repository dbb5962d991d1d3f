/** `muster submit`: one task into the queue. */
import { systemClock } from "../../clock.ts";
import { toMs } from "../../duration.ts";
import type { TaskView } from "../../orchestrator/view.ts";
import { didYouMean } from "../../suggest.ts";
import type { TaskSpec } from "../../task/spec.ts";
import type { Priority } from "../../task/task.ts";
import { type Connection, openConnection } from "../connection.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED } from "../exit-codes.ts";
import { findTask, wasThere } from "../ids.ts";
import { onInterrupt } from "../interrupt.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readConcurrency, readInput, readRate } from "../values.ts";

interface SubmitOptions extends GlobalOptions {
	input?: string[];
	inputJson?: string;
	priority?: Priority;
	after?: string[];
	at?: string;
	delay?: string;
	key?: string;
	concurrency?: string;
	rate?: string;
	coalesce?: string;
	retries?: number;
	attemptTimeout?: string;
	stallTimeout?: string;
	wait?: boolean;
}

export async function run([type = ""]: string[], options: SubmitOptions): Promise<number> {
	const terminal = new Terminal(options);
	const timeoutMs = options.timeout === undefined ? undefined : toMs(options.timeout, "--timeout");
	const wanted = specOf(type, options);
	const connection = await openConnection(options, { work: options.wait === true, create: true });
	try {
		const dependsOn = await Promise.all((options.after ?? []).map(async (id) => (await findTask(connection, id)).id));
		const askedAt = systemClock.now();
		const task = await connection.submit(dependsOn.length > 0 ? { ...wanted, dependsOn } : wanted);
		if (options.coalesce !== undefined && wasThere(task, askedAt)) {
			terminal.say(`note: merged into ${task.id}, which has not begun; its input and its settings stay`);
		}
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

/** The task, but for what it depends on. @throws E_USAGE */
function specOf(type: string, options: SubmitOptions): TaskSpec {
	const { priority, at, delay, key, concurrency, rate, coalesce, retries, attemptTimeout, stallTimeout } = options;
	const input = readInput(options);
	return {
		type,
		...(input !== undefined && { input }),
		...(priority !== undefined && { priority }),
		...(at !== undefined && { runAt: at }),
		...(delay !== undefined && { delay }),
		...(key !== undefined && { idempotencyKey: key }),
		...(concurrency !== undefined && { concurrency: readConcurrency(concurrency) }),
		...(rate !== undefined && { rate: readRate(rate) }),
		...(coalesce !== undefined && { coalesce }),
		...(retries !== undefined && { retry: { maxAttempts: retries + 1 } }),
		...(attemptTimeout !== undefined && { timeout: attemptTimeout }),
		...(stallTimeout !== undefined && { stallTimeout }),
	};
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
		connection.cancel(id).catch((error: Error) => terminal.say(plain(`it cannot be cancelled: ${error.message}`)));
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
