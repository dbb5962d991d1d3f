/** Whom a coordinator hands a part to. */
import type { Json } from "../../json.ts";
import type { TaskSpec } from "../../task/spec.ts";

/** A task type; or one with the capabilities, retries and limits that its tasks are to have. */
export type Delegate = string | Omit<TaskSpec, "input" | "dependsOn" | "idempotencyKey">;

/** The task that gives `input` to a delegate. */
export function taskFor(delegate: Delegate, input: Json): TaskSpec {
	return { ...(typeof delegate === "string" ? { type: delegate } : delegate), input };
}
