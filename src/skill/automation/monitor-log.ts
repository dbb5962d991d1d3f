/** The new lines of a growing log, across rotation and truncation. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Json } from "../../json.ts";
import { type Pass, unreadable } from "./monitor-files.ts";
import { compilePattern, type Pattern } from "./monitor-pattern.ts";

/** A longer line is cut here. */
export const MAX_LINE_BYTES = 10_000;
/** Read in one pass; what is left is for the next. */
const MAX_READ_BYTES = 16 * 1024 * 1024;
/** So much of the beginning of a file tells whether it is still the same one. */
const HEAD_BYTES = 256;
/** Lines looked at before others get a turn. */
const LINES_A_TURN = 2_000;
const NEWLINE = 0x0a;

export const logCursor = z.strictObject({
	kind: z.literal("log"),
	/** null: the log was missing. */
	inode: z.number().nullable(),
	/** Where the first line begins that was not looked at yet. */
	offset: z.number().int().min(0),
	/** Hash of the first bytes, at most 256 and at most `offset`. */
	head: z.string(),
});

type Cursor = z.infer<typeof logCursor>;

interface Options {
	pattern?: string | undefined;
	limit: number;
	signal: AbortSignal;
}

/**
 * Complete lines only: one that is still being written is for the next pass.
 *
 * Rotation: when the log has become another file, the rest of the old one is read first if it still lies beside it.
 * Truncation: when the file is shorter than what was read, or begins differently, it is read from its beginning.
 */
export async function observeLog(path: string, since: Cursor | undefined, options: Options): Promise<Pass> {
	const pattern = options.pattern === undefined ? undefined : compilePattern(options.pattern);
	const lines = new Lines(pattern, options);
	const file = await openIfThere(path);
	await using _ = file;
	const inode = (await file?.stat())?.ino ?? null;
	let from = 0;
	let gap = false;
	if (since !== undefined && since.inode !== null && since.inode !== inode) {
		const rest = await readRotated(path, since, lines);
		if (rest === "gone") gap = true;
		else if (rest !== "read") return { observations: lines.observations, cursor: rest, more: true };
	}
	if (file === null || inode === null) {
		const observations = lines.observations;
		if (since?.inode !== null) observations.push({ id: `${basename(path)}-missing`, path, exists: false });
		return { observations, cursor: { kind: "log", inode: null, offset: 0, head: "" }, more: false, gap };
	}
	if (since?.inode === inode) {
		if (await continues(file, since)) from = since.offset;
		else gap = true;
	}
	const finished = await lines.read(file, inode, from);
	const head = await headOf(file, lines.offset);
	const cursor: Cursor = { kind: "log", inode, offset: lines.offset, head };
	return { observations: lines.observations, cursor, more: !finished, gap };
}

async function openIfThere(path: string): Promise<FileHandle | null> {
	try {
		const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe must not hold us
		if ((await file.stat()).isFile()) return file;
		await file.close();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
		throw unreadable(path, error);
	}
	throw unreadable(path, new Error("it is not a plain file"));
}

async function continues(file: FileHandle, since: Cursor): Promise<boolean> {
	if ((await file.stat()).size < since.offset) return false;
	return (await headOf(file, since.offset)) === since.head;
}

async function headOf(file: FileHandle, offset: number): Promise<string> {
	const { buffer, bytesRead } = await file.read(
		Buffer.alloc(Math.min(HEAD_BYTES, offset) || 1),
		0,
		Math.min(HEAD_BYTES, offset),
		0,
	);
	return createHash("sha256").update(buffer.subarray(0, bytesRead)).digest("hex").slice(0, 16);
}

/** Reads the file that the cursor speaks of to its end, if it still lies beside the log; its cursor if that is too much for one pass. */
async function readRotated(path: string, since: Cursor, lines: Lines): Promise<"read" | "gone" | Cursor> {
	const name = basename(path);
	for (const other of await readdir(dirname(path))) {
		if (!other.startsWith(`${name}.`) && !other.startsWith(`${name}-`)) continue;
		const file = await openIfThere(join(dirname(path), other)).catch(() => null);
		if (file === null) continue;
		await using _ = file;
		const inode = (await file.stat()).ino;
		if (inode !== since.inode || !(await continues(file, since))) continue;
		if (await lines.read(file, inode, since.offset, { rotated: true })) return "read";
		return { kind: "log", inode, offset: lines.offset, head: await headOf(file, lines.offset) };
	}
	return "gone";
}

/** Collects lines from one file after the other, within the limits of one pass. */
class Lines {
	readonly observations: Json[] = [];
	/** Where the next pass begins in the file read last. */
	offset = 0;
	readonly #pattern: Pattern | undefined;
	readonly #options: Options;
	#bytesLeft = MAX_READ_BYTES;
	#turn = 0;

	constructor(pattern: Pattern | undefined, options: Options) {
		this.#pattern = pattern;
		this.#options = options;
	}

	/** True when the end of the file was reached. The torn last line of a rotated file counts, as nobody will finish it. */
	async read(file: FileHandle, inode: number, from: number, { rotated = false } = {}): Promise<boolean> {
		this.offset = from;
		const size = (await file.stat()).size;
		const length = Math.min(size - from, this.#bytesLeft);
		const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(length, 1)), 0, length, from);
		this.#bytesLeft -= bytesRead;
		const whole = from + bytesRead >= size;
		const bytes = buffer.subarray(0, bytesRead);
		for (let start = 0; start < bytes.byteLength; ) {
			if (this.observations.length >= this.#options.limit) return false;
			const newline = bytes.indexOf(NEWLINE, start);
			// A line that fills all a pass may read is cut, or no pass would ever get beyond it.
			const endless = newline === -1 && start === 0 && bytesRead === MAX_READ_BYTES;
			if (newline === -1 && !endless && !(rotated && whole)) return whole;
			const end = newline === -1 ? bytes.byteLength : newline;
			this.#look(bytes.subarray(start, end), inode, from + start);
			start = end + (newline === -1 ? 0 : 1);
			this.offset = from + start;
			await this.#pause();
		}
		return whole;
	}

	#look(bytes: Buffer, inode: number, offset: number): void {
		const cut = bytes.byteLength > MAX_LINE_BYTES;
		const line = new TextDecoder().decode(bytes.subarray(0, MAX_LINE_BYTES)).replace(/\r$/, "");
		const groups = this.#pattern === undefined ? {} : this.#pattern.groups(line);
		if (groups === null) return;
		// The offset alone comes again after a truncation, so the content counts too.
		const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
		this.observations.push({ ...groups, id: `${inode}-${offset}-${hash}`, line, offset, ...(cut ? { cut } : {}) });
	}

	async #pause(): Promise<void> {
		if (++this.#turn % LINES_A_TURN !== 0) return;
		await new Promise((resolve) => setImmediate(resolve));
		this.#options.signal.throwIfAborted();
	}
}
