/** What a run is pinned to. */
import { createHash } from "node:crypto";
import { canonicalJson, copyJson, type Json } from "../json.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";

/**
 * SHA-256 of the canonical text, in hex: equal for definitions that say the same, however their file is written.
 *
 * @throws E_INPUT_INVALID for a definition made in code that is not JSON
 */
export const definitionHash = (definition: WorkflowDefinition): string =>
	createHash("sha256").update(textOf(definition)).digest("hex");

/** Whether two steps say the same, with all that is inside of them. */
export const isSameStep = (a: StepDefinition, b: StepDefinition): boolean => a === b || textOf(a) === textOf(b);

const textOf = (definition: WorkflowDefinition | StepDefinition): string =>
	canonicalJson(copyJson(definition, "the workflow", "E_INPUT_INVALID"));

/** What the answer of a person is bound to: SHA-256 of the canonical JSON of title and content, as 64 hex digits. */
export const hashOfQuestion = (title: string, content: Json): string =>
	createHash("sha256").update(canonicalJson({ title, content })).digest("hex");
