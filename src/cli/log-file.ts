/** The log of a data folder: muster.log, one JSON object a line. It never writes to the terminal, where progress is drawn. */
import { openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { SkillLog } from "../skill/skill.ts";

/** At a start a longer log becomes muster.log.1, in place of the one before. */
const LONGEST_BYTES = 16 * 1024 * 1024;

type Level = keyof SkillLog;
type Fields = Parameters<SkillLog["info"]>[1];

export class LogFile implements Log {
	readonly #logger: Logger;
	readonly #flush: () => void;

	private constructor(logger: Logger, flush: () => void) {
		this.#logger = logger;
		this.#flush = flush;
	}

	/** @throws E_DATA_FOLDER when the file cannot be written */
	static async open(folder: string): Promise<LogFile> {
		const path = join(folder, "muster.log");
		shorten(path);
		const { pino, stdTimeFunctions } = await import("pino");
		const destination = pino.destination({ fd: openLog(path), sync: false });
		destination.on("error", () => undefined); // a full disk shows in the journal; the log must not end the process
		const flush = (): void => {
			try {
				destination.flushSync();
			} catch {
				// the disk is full or the file is gone: there is nowhere left to say so
			}
		};
		const settings = { base: { pid: process.pid }, level: "info", timestamp: stdTimeFunctions.isoTime };
		return new LogFile(pino(settings, destination), flush);
	}

	debug = (message: string, fields?: Fields): void => this.#write("debug", message, fields);
	info = (message: string, fields?: Fields): void => this.#write("info", message, fields);
	warn = (message: string, fields?: Fields): void => this.#write("warn", message, fields);
	error = (message: string, fields?: Fields): void => this.#write("error", message, fields);

	child(fields: Record<string, string | number>): LogFile {
		return new LogFile(this.#logger.child(fields), this.#flush);
	}

	/** Everything logged so far is in the file. */
	close(): void {
		this.#flush();
	}

	#write(level: Level, message: string, fields: Fields = {}): void {
		this.#logger[level](fields, message);
	}
}

function openLog(path: string): number {
	try {
		return openSync(path, "a", 0o600);
	} catch (error) {
		throw unwritable(path, error as Error);
	}
}

function shorten(path: string): void {
	try {
		if (statSync(path).size > LONGEST_BYTES) renameSync(path, `${path}.1`);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unwritable(path, error as Error);
	}
}

function unwritable(path: string, cause: Error): MusterError {
	return new MusterError("E_DATA_FOLDER", `the log ${path} cannot be written: ${cause.message}`, {
		hint: "Give a folder that this user may write, with --data.",
		cause,
	});
}
