/** The two ways in which `act` changes a file. Both can be cut off at any moment and taken up again. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { MusterError } from "../../errors.ts";
import type { Target } from "./act-policy.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

const isMissing = (error: unknown): boolean => (error as { code?: string }).code === "ENOENT";

/** True if the file holds exactly this content, written by anyone. What a killed attempt left beside it is removed. */
export async function hasContent(target: Target, content: string, owner: string): Promise<boolean> {
	const wanted = Buffer.from(content);
	try {
		if ((await stat(target.path)).size !== wanted.byteLength) return false;
		if (!wanted.equals(await readFile(target.path))) return false;
	} catch (error) {
		if (isMissing(error)) return false;
		throw error;
	}
	await unlink(temporaryPath(target, owner)).catch(() => {}); // nearly always there is none
	return true;
}

/** The same in every attempt, so that the half-written file of a killed one is used up by the next. */
function temporaryPath({ path }: Target, owner: string): string {
	const name = createHash("sha256").update(`${owner} ${path}`).digest("hex").slice(0, 16);
	return join(dirname(path), `.muster-${name}.tmp`);
}

/**
 * The file has either its old content or all of the new one, also after a power cut.
 *
 * @param options.owner names the effect, the same in every attempt
 * @throws E_CONFLICT when the file is there with other content and may not be overwritten
 */
export async function writeWhole(
	target: Target,
	content: string,
	options: { overwrite: boolean; owner: string },
): Promise<void> {
	const folder = await makeParent(target);
	const temporary = temporaryPath(target, options.owner);
	const file = await open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
	try {
		await file.writeFile(content);
		await file.chmod(await modeOf(target.path));
		await file.sync();
	} finally {
		await file.close();
	}
	if (options.overwrite) {
		await rename(temporary, target.path);
	} else {
		// Unlike rename, link refuses a name that is taken, in one step.
		const failure = await link(temporary, target.path).then(
			() => null,
			(error: NodeJS.ErrnoException) => error,
		);
		await unlink(temporary);
		if (failure?.code === "EEXIST")
			throw new MusterError("E_CONFLICT", `${target.path} exists with other content`, {
				hint: 'Set "overwrite": true, or choose another path.',
			});
		if (failure !== null) throw failure;
	}
	await syncFolder(folder);
}

const modeOf = (path: string): Promise<number> =>
	stat(path).then(
		({ mode }) => mode & 0o777,
		() => 0o644,
	);

/**
 * Appends a line so that it is there exactly once. A line that a crash cut short is finished if it is the beginning of
 * this one; any other torn line is left as it is, and this one starts on a new line.
 */
export async function appendOnce(target: Target, line: string): Promise<void> {
	const folder = await makeParent(target);
	const file = await open(target.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
	try {
		if ((await file.stat()).nlink > 1)
			throw new MusterError("E_RULE_REFUSED", `${target.path} has a second name elsewhere`, {
				hint: "Nothing is appended to a file with several hard links.",
			});
		const whole = Buffer.from(`${line}\n`);
		const torn = await tornLine(file, whole.byteLength);
		const continues = torn !== null && whole.subarray(0, torn.byteLength).equals(torn);
		const rest =
			torn === null ? whole : continues ? whole.subarray(torn.byteLength) : Buffer.concat([Buffer.of(NEWLINE), whole]);
		await file.appendFile(rest);
		await file.sync();
	} finally {
		await file.close();
	}
	await syncFolder(folder);
}

/** What follows the last newline, null if nothing does. Of a torn line longer than `limit` only a part, which then matches no line. */
async function tornLine(file: FileHandle, limit: number): Promise<Buffer | null> {
	const { size } = await file.stat();
	const length = Math.min(size, limit + 1);
	const end = Buffer.alloc(length);
	await readFully(file, end, size - length);
	const newline = end.lastIndexOf(NEWLINE);
	if (newline === length - 1) return null; // also the empty file
	if (newline === -1 && length < size) return Buffer.of(NEWLINE);
	return end.subarray(newline + 1);
}

async function readFully(file: FileHandle, into: Buffer, position: number): Promise<void> {
	for (let done = 0; done < into.byteLength; ) {
		const { bytesRead } = await file.read(into, done, into.byteLength - done, position + done);
		if (bytesRead === 0) throw new MusterError("E_FILE_UNREADABLE", "the file became shorter while it was read");
		done += bytesRead;
	}
}

/** Looks for complete lines of one file by how they end. Each look reads on where the one before stopped. */
export class LineFinder {
	readonly #wanted = new Set<string>();
	readonly #lengths = new Set<number>();
	readonly #found = new Set<string>();
	#inode = 0;
	#readTo = 0;

	/** Must be told everything it will be asked for before it is asked the first time. */
	want(ending: string): void {
		this.#wanted.add(ending);
		this.#lengths.add(Buffer.byteLength(ending));
	}

	async has({ path }: Target, ending: string): Promise<boolean> {
		if (this.#found.has(ending)) return true;
		const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
			if (isMissing(error)) return null;
			throw error;
		});
		if (file === null) return false;
		try {
			await this.#read(file);
		} finally {
			await file.close();
		}
		return this.#found.has(ending);
	}

	async #read(file: FileHandle): Promise<void> {
		const { ino, size } = await file.stat();
		if (ino !== this.#inode || size < this.#readTo) this.#readTo = 0;
		this.#inode = ino;
		let carried: Buffer<ArrayBufferLike> = Buffer.alloc(0);
		for (let at = this.#readTo; at < size; ) {
			const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
			await readFully(file, chunk, at);
			at += chunk.byteLength;
			carried = Buffer.concat([carried, chunk]);
			for (let newline = carried.indexOf(NEWLINE); newline !== -1; newline = carried.indexOf(NEWLINE)) {
				this.#look(carried.subarray(0, newline));
				carried = carried.subarray(newline + 1);
				this.#readTo = at - carried.byteLength;
			}
			// Only the end of a line counts, so the beginning of an endless one need not be held.
			if (carried.byteLength > CHUNK_BYTES) carried = carried.subarray(-CHUNK_BYTES);
		}
	}

	#look(line: Buffer<ArrayBufferLike>): void {
		for (const length of this.#lengths) {
			if (line.byteLength < length) continue;
			const ending = line.toString("utf8", line.byteLength - length);
			if (this.#wanted.has(ending)) this.#found.add(ending);
		}
	}
}

/** Makes the folders on the way and makes sure that none of them has become a link since the path was checked. */
async function makeParent({ root, path }: Target): Promise<string> {
	const folder = dirname(path);
	const made = await mkdir(folder, { recursive: true });
	if ((await realpath(folder)) !== join(await realpath(root), relative(root, folder)))
		throw new MusterError("E_RULE_REFUSED", `${folder} has become a link`, {
			hint: "Links are not followed when writing.",
		});
	if (made !== undefined) {
		for (let at = folder; at.length >= dirname(made).length; at = dirname(at)) await syncFolder(at);
	}
	return folder;
}

/** A new name is on disk only once its folder is. */
async function syncFolder(folder: string): Promise<void> {
	const handle = await open(folder, O_RDONLY);
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}
