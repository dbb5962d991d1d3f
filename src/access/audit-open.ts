/** The file that lines of the audit are added to: found again at a start, or begun. */
import { existsSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, MusterError } from "../errors.ts";
import { BEGIN, firstLineOf, type Head, readFirstLine, readLine } from "./audit-chain.ts";
import { CURRENT, damaged, olderFiles } from "./audit-files.ts";

export interface OpenFile {
	file: FileHandle;
	/** Up to the end of its last whole line. */
	bytes: number;
	/** The number that its first line has, or will have. */
	first: number;
}

/** No line is longer. */
const TAIL_BYTES = 64 * 1024;
const FIRST_BYTES = 256;

/** The current file and the head of its chain. @throws E_DATA_FOLDER, E_STORAGE_FULL, E_AUDIT_CORRUPT */
export async function openLast(folder: string): Promise<{ current: OpenFile; head: Head }> {
	const path = join(folder, CURRENT);
	try {
		if (existsSync(path)) {
			const file = await open(path, "r+");
			const { first, head, bytes } = await ends(file, CURRENT);
			await file.chmod(0o600);
			await file.truncate(bytes); // a line that was cut off was never acknowledged
			return { current: { file, bytes, first }, head };
		}
		// The process died between two files, or there is none yet.
		const last = olderFiles(folder).at(-1);
		const head = last === undefined ? BEGIN : await headOf(folder, last);
		const current = await beginFile(folder, head);
		await rename(`${path}.next`, path);
		return { current, head };
	} catch (error) {
		throw failed(error, "the audit cannot be opened");
	}
}

/** A file of its own name yet, with its first line on disk. */
export async function beginFile(folder: string, head: Head): Promise<OpenFile> {
	const file = await open(join(folder, `${CURRENT}.next`), "w+", 0o600);
	try {
		const bytes = await writeAt(file, firstLineOf(head), 0);
		await file.datasync();
		return { file, bytes, first: head.seq + 1 };
	} catch (error) {
		await file.close();
		throw error;
	}
}

export async function writeAt(file: FileHandle, text: string, position: number): Promise<number> {
	const bytes = Buffer.from(text);
	for (let done = 0; done < bytes.length; ) {
		done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
	}
	return bytes.length;
}

async function headOf(folder: string, name: string): Promise<Head> {
	const file = await open(join(folder, name), "r");
	try {
		return (await ends(file, name)).head;
	} finally {
		await file.close();
	}
}

/** Its first and its last whole line. */
async function ends(file: FileHandle, name: string): Promise<{ first: number; head: Head; bytes: number }> {
	const { size } = await file.stat();
	const begin = readFirstLine(
		(await read(file, 0, Math.min(size, FIRST_BYTES))).toString("latin1").split("\n")[0] ?? "",
	);
	if (begin === undefined) throw damaged(name, 1, "is not the first line of an audit");
	const from = Math.max(0, size - TAIL_BYTES);
	const tail = await read(file, from, size - from);
	const end = tail.lastIndexOf(0x0a);
	const last = tail.subarray(tail.lastIndexOf(0x0a, end - 1) + 1, Math.max(0, end)).toString("utf8");
	const head = from === 0 && readFirstLine(last) !== undefined ? begin : readLine(last)?.head;
	if (head !== undefined) return { first: begin.seq + 1, head, bytes: from + end + 1 };
	throw new MusterError("E_AUDIT_CORRUPT", `the last line of ${name} is not as it was written`, {
		hint: `Move ${name} out of the data folder, and keep it; the next start begins another one.`,
		details: { file: name },
	});
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
	const buffer = Buffer.alloc(length);
	const { bytesRead } = await file.read(buffer, 0, length, position);
	return buffer.subarray(0, bytesRead);
}

export function failed(cause: unknown, what: string): MusterError {
	if (hasCode(cause)) return cause;
	const full = ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException).code ?? "");
	return new MusterError(full ? "E_STORAGE_FULL" : "E_DATA_FOLDER", `${what}: ${(cause as Error).message}`, {
		hint: "Reading goes on. Nothing further is changed before the lines that are waiting are written.",
		cause,
	});
}
