/** What one look at a file, a folder or a file of records gives, and what has changed since an earlier one. */
import { createHash } from "node:crypto";
import { constants, createReadStream, type Stats } from "node:fs";
import { lstat, open, opendir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { hasCode, MusterError } from "../../errors.ts";
import { canonicalJson, copyJson, type Json } from "../../json.ts";

/** The outcome of one pass over anything that can be watched. */
export interface Pass {
	/** Only what is new. */
	observations: Json[];
	cursor: Json;
	/** The limit was reached: another pass gets the rest at once. */
	more: boolean;
	/** Text that could not be read as a record. */
	malformed?: number;
	/** Something may have come and gone unseen between the two looks. */
	gap?: boolean;
}

const MAX_HASHED_BYTES = 256 * 1024 * 1024;
const MAX_DATA_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 100_000;

export const unreadable = (path: string, cause: unknown): MusterError => {
	const { code, message } = cause as { code?: string; message?: string };
	return new MusterError("E_FILE_UNREADABLE", `${path} cannot be read (${code ?? message})`, { cause });
};

/** What `look` gives, null when the path is not there. @throws E_FILE_UNREADABLE */
async function ifThere<Found>(path: string, look: () => Promise<Found>): Promise<Found | null> {
	try {
		return await look();
	} catch (error) {
		if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
		if (hasCode(error)) throw error;
		throw unreadable(path, error);
	}
}

const hash = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const isoTime = (ms: number): string => new Date(Math.floor(ms)).toISOString();

export const fileCursor = z.strictObject({
	kind: z.literal("file"),
	exists: z.boolean(),
	/** Of the content; of size and time when the file is too large to hash. */
	hash: z.string(),
	mtimeMs: z.number(),
});

/** One observation when the file is new, gone, or has other content than before. */
export async function observeFile(
	path: string,
	since: z.infer<typeof fileCursor> | undefined,
	signal: AbortSignal,
): Promise<Pass> {
	const found = await ifThere(path, () => stat(path));
	const cursor = { kind: "file", exists: found !== null, hash: "", mtimeMs: found?.mtimeMs ?? 0 };
	let observation: Json = { id: `${basename(path)}-missing`, path, exists: false };
	if (found !== null) {
		if (!found.isFile()) throw unreadable(path, new Error("it is not a plain file"));
		cursor.hash = await contentHash(path, found, signal);
		observation = {
			id: `${basename(path)}-${cursor.hash.slice(0, 12)}`,
			path,
			exists: true,
			size: found.size,
			modifiedAt: isoTime(found.mtimeMs),
			sha256: found.size > MAX_HASHED_BYTES ? null : cursor.hash,
		};
	}
	const same = since !== undefined && since.exists === cursor.exists && since.hash === cursor.hash;
	return { observations: same ? [] : [observation], cursor, more: false };
}

async function contentHash(path: string, { size, mtimeMs }: Stats, signal: AbortSignal): Promise<string> {
	if (size > MAX_HASHED_BYTES) return hash(`${size} ${mtimeMs}`);
	const digest = createHash("sha256");
	try {
		for await (const chunk of createReadStream(path, { signal })) digest.update(chunk as Buffer);
	} catch (error) {
		signal.throwIfAborted();
		throw unreadable(path, error);
	}
	return digest.digest("hex");
}

export const folderCursor = z.strictObject({
	kind: z.literal("folder"),
	exists: z.boolean(),
	/** Name of each entry and how it looked. Pairs, as a name may be one that no object should have. */
	entries: z.array(z.tuple([z.string(), z.string()])),
});

/** One observation for each entry that is new, changed or gone; of the first look, for each there is. Not its subfolders. */
export async function observeFolder(
	path: string,
	since: z.infer<typeof folderCursor> | undefined,
	{ limit, signal }: { limit: number; signal: AbortSignal },
): Promise<Pass> {
	const found = await ifThere(path, () => listFolder(path, signal));
	const known = new Map(since?.entries);
	const cursor: z.infer<typeof folderCursor> = { kind: "folder", exists: found !== null, entries: [] };
	const observations: Json[] = [];
	if (found === null && since?.exists !== false)
		observations.push({ id: `${basename(path)}-missing`, path, exists: false });
	const names = new Set([...known.keys(), ...(found?.keys() ?? [])]);
	let more = false;
	for (const name of [...names].sort()) {
		const [before, entry] = [known.get(name), found?.get(name)];
		const unchanged = before === entry?.look;
		if (!unchanged && observations.length >= limit) {
			more = true; // stays as it was in the cursor, so the next pass sees it
			if (before !== undefined) cursor.entries.push([name, before]);
			continue;
		}
		if (entry !== undefined) cursor.entries.push([name, entry.look]);
		if (unchanged) continue;
		const change =
			entry === undefined ? "removed" : before !== undefined ? "modified" : since === undefined ? "present" : "added";
		const id = `${name}-${hash(`${change} ${entry?.look ?? before}`).slice(0, 8)}`;
		observations.push({ id, path: join(path, name), name, change, ...(entry?.fields ?? {}) });
	}
	return { observations, cursor, more };
}

interface Entry {
	look: string;
	fields: { type: string; size: number; modifiedAt: string };
}

async function listFolder(path: string, signal: AbortSignal): Promise<Map<string, Entry>> {
	const entries = new Map<string, Entry>();
	for await (const { name } of await opendir(path)) {
		signal.throwIfAborted();
		if (entries.size >= MAX_ENTRIES)
			throw new MusterError("E_INPUT_TOO_LARGE", `${path} holds more than ${MAX_ENTRIES} entries`);
		const found = await lstat(join(path, name)).catch(() => null); // gone in between
		if (found === null) continue;
		const type = found.isFile() ? "file" : found.isDirectory() ? "folder" : found.isSymbolicLink() ? "link" : "other";
		const look = `${type} ${found.size} ${found.mtimeMs} ${found.ino}`;
		entries.set(name, { look, fields: { type, size: found.size, modifiedAt: isoTime(found.mtimeMs) } });
	}
	return entries;
}

export const dataCursor = z.strictObject({
	kind: z.literal("data"),
	exists: z.boolean(),
	/** A short hash of each record that was reported and is still there. */
	seen: z.array(z.string()),
});

/** The records of a file of NDJSON or of a JSON array that no earlier pass has seen. Nested objects become `outer.inner`. */
export async function observeData(
	path: string,
	since: z.infer<typeof dataCursor> | undefined,
	limit: number,
): Promise<Pass> {
	const text = await ifThere(path, () => readText(path));
	if (text === null) {
		// The first look is at what somebody named: a slip in the path must not pass for a quiet day.
		if (since === undefined) {
			throw new MusterError("E_FILE_UNREADABLE", `${path} does not exist`, {
				hint: "Give the path of the data to watch.",
			});
		}
		const observations: Json[] = since.exists ? [{ id: `${basename(path)}-missing`, path, exists: false }] : [];
		return { observations, cursor: { kind: "data", exists: false, seen: [] }, more: false };
	}
	const before = new Set(since?.seen);
	const { records, malformed } = parseRecords(text, path);
	const observations: Json[] = [];
	const seen: string[] = [];
	let more = false;
	for (const { record, id, mark } of identified(records)) {
		const known = before.has(mark);
		if (!known && observations.length >= limit) {
			more = true;
			continue;
		}
		seen.push(mark);
		if (!known) observations.push({ ...flatten(record), id });
	}
	return { observations, cursor: { kind: "data", exists: true, seen }, more, malformed };
}

/** An id that no two records share: their own, else a hash of the content; and a mark that changes with the content. */
function* identified(records: Fields[]): Iterable<{ record: Fields; id: string; mark: string }> {
	const used = new Map<string, number>();
	for (const record of records) {
		const content = hash(canonicalJson(record)).slice(0, 12);
		const name = typeof record.id === "string" || typeof record.id === "number" ? String(record.id) : content;
		const nth = (used.get(name) ?? 0) + 1;
		used.set(name, nth);
		yield nth === 1 ? { record, id: name, mark: content } : { record, id: `${name}~${nth}`, mark: `${content}~${nth}` };
	}
}

async function readText(path: string): Promise<string> {
	const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe must not hold us
	await using _ = file;
	const found = await file.stat();
	if (!found.isFile()) throw new Error("it is not a plain file");
	if (found.size > MAX_DATA_BYTES)
		throw new MusterError("E_INPUT_TOO_LARGE", `${path} is larger than ${MAX_DATA_BYTES} bytes`);
	return await readFile(file, "utf8");
}

type Fields = { [key: string]: Json };

function parseRecords(text: string, path: string): { records: Fields[]; malformed: number } {
	const lines = () => text.split("\n").filter((line) => line.trim() !== "");
	const parts = /^\uFEFF?\s*\[/.test(text) ? [parsed(text)].flat() : lines().map(parsed);
	const records: Fields[] = [];
	for (const part of parts) {
		if (typeof part !== "object" || part === null || Array.isArray(part)) continue;
		try {
			records.push(copyJson(part, "record", "E_INPUT_INVALID") as Fields); // refuses what JSON.parse lets through
		} catch {}
	}
	if (records.length === 0 && parts.length > 0)
		throw new MusterError("E_INPUT_INVALID", `${path} holds no records`, {
			hint: "It must be one JSON object a line, or one JSON array of objects.",
		});
	return { records, malformed: parts.length - records.length };
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text.replace(/^\uFEFF/, ""));
	} catch {
		return null;
	}
}

function flatten(record: Fields, prefix = "", into: Fields = {}): Fields {
	for (const [name, value] of Object.entries(record)) {
		if (value !== null && typeof value === "object" && !Array.isArray(value)) flatten(value, `${prefix}${name}.`, into);
		else into[prefix + name] = value;
	}
	return into;
}
