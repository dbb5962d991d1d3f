/**
 * Who changed what over HTTP: lines in the data folder that are only added. A change is acknowledged when its line is on
 * disk. When a line cannot be written it is kept, and nothing further is changed before it is.
 */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type AuditEntry, BEGIN, type Head, lineOf } from "./audit-chain.ts";
import { CURRENT, olderFiles, olderName } from "./audit-files.ts";
import { beginFile, failed, type OpenFile, openLast, writeAt } from "./audit-open.ts";

export interface Audit {
	/** Before a change: whether its line can be written. @throws E_STORAGE_FULL, E_DATA_FOLDER */
	ready(): Promise<void>;
	/** Resolves when it is on disk. @throws E_STORAGE_FULL, E_DATA_FOLDER */
	append(entry: AuditEntry): Promise<void>;
	close(): Promise<void>;
}

export interface AuditOptions {
	/** Whether a line survives a power cut; else it survives kill -9. */
	sync: boolean;
	/** A longer file is followed by another one. */
	fileBytes?: number;
	/** Besides the current file; the oldest is deleted. */
	keepFiles?: number;
	/** How a text gets into the file; a test lets it fail. */
	write?: typeof writeAt;
}

const FILE_BYTES = 16 * 1024 * 1024;
const KEEP_FILES = 16;

export class AuditLog implements Audit {
	readonly #folder: string;
	readonly #options: Required<AuditOptions>;
	#current: OpenFile | undefined;
	#opening: Promise<OpenFile> | undefined;
	/** Of the last line that was made, whether it is on disk yet or not. */
	#made = BEGIN;
	/** Of the last line on disk. */
	#stored = BEGIN;
	/** Made and not on disk. */
	#waiting: { text: string; head: Head }[] = [];
	#writing: Promise<void> | undefined;
	#failing = false;

	/** Used by the owner of the folder alone. Nothing is opened before it is needed. */
	constructor(folder: string, options: AuditOptions) {
		this.#folder = folder;
		this.#options = { fileBytes: FILE_BYTES, keepFiles: KEEP_FILES, write: writeAt, ...options };
	}

	async ready(): Promise<void> {
		if (this.#current === undefined) await this.#open();
		if (this.#failing) await this.#upTo(this.#made.seq);
	}

	async append(entry: AuditEntry): Promise<void> {
		if (this.#current === undefined) await this.#open();
		const line = lineOf(this.#made, entry);
		this.#made = line.head;
		this.#waiting.push(line);
		await this.#upTo(line.head.seq);
	}

	async close(): Promise<void> {
		await this.#writing?.catch(() => undefined);
		await this.#current?.file.close();
	}

	async #open(): Promise<OpenFile> {
		this.#opening ??= openLast(this.#folder)
			.then(({ current, head }) => {
				this.#made = head;
				this.#stored = head;
				this.#current = current;
				return current;
			})
			.finally(() => {
				this.#opening = undefined;
			});
		return this.#opening;
	}

	/** What is made while one batch is being written goes with the next. */
	async #upTo(seq: number): Promise<void> {
		while (this.#stored.seq < seq) {
			this.#writing ??= this.#write().finally(() => {
				this.#writing = undefined;
			});
			await this.#writing;
		}
	}

	async #write(): Promise<void> {
		const batch = [...this.#waiting];
		try {
			let current = this.#current as OpenFile;
			if (current.bytes > this.#options.fileBytes) current = await this.#nextFile(current);
			const { file, bytes } = current;
			try {
				const text = batch.map((line) => line.text).join("");
				const length = await this.#options.write(file, text, bytes);
				if (this.#options.sync) await file.datasync();
				current.bytes += length;
			} catch (error) {
				await file.truncate(bytes).catch(() => undefined); // else the next try writes over it
				throw error;
			}
		} catch (error) {
			this.#failing = true;
			throw failed(error, "a line of the audit cannot be written");
		}
		this.#failing = false;
		this.#waiting.splice(0, batch.length);
		this.#stored = batch.at(-1)?.head ?? this.#stored;
	}

	/** The new one is whole before it takes the place of the old one. */
	async #nextFile(before: OpenFile): Promise<OpenFile> {
		const next = await beginFile(this.#folder, this.#stored);
		const path = join(this.#folder, CURRENT);
		await rename(path, join(this.#folder, olderName(before.first)));
		await rename(`${path}.next`, path);
		this.#current = next;
		await before.file.close();
		const older = olderFiles(this.#folder);
		for (const name of older.slice(0, Math.max(0, older.length - this.#options.keepFiles))) {
			await rm(join(this.#folder, name), { force: true });
		}
		return next;
	}
}

/** For a test, or a program that keeps its own account. */
export const noAudit: Audit = {
	ready: async () => undefined,
	append: async () => undefined,
	close: async () => undefined,
};
