/** What a run is pinned to. */
import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../json.ts";
import type { WorkflowDefinition } from "./definition.ts";

/** SHA-256 of the canonical text, in hex: equal for definitions that mean the same, whatever their file looks like. */
export function definitionHash(definition: WorkflowDefinition): string {
	return createHash("sha256")
		.update(canonicalJson(definition as unknown as Json))
		.digest("hex");
}
