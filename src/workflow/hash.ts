/** What a run is pinned to. */
import { createHash } from "node:crypto";
import { canonicalJson, copyJson, type Json } from "../json.ts";
import type { WorkflowDefinition } from "./definition.ts";

/**
 * SHA-256 of the canonical text, in hex: equal for definitions that say the same, however their file is written.
 *
 * @throws E_INPUT_INVALID for a definition made in code that is not JSON
 */
export function definitionHash(definition: WorkflowDefinition): string {
	const data = copyJson(definition, "the workflow", "E_INPUT_INVALID");
	return createHash("sha256").update(canonicalJson(data)).digest("hex");
}

/** What the answer of a person is bound to: SHA-256 of the canonical JSON of title and content, as 64 hex digits. */
export const hashOfQuestion = (title: string, content: Json): string =>
	createHash("sha256").update(canonicalJson({ title, content })).digest("hex");
