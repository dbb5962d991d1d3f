/** `muster down`: asks the server of a data folder to stop, and waits until it has let go of the folder. */
import { systemClock } from "../../clock.ts";
import { toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import { isOwned, type Owner, readOwner } from "../../journal/lock.ts";
import { dataFolder } from "../connection.ts";
import { isAlive } from "../http-connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

/** Longer than the grace that running tasks get unless `muster up --grace` says otherwise. */
const PATIENCE = "30s";
const STEP_MS = 50;

export async function run(_: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const patienceMs = toMs(options.timeout ?? PATIENCE, "--timeout");
	const folder = dataFolder(options);
	const owner = isOwned(folder) ? readOwner(folder) : undefined;
	if (owner === undefined) {
		if (options.json) terminal.json({ stopped: false });
		terminal.say(`nothing runs on ${folder}`);
		return 0;
	}
	await checkIsServer(folder, owner);
	const { pid, url } = owner;
	stop(owner);
	terminal.say(`process ${pid} is stopping; what runs has its grace to end`);
	const until = systemClock.monotonic() + patienceMs;
	while (isOwned(folder)) {
		if (systemClock.monotonic() >= until) {
			throw new MusterError(
				"E_WAIT_TIMEOUT",
				`process ${pid} has not stopped within ${patienceMs} ms; it goes on stopping`,
				{
					hint: `Wait longer with --timeout, or end the grace at once with: kill ${pid}`,
				},
			);
		}
		await later(STEP_MS);
	}
	if (options.json) terminal.json({ stopped: true, pid, url });
	else terminal.print(`stopped ${url}`);
	return 0;
}

/** The pid in the folder counts only when who answers there has it: another process may have got it meanwhile. */
async function checkIsServer(folder: string, { pid, url }: Owner): Promise<void> {
	if (url === undefined) {
		throw new MusterError("E_CONFLICT", `process ${pid} works on ${folder} without a server`, {
			hint: "It is a program or another command: end it where it was started.",
		});
	}
	if (await isAlive(url, pid)) return;
	throw new MusterError("E_UNREACHABLE", `process ${pid} owns ${folder} but does not answer at ${url}`, {
		hint: `If it is the server, end it with: kill ${pid}. Nothing that was acknowledged is lost.`,
	});
}

function stop({ pid }: Owner): void {
	try {
		process.kill(pid, "SIGTERM");
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		if (code === "ESRCH") return; // it has just ended
		throw new MusterError("E_FORBIDDEN", `process ${pid} cannot be told to stop: ${(cause as Error).message}`, {
			hint: "Stop it as the user who started it.",
			cause,
		});
	}
}

/** A timer of the clock would not keep the process alive. */
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
