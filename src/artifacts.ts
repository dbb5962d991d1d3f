/** Artifacts: files of a data folder, named by the hash of their content, written once and never changed. */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MusterError } from "./errors.ts";
import type { Json } from "./json.ts";
import { type ArtifactRef, type ArtifactStore, isArtifactRef } from "./skill/skill.ts";

export class FileArtifacts implements ArtifactStore {
	readonly #folder: string;
	readonly #randomHex: (bytes: number) => string;

	/** @param randomHex names temporary files */
	constructor(folder: string, randomHex: (bytes: number) => string) {
		this.#folder = folder;
		this.#randomHex = randomHex;
	}

	/** Where its content lies. @throws E_ARTIFACT_UNKNOWN when it is not a reference */
	path(artifact: ArtifactRef): string {
		if (!isArtifactRef(artifact)) throw unknown(artifact);
		const hash = artifact.ref.slice("sha256:".length);
		return join(this.#folder, hash.slice(0, 2), hash);
	}

	async put(name: string, content: string | Uint8Array, mediaType: string): Promise<ArtifactRef> {
		const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
		const ref = hashOf(bytes);
		const artifact: ArtifactRef = { ref, size: bytes.byteLength, mediaType, name: safeName(name) };
		const path = this.path(artifact);
		if (await isWhole(path, ref)) return artifact;
		const folder = join(path, "..");
		const temporary = `${path}.${this.#randomHex(6)}.tmp`;
		try {
			const made = await mkdir(folder, { recursive: true, mode: 0o700 });
			if (made !== undefined) await syncFolder(join(made, ".."));
			const file = await open(temporary, "wx", 0o600);
			try {
				await file.writeFile(bytes);
				await file.sync();
			} finally {
				await file.close();
			}
			await rename(temporary, path);
			await syncFolder(folder);
		} catch (cause) {
			await rm(temporary, { force: true });
			if ((cause as NodeJS.ErrnoException).code === "ENOSPC") {
				throw new MusterError("E_STORAGE_FULL", `no space to store ${name}`, { cause });
			}
			throw new MusterError("E_DATA_FOLDER", `${name} could not be stored: ${(cause as Error).message}`, { cause });
		}
		return artifact;
	}

	async read(artifact: ArtifactRef): Promise<Uint8Array> {
		let bytes: Buffer;
		try {
			bytes = await readFile(this.path(artifact));
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
			throw unknown(artifact);
		}
		if (hashOf(bytes) === artifact.ref) return bytes;
		throw new MusterError("E_ARTIFACT_UNKNOWN", `the stored content of ${artifact.ref} is damaged`, {
			hint: "Run the task that made it again.",
		});
	}

	async text(artifact: ArtifactRef): Promise<string> {
		return new TextDecoder().decode(await this.read(artifact));
	}

	async json(value: Json | ArtifactRef): Promise<Json> {
		return isArtifactRef(value) ? (JSON.parse(await this.text(value)) as Json) : value;
	}
}

/** One path segment that every file system takes. */
function safeName(name: string): string {
	const cleaned = name.replace(/[^\p{L}\p{N}._ -]/gu, "-").replace(/^\.+/, "");
	return cleaned.slice(0, 120) || "artifact";
}

/** There already, and not damaged: a damaged one is written again. */
async function isWhole(path: string, ref: string): Promise<boolean> {
	try {
		return hashOf(await readFile(path)) === ref;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw error;
	}
}

const hashOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function syncFolder(folder: string): Promise<void> {
	const handle = await open(folder, "r");
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

function unknown(artifact: unknown): MusterError {
	const ref = (artifact as Partial<ArtifactRef> | null)?.ref;
	return new MusterError("E_ARTIFACT_UNKNOWN", `no artifact is stored under ${String(ref).slice(0, 80)}`);
}
