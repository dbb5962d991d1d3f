/**
 * The audit's lines and how they hang together: each carries SHA-256 of the hash before and of its own text. A file begins
 * with a line of its own that names the hash it goes on from, so that older files may be deleted.
 */
import { createHash } from "node:crypto";

/** One change that somebody asked for over HTTP, as it was answered. No bodies and no secrets. */
export interface AuditEntry {
	/** When it was answered. */
	at: string;
	/** The name of the token; `webhook` for one that is signed instead. */
	token: string;
	role: string;
	method: string;
	/** As declared, for example `/v1/tasks/{id}/cancel`. */
	route: string;
	/** What it was about: an id, a name, a scope. */
	subject?: string | undefined;
	status: number;
	/** Where it came from. */
	address: string;
}

export type AuditLine = { seq: number } & AuditEntry;

/** Where a chain is: the number and the hash of its last line. */
export interface Head {
	seq: number;
	hash: string;
}

export const BEGIN: Head = { seq: 0, hash: "0".repeat(64) };

const hashOf = (before: string, text: string): string =>
	createHash("sha256").update(`${before}\n${text}`).digest("hex");

export function lineOf(before: Head, entry: AuditEntry): { text: string; head: Head } {
	const open = JSON.stringify({ seq: before.seq + 1, ...entry }).slice(0, -1);
	const hash = hashOf(before.hash, open);
	return { text: `${open},"hash":"${hash}"}\n`, head: { seq: before.seq + 1, hash } };
}

export const firstLineOf = ({ seq, hash }: Head): string =>
	`${JSON.stringify({ audit: 1, after: seq, previous: hash })}\n`;

/** What the first line of a file says, or undefined when it is none. */
export function readFirstLine(text: string): Head | undefined {
	const [, seq, hash] = /^\{"audit":1,"after":(\d{1,15}),"previous":"([0-9a-f]{64})"\}$/.exec(text) ?? [];
	return hash === undefined ? undefined : { seq: Number(seq), hash };
}

/** A line as it stands, or undefined when it is none. Whether it goes on from the one before is another question. */
export function readLine(text: string): { line: AuditLine; head: Head; open: string } | undefined {
	const [, open, hash] = /^(.*),"hash":"([0-9a-f]{64})"\}$/.exec(text) ?? [];
	if (open === undefined || hash === undefined) return undefined;
	try {
		const line = JSON.parse(`${open}}`) as AuditLine;
		return Number.isSafeInteger(line.seq) ? { line, head: { seq: line.seq, hash }, open } : undefined;
	} catch {
		return undefined;
	}
}

export const goesOn = (before: Head, { head, open }: { head: Head; open: string }): boolean =>
	head.seq === before.seq + 1 && head.hash === hashOf(before.hash, open);
