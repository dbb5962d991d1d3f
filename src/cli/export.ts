/** Files of a run: every artifact its outputs mention, copied into a folder under its name. */
import { mkdir, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type ArtifactRef, isArtifactRef } from "../skill/skill.ts";

export interface ExportedFile {
	/** Where in the outputs it was found, for example `charts[0]`. */
	output: string;
	path: string;
	bytes: number;
	mediaType: string;
	ref: string;
}

/** @throws E_ARTIFACT_UNKNOWN, E_FILE_UNREADABLE when the folder cannot be written */
export async function exportArtifacts(
	outputs: { [name: string]: Json },
	folder: string,
	read: (artifact: ArtifactRef) => Promise<Uint8Array>,
): Promise<ExportedFile[]> {
	const files: ExportedFile[] = [];
	for (const { output, artifact, name } of namedArtifacts(outputs)) {
		const path = join(folder, name);
		const content = await read(artifact);
		try {
			await mkdir(folder, { recursive: true });
			await writeFile(path, content);
		} catch (cause) {
			throw new MusterError("E_FILE_UNREADABLE", `${path} cannot be written: ${(cause as Error).message}`, {
				hint: "The run is stored. Give a folder that this user may write, with --out.",
				cause,
			});
		}
		files.push({ output, path, bytes: content.byteLength, mediaType: artifact.mediaType, ref: artifact.ref });
	}
	return files;
}

/** Each artifact once, under a name that no other one has, also where upper and lower case are the same. */
export function namedArtifacts(outputs: {
	[name: string]: Json;
}): { output: string; artifact: ArtifactRef; name: string }[] {
	const taken = new Set<string>();
	const seen = new Set<string>();
	return find(outputs, "").flatMap(({ output, artifact }) => {
		const wanted = safeName(artifact.name);
		const key = `${artifact.ref} ${wanted}`;
		if (seen.has(key)) return [];
		seen.add(key);
		const ending = extname(wanted);
		const stem = wanted.slice(0, wanted.length - ending.length);
		let name = wanted;
		for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${stem}-${n}${ending}`;
		taken.add(name.toLowerCase());
		return [{ output, artifact, name }];
	});
}

function find(value: Json, path: string): { output: string; artifact: ArtifactRef }[] {
	if (isArtifactRef(value)) return [{ output: path, artifact: value }];
	if (Array.isArray(value)) return value.flatMap((item, i) => find(item, `${path}[${i}]`));
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, member]) => find(member, path === "" ? key : `${path}.${key}`));
}

/** A name comes from a task's output, so it is never trusted to stay inside the folder. */
function safeName(name: unknown): string {
	const cleaned = String(name ?? "")
		.replace(/[^\p{L}\p{N}._ -]/gu, "-")
		.replace(/^[.\s]+|[.\s]+$/g, "");
	return cleaned.slice(0, 120) || "artifact";
}
