/** The documents of a folder, of files and of web addresses, read within bounds. What cannot be read is said, not dropped. */
import { constants, lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { hasCode, MusterError } from "../../errors.ts";
import { fetchBounded } from "../web.ts";
import { blocksOfText } from "./markdown-blocks.ts";
import { type Block, pageText } from "./page-text.ts";

export const LIMITS = { files: 2_000, fileBytes: 5 * 1024 * 1024, totalBytes: 200 * 1024 * 1024, depth: 10 };
/** Entries looked at while walking, so that a folder of a million other files does not hold the agent. */
const MAX_ENTRIES = 200_000;
const EXTENSIONS = new Set([".md", ".markdown", ".txt", ".html", ".htm"]);

export interface Place {
	path?: string;
	url?: string;
}
export interface Document extends Place {
	title: string;
	blocks: Block[];
}
export interface Unreadable extends Place {
	reason: string;
}
export interface Places {
	places: Place[];
	unreadable: Unreadable[];
}

/**
 * The documents below `folder`, in order of their names. Hidden entries are passed over.
 * @throws E_FILE_UNREADABLE for a folder that is missing, is no folder, cannot be read or holds no document
 */
export async function documentsIn(folder: string, signal: AbortSignal): Promise<Places> {
	const root = await realpath(resolve(folder)).catch((error) => unreadableFolder(folder, error));
	if (!(await stat(root)).isDirectory()) throw new MusterError("E_FILE_UNREADABLE", `${folder} is not a folder`);
	const found: Places = { places: [], unreadable: [] };
	const seen = new Set<string>([root]);
	const pending: { real: string; shown: string; depth: number }[] = [{ real: root, shown: folder, depth: 0 }];
	let entries = 0;
	for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
		signal.throwIfAborted();
		const { real: directory, shown, depth } = next;
		const names = await readdir(directory).catch((error) => {
			if (depth === 0) return unreadableFolder(folder, error);
			found.unreadable.push({ path: shown, reason: reasonOf(error) });
			return [];
		});
		for (const name of names.sort()) {
			if (++entries > MAX_ENTRIES) break;
			if (name.startsWith(".")) continue;
			const path = join(shown, name);
			const real = await insideOf(root, join(directory, name));
			if (real === null) {
				found.unreadable.push({ path, reason: "is a link that leads nowhere or out of the folder" });
			} else if (real.isFolder) {
				if (seen.has(real.path)) continue;
				seen.add(real.path);
				if (depth + 1 < LIMITS.depth) pending.push({ real: real.path, shown: path, depth: depth + 1 });
				else found.unreadable.push({ path, reason: `is more than ${LIMITS.depth} folders deep` });
			} else if (EXTENSIONS.has(extname(name).toLowerCase())) {
				if (found.places.length < LIMITS.files) found.places.push({ path });
				else found.unreadable.push({ path, reason: `is beyond the limit of ${LIMITS.files} files` });
			}
		}
	}
	if (found.places.length === 0) {
		throw new MusterError("E_FILE_UNREADABLE", `${folder} holds no document that can be read`, {
			hint: "Documents are files ending in .md, .txt or .html.",
		});
	}
	return found;
}

/** Where an entry really is; null for a link that breaks or leaves `root`. */
async function insideOf(root: string, path: string): Promise<{ path: string; isFolder: boolean } | null> {
	try {
		const info = await lstat(path);
		if (!info.isSymbolicLink()) return { path, isFolder: info.isDirectory() };
		const real = await realpath(path);
		const away = relative(root, real);
		if (away === ".." || away.startsWith(`..${sep}`) || resolve(away) === away) return null;
		return { path: real, isFolder: (await stat(real)).isDirectory() };
	} catch {
		return null;
	}
}

/** @throws E_FILE_UNREADABLE or E_FETCH_FAILED, for the caller to note down */
export async function readDocument(place: Place, signal: AbortSignal): Promise<{ document: Document; bytes: number }> {
	if (place.url !== undefined) return await readPage(place.url, signal);
	const path = place.path ?? "";
	const bytes = await readBounded(path);
	const text = decode(bytes, path);
	const extension = extname(path).toLowerCase();
	if (extension === ".html" || extension === ".htm") {
		const page = await pageText(text, path);
		return { document: { path, title: page.title, blocks: page.blocks }, bytes: bytes.byteLength };
	}
	const blocks = blocksOfText(text, extension !== ".txt");
	return { document: { path, title: basename(path, extname(path)), blocks }, bytes: bytes.byteLength };
}

async function readBounded(path: string): Promise<Uint8Array> {
	try {
		// Opening a named pipe would otherwise block until somebody writes to it.
		const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
		await using _ = file;
		const { size } = await file.stat().then((info) => (info.isFile() ? info : refuse(path, "is not a file")));
		if (size > LIMITS.fileBytes) refuse(path, `is larger than ${LIMITS.fileBytes} bytes`);
		const buffer = new Uint8Array(size);
		const { bytesRead } = await file.read(buffer, 0, size, 0);
		return buffer.subarray(0, bytesRead);
	} catch (error) {
		if (hasCode(error, "E_FILE_UNREADABLE")) throw error;
		return refuse(path, reasonOf(error));
	}
}

function decode(bytes: Uint8Array, path: string): string {
	if (bytes.subarray(0, 8_192).includes(0)) return refuse(path, "is a binary file");
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		return refuse(path, "is not UTF-8 text");
	}
}

async function readPage(url: string, signal: AbortSignal): Promise<{ document: Document; bytes: number }> {
	const { bytes, contentType } = await fetchBounded(url, { signal, maxBytes: LIMITS.fileBytes });
	const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
	if (type !== "" && !type.startsWith("text/") && type !== "application/xhtml+xml") {
		throw new MusterError("E_FETCH_FAILED", `${url} is ${type}, not text`, { retryable: false });
	}
	const text = decoderFor(contentType).decode(bytes);
	const isHtml = type.includes("html") || (type === "" && /<html|<!doctype html/i.test(text.slice(0, 2_000)));
	if (isHtml) {
		const page = await pageText(text, url);
		return { document: { url, title: page.title, blocks: page.blocks }, bytes: bytes.byteLength };
	}
	const blocks = blocksOfText(text, type === "text/markdown" || /\.md$/i.test(new URL(url).pathname));
	return { document: { url, title: "", blocks }, bytes: bytes.byteLength };
}

function decoderFor(contentType: string): { decode(bytes: Uint8Array): string } {
	const charset = /charset="?([\w-]{1,40})/i.exec(contentType)?.[1] ?? "utf-8";
	try {
		return new TextDecoder(charset);
	} catch {
		return new TextDecoder();
	}
}

function refuse(path: string, problem: string): never {
	throw new MusterError("E_FILE_UNREADABLE", `${path} ${problem}`);
}

function unreadableFolder(folder: string, error: unknown): never {
	throw new MusterError("E_FILE_UNREADABLE", `The folder ${folder} ${reasonOf(error)}`, {
		hint: "Give a folder that exists; a relative one is looked for from where the orchestrator was started.",
		cause: error,
	});
}

function reasonOf(error: unknown): string {
	const { code, message } = error as { code?: string; message?: string };
	if (code === "ENOENT") return "does not exist";
	if (code === "EACCES" || code === "EPERM") return "may not be read";
	if (code === "EISDIR") return "is a folder, not a file";
	return `cannot be read: ${message ?? code ?? "unknown reason"}`;
}
