/**
 * One child process, bounded in every direction: no shell, nothing on its stdin, an environment made here and not
 * inherited, a time limit, a limit on what is kept and on what is read of its output.
 *
 * It leads a process group of its own, and whatever ends it ends the group: SIGTERM, then SIGKILL after the grace.
 * What it left behind in that group when it ended by itself is killed at once. The promise settles only after that.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Clock, systemClock } from "../../clock.ts";
import { MusterError } from "../../errors.ts";

/** Where a bare program name is looked for, here and by the child itself. Never the PATH of whoever started Muster. */
export const COMMAND_PATH = "/usr/local/bin:/usr/bin:/bin";

/** A command that writes more than this is not talking but flooding, and is stopped. */
const FLOOD_BYTES = 64 * 1024 * 1024;
/** How long a process outside the group may keep the pipes open after the command itself has ended. */
const DRAIN_MS = 1_000;

export interface CommandOptions {
	signal: AbortSignal;
	/** Milliseconds until it is stopped. Default one minute. */
	timeoutMs?: number;
	/** Milliseconds between SIGTERM and SIGKILL. Default two seconds. */
	graceMs?: number;
	/** Bytes kept of stdout and of stderr, from their beginning. Default 64 kB. */
	maxBytes?: number;
	cwd?: string;
	/** Added to PATH and LANG, the only two variables a child gets. */
	env?: Readonly<Record<string, string>>;
	/** Only timers are taken from it. */
	clock?: Clock;
}

export interface CommandResult {
	/** null when a signal ended it. */
	exitCode: number | null;
	signal: string | null;
	stdout: string;
	stderr: string;
	/** More was written than is kept here. */
	truncated: boolean;
	/** Why Muster ended it; null when it ended by itself. */
	stopped: "timeout" | "flood" | null;
}

/**
 * Runs a program and resolves when it and its process group are gone, whatever the exit code.
 *
 * @throws the reason of `signal` once everything is killed; E_EFFECT_FAILED when the program cannot be started
 */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
	options.signal.throwIfAborted();
	const child = start(argv, options);
	const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
	const { signal, timeoutMs = 60_000, graceMs = 2_000, maxBytes = 64 * 1024, clock = systemClock } = options;
	const timers: (() => void)[] = [];
	let read = 0;
	let stopped: CommandResult["stopped"] | "cancelled" = null;
	let exit: { exitCode: number | null; signal: string | null } | null = null;

	const stop = (why: "timeout" | "flood" | "cancelled"): void => {
		if (stopped !== null || exit !== null) return;
		stopped = why;
		killGroup(child, "SIGTERM");
		timers.push(clock.after(graceMs, () => killGroup(child, "SIGKILL")));
	};
	const capture = (stream: ChildProcess["stdout"]): (() => { text: string; cut: boolean }) => {
		const kept = new KeptOutput(maxBytes);
		stream?.on("data", (chunk: Buffer) => {
			kept.add(chunk);
			read += chunk.byteLength;
			if (read > FLOOD_BYTES) stop("flood");
		});
		return () => kept.read();
	};
	const stdout = capture(child.stdout);
	const stderr = capture(child.stderr);
	const cancel = (): void => stop("cancelled");
	const settle = (failure?: Error): void => {
		signal.removeEventListener("abort", cancel);
		for (const forget of timers) forget();
		child.stdout?.destroy();
		child.stderr?.destroy();
		if (failure !== undefined || stopped === "cancelled") {
			reject(failure ?? signal.reason);
			return;
		}
		const [out, err] = [stdout(), stderr()];
		const ended = exit ?? { exitCode: null, signal: null };
		resolve({ ...ended, stdout: out.text, stderr: err.text, truncated: out.cut || err.cut, stopped });
	};

	signal.addEventListener("abort", cancel, { once: true });
	timers.push(clock.after(timeoutMs, () => stop("timeout")));
	child.once("error", (error) => {
		if (child.pid === undefined) settle(cannotStart(argv, error));
	});
	child.once("exit", (exitCode, killedBy) => {
		exit = { exitCode, signal: killedBy };
		killGroup(child, "SIGKILL");
		timers.push(clock.after(DRAIN_MS, () => settle()));
	});
	child.once("close", () => settle());
	return promise;
}

function start(argv: readonly string[], { cwd, env }: CommandOptions): ChildProcess {
	try {
		return spawn(argv[0] ?? "", argv.slice(1), {
			shell: false,
			detached: true,
			stdio: ["ignore", "pipe", "pipe"],
			env: { PATH: COMMAND_PATH, LANG: "C.UTF-8", ...env },
			...(cwd === undefined ? {} : { cwd }),
		});
	} catch (error) {
		throw cannotStart(argv, error); // an empty name, a NUL byte, or more arguments than the system takes
	}
}

function cannotStart(argv: readonly string[], cause: unknown): MusterError {
	const code = (cause as { code?: string }).code;
	return new MusterError(
		"E_EFFECT_FAILED",
		`the program ${JSON.stringify(argv[0] ?? "")} cannot be started (${code})`,
		{
			// Out of processes or memory may pass; a program that is not there stays away.
			retryable: code === "EAGAIN" || code === "ENOMEM",
			cause,
		},
	);
}

/** Signals the whole group. That nothing is left of it (ESRCH) is what is wanted. */
function killGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, signal);
	} catch {
		child.kill(signal); // a no-op when it has ended
	}
}

/** The first bytes of a stream; the rest is read, so that the writer never blocks, and forgotten. */
class KeptOutput {
	readonly #limit: number;
	readonly #chunks: Buffer[] = [];
	#size = 0;
	#cut = false;

	constructor(limit: number) {
		this.#limit = limit;
	}

	add(chunk: Buffer): void {
		const room = this.#limit - this.#size;
		if (chunk.byteLength > room) this.#cut = true;
		if (room <= 0) return;
		const part = chunk.subarray(0, room);
		this.#chunks.push(part);
		this.#size += part.byteLength;
	}

	read(): { text: string; cut: boolean } {
		return { text: new TextDecoder().decode(Buffer.concat(this.#chunks)), cut: this.#cut };
	}
}
