/** What a coordinator gets from outside, checked before it is relied on: its options, its task's input, its children's outputs. */
import type { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import { explain } from "../../schema.ts";
import { type ArtifactStore, isArtifactRef } from "../../skill/skill.ts";

/** A bounded whole number of the options. @throws E_CONFIG_INVALID */
export function checkCount(what: string, count: number, least: number, most: number): void {
	if (Number.isInteger(count) && count >= least && count <= most) return;
	throw new MusterError("E_CONFIG_INVALID", `${what}: ${count} is not a whole number from ${least} to ${most}`);
}

/** @throws E_INPUT_INVALID */
export function readInput<T>(
	schema: z.ZodType<T>,
	{ type, input }: Pick<Assignment, "type" | "input">,
	hint?: string,
): T {
	const parsed = schema.safeParse(input ?? {});
	if (parsed.success) return parsed.data;
	throw new MusterError(
		"E_INPUT_INVALID",
		`the input of ${type} is not right: ${explain(parsed.error, schema, input ?? {})}`,
		{ hint },
	);
}

/** The value itself, also when it was so large that it was stored as an artifact. */
export async function readStored(value: Json, artifacts: ArtifactStore): Promise<Json> {
	// A reference to a text or a picture is a value of its own, and is left as it is.
	return isArtifactRef(value) && value.mediaType === "application/json" ? artifacts.json(value) : value;
}
