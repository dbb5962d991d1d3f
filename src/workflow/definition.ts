/**
 * A workflow in its one intermediate form: what a YAML file, a TypeScript workflow and later an editor compile to.
 * It is plain JSON, so its canonical text can be hashed and a run can be pinned to that hash.
 */
import type { Json } from "../json.ts";

/** One declared input of a workflow. */
export interface InputSpec {
	type: "string" | "integer" | "number" | "boolean" | "array" | "object";
	description?: string;
	/** A string that names a file or folder. A default is relative to the workflow's file, a given one to who gives it. */
	format?: "path";
	default?: Json;
	enum?: Json[];
	minimum?: number;
	maximum?: number;
}

/** JSON in which any string may hold `${{ expression }}`. A string that is one expression keeps the value's type. */
export type Template = Json;

export interface RetryDefinition {
	/** Attempts in all, the first one included. */
	maxAttempts: number;
	/** Longest wait before the second attempt, in milliseconds; later ones grow by `factor` up to `capMs`. */
	initialMs: number;
	factor: number;
	capMs: number;
	/** `full`: a random part of the wait (spreads retries); `none`: exactly the wait. */
	jitter: "full" | "none";
}

export interface StepDefinition {
	id: string;
	/** The task type. */
	skill: string;
	/** Steps that must be completed or skipped by their own `if` before this one starts. */
	needs: string[];
	/** Expression; false skips the step, which satisfies the `needs` of others. */
	if?: string;
	/** One task for each item of a list; the step's output is then the list of outputs in the same order. */
	forEach?: { in: Template; as: string };
	/** The task's input. */
	with: Template;
	priority?: string;
	capabilities?: string[];
	timeoutMs?: number;
	idleTimeoutMs?: number;
	retry?: RetryDefinition;
}

export interface WorkflowDefinition {
	name: string;
	version?: string;
	description?: string;
	labels?: Record<string, string>;
	inputs: Record<string, InputSpec>;
	/** In the order of the file. */
	steps: StepDefinition[];
	/** Name -> template over `inputs` and `steps`. */
	outputs: Record<string, Template>;
}

/** Most steps of one definition, and most tasks of one `forEach`. */
export const MAX_STEPS = 1_000;
export const MAX_ITEMS = 10_000;
