/** How the skills of automation hand on a list that may be short or very long. */
import { z } from "zod";
import type { Json } from "../../json.ts";
import { type ArtifactRef, isArtifactRef, type SkillContext } from "../skill.ts";

/** Well below the 64 kB a task's whole output may have inline. */
const INLINE_BYTES = 24 * 1024;

export const artifactRef = z
	.custom<ArtifactRef>(isArtifactRef, "is not a reference to an artifact")
	.meta({ title: "artifact" });
export const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
export const record = z.record(z.string(), json);

/** The value itself if it is small, else a reference to it as a JSON file of this name. */
export async function inlineOrStored<Value extends Json>(
	value: Value,
	name: string,
	{ artifacts }: Pick<SkillContext, "artifacts">,
): Promise<Value | ArtifactRef> {
	const text = JSON.stringify(value);
	return Buffer.byteLength(text) <= INLINE_BYTES ? value : artifacts.put(name, text, "application/json");
}
