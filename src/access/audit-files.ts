/** The audit as it lies in a data folder: `audit.log`, and before it `audit-N.log`, where N is the number of its first line. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MusterError } from "../errors.ts";
import { type AuditLine, BEGIN, goesOn, type Head, readFirstLine, readLine } from "./audit-chain.ts";

export const CURRENT = "audit.log";

export const olderName = (first: number): string => `audit-${String(first).padStart(15, "0")}.log`;

/** Oldest first, without the current one. */
export const olderFiles = (folder: string): string[] =>
	readdirSync(folder)
		.filter((name) => /^audit-\d{15}\.log$/.test(name))
		.sort();

export interface VerifiedAudit {
	files: number;
	lines: number;
	/** Number of the first line that is still there; 1 when none was deleted. */
	first: number;
	/** Of the last line. Whoever noted it elsewhere sees whether lines were cut off behind it. */
	head: Head;
}

/**
 * Every line of the audit of a data folder, each held against the one before. A server may write meanwhile.
 * @throws E_AUDIT_CORRUPT with the place
 */
export function verifyAudit(folder: string): VerifiedAudit {
	let head: Head | undefined;
	let lines = 0;
	let first = 1;
	const files = filesOf(folder);
	for (const { name, texts } of files) {
		const begin = readFirstLine(texts[0] ?? "");
		if (begin === undefined) throw damaged(name, 1, "is not the first line of an audit");
		if (head !== undefined && (begin.seq !== head.seq || begin.hash !== head.hash)) {
			throw damaged(name, 1, "does not go on from the file before");
		}
		if (head === undefined) first = begin.seq + 1;
		head = begin;
		for (const [i, text] of texts.slice(1).entries()) {
			const read = readLine(text);
			if (read === undefined || !goesOn(head, read)) throw damaged(name, i + 2, "is not as it was written");
			head = read.head;
			lines++;
		}
	}
	return { files: files.length, lines, first, head: head ?? BEGIN };
}

/** The newest lines, oldest of them first. What is no line is passed over: verifying finds it. */
export function lastLines(folder: string, limit: number): AuditLine[] {
	const found: AuditLine[] = [];
	for (const { texts } of filesOf(folder).reverse()) {
		for (const text of texts.slice(1).reverse()) {
			if (found.length === limit) return found.reverse();
			const read = readLine(text);
			if (read !== undefined) found.push(read.line);
		}
	}
	return found.reverse();
}

/** Oldest first. The current one is read first: while a server goes over to another file, none is met twice or missed. */
function filesOf(folder: string): { name: string; texts: string[] }[] {
	const current = linesOf(folder, CURRENT);
	const begin = current === undefined ? undefined : readFirstLine(current[0] ?? "");
	const before = begin === undefined ? undefined : olderName(begin.seq + 1);
	const older = olderFiles(folder).filter((name) => before === undefined || name < before);
	const files = older.flatMap((name) => {
		const texts = linesOf(folder, name);
		return texts === undefined ? [] : [{ name, texts }];
	});
	return current === undefined ? files : [...files, { name: CURRENT, texts: current }];
}

/** Whole lines; what stands behind the last one is being written, or was never acknowledged. */
function linesOf(folder: string, name: string): string[] | undefined {
	let text: string;
	try {
		text = readFileSync(join(folder, name), "utf8");
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new MusterError("E_DATA_FOLDER", `${join(folder, name)} cannot be read: ${(cause as Error).message}`, {
			cause,
		});
	}
	return text.split("\n").slice(0, -1);
}

export function damaged(name: string, line: number, problem: string): MusterError {
	return new MusterError("E_AUDIT_CORRUPT", `line ${line} of ${name} ${problem}`, {
		hint: "It was changed from outside, or the disk is at fault. Keep the file; lines before it are as they were written.",
		details: { file: name, line },
	});
}
