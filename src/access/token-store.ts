/**
 * Where tokens are kept besides the owner's: `tokens.json` in the data folder, for its owner alone. It holds hashes, so
 * whoever reads it can use none of them; and it is no part of the journal, so that no backup of that carries them away.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";
import { explain } from "../schema.ts";
import { tokenRoles } from "./role.ts";

export const MAX_TOKENS = 100;

const stored = z.strictObject({
	name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
	role: z.enum(tokenRoles),
	/** SHA-256 of the secret, hex. */
	hash: z.string().regex(/^[0-9a-f]{64}$/),
	createdAt: z.iso.datetime(),
	expiresAt: z.iso.datetime().optional(),
});
const content = z.strictObject({ version: z.literal(1), tokens: z.array(stored).max(MAX_TOKENS) });

export type StoredToken = z.output<typeof stored>;

export interface TokenStore {
	/** Another text whenever the tokens are others. */
	stamp(): string;
	/** @throws E_DATA_FOLDER */
	read(): readonly StoredToken[];
	/** All or nothing, also between processes. @throws E_DATA_FOLDER, E_CONFLICT while another process changes them */
	change(make: (tokens: readonly StoredToken[]) => readonly StoredToken[]): void;
}

/** What a process that died in the middle of a change left behind is put away after this time. */
const STALE_MS = 10_000;

export function tokenFile(folder: string, clock: Pick<Clock, "now">): TokenStore {
	const path = join(folder, "tokens.json");
	/** The next content, and while it is there the lock: it can be made only once. */
	const next = `${path}.next`;

	function read(): readonly StoredToken[] {
		let text: string;
		try {
			text = readFileSync(path, "utf8");
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
			throw unusable(`cannot be read: ${(cause as Error).message}`, cause);
		}
		let value: unknown;
		try {
			value = JSON.parse(text);
		} catch (cause) {
			throw unusable("is not JSON", cause);
		}
		const parsed = content.safeParse(value);
		if (parsed.success) return parsed.data.tokens;
		throw unusable(`does not hold tokens: ${explain(parsed.error)}`, parsed.error);
	}

	function lock(): number {
		try {
			return openSync(next, "wx", 0o600);
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
				throw unusable(`cannot be written: ${(cause as Error).message}`, cause);
			}
			throw new MusterError("E_CONFLICT", "another process is changing the tokens", { hint: "Try again.", cause });
		}
	}

	function unlockStale(): void {
		const stat = statSync(next, { throwIfNoEntry: false });
		if (stat !== undefined && clock.now() - stat.mtimeMs > STALE_MS) rmSync(next, { force: true });
	}

	function unusable(problem: string, cause: unknown): MusterError {
		return new MusterError("E_DATA_FOLDER", `${path} ${problem}`, {
			hint: "Put it right, or delete it: then only the owner's token counts.",
			cause,
		});
	}

	return {
		stamp() {
			const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
			return stat === undefined ? "" : `${stat.ino} ${stat.ctimeNs} ${stat.size}`;
		},
		read,
		change(make) {
			unlockStale();
			const file = lock();
			let done = false;
			try {
				const text = `${JSON.stringify({ version: 1, tokens: make(read()) }, undefined, "\t")}\n`;
				try {
					writeFileSync(file, text);
					fsyncSync(file);
					renameSync(next, path);
					done = true;
					syncFolder(folder);
				} catch (cause) {
					throw unusable(`cannot be written: ${(cause as Error).message}`, cause);
				}
			} finally {
				closeSync(file);
				if (!done) rmSync(next, { force: true }); // after the renaming it may be the lock of another process
			}
		},
	};
}

/** So that a revocation survives a power cut. */
function syncFolder(folder: string): void {
	const handle = openSync(folder, "r");
	try {
		fsyncSync(handle);
	} finally {
		closeSync(handle);
	}
}

/** For as long as the process lives. */
export function tokensInMemory(): TokenStore {
	let tokens: readonly StoredToken[] = [];
	let changes = 0;
	return {
		stamp: () => String(changes),
		read: () => tokens,
		change(make) {
			tokens = make(tokens);
			changes++;
		},
	};
}
