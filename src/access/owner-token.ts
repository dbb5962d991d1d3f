/** The token of a data folder: 256 random bits, made at the first start, kept, and readable by its owner alone. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";

const TOKEN_BYTES = 32;

/** The folder's token, or undefined before its first server. @throws E_DATA_FOLDER */
export function readToken(folder: string): string | undefined {
	const path = join(folder, "token");
	let text: string;
	try {
		text = readFileSync(path, "utf8").trim();
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw unusable(path, `cannot be read: ${(cause as Error).message}`, cause);
	}
	if (/^[0-9a-f]{64}$/.test(text)) return text;
	throw unusable(path, "does not hold a token");
}

/** @throws E_DATA_FOLDER */
export function ensureToken(folder: string, clock: Pick<Clock, "randomHex">): string {
	const path = join(folder, "token");
	try {
		writeFileSync(path, `${clock.randomHex(TOKEN_BYTES)}\n`, { mode: 0o600, flag: "wx", flush: true });
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
			throw unusable(path, `cannot be written: ${(cause as Error).message}`, cause);
		}
		chmodSync(path, 0o600);
	}
	return readToken(folder) as string;
}

function unusable(path: string, problem: string, cause?: unknown): MusterError {
	return new MusterError("E_DATA_FOLDER", `${path} ${problem}`, {
		hint: "Delete the file; the next start of a server makes a new one.",
		cause,
	});
}
