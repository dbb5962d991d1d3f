/** Who may do what at a server, and the account of who did: what a server needs of a data folder besides its work. */
import type { Clock } from "../clock.ts";
import { type Log, silentLog } from "../log.ts";
import { type Audit, AuditLog, noAudit } from "./audit.ts";
import { Callers } from "./callers.ts";
import { ensureToken } from "./owner-token.ts";
import { tokenFile, tokensInMemory } from "./token-store.ts";

export interface Access {
	readonly callers: Callers;
	readonly audit: Audit;
	/** Wall clock of the audit's lines. */
	now(): number;
}

export interface AccessOptions {
	folder: string;
	/** Whether a line of the audit survives a power cut. */
	durable: boolean;
	clock: Clock;
	log: Log;
}

/** @throws E_DATA_FOLDER */
export function openAccess({ folder, durable, clock, log }: AccessOptions): Access {
	const callers = new Callers({ token: ensureToken(folder, clock), store: tokenFile(folder, clock), clock, log });
	return { callers, audit: new AuditLog(folder, { sync: durable }), now: clock.now };
}

/** One token and no account, for a test or a program of one person. */
export function soleOwner(token: string, clock: Clock): Access {
	const callers = new Callers({ token, store: tokensInMemory(), clock, log: silentLog });
	return { callers, audit: noAudit, now: clock.now };
}
