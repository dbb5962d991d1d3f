/** One execution of a workflow, as the fold of its events. Plain data; `decide.ts` reads it, `state.ts` writes it. */
import type { ErrorData } from "../errors.ts";
import type { Json } from "../json.ts";

export type RunState = "running" | "completed" | "failed" | "cancelled";
export type StepState = "running" | "completed" | "failed" | "skipped" | "cancelled";

export interface RunStep {
	state: StepState;
	/** How many tasks it has: 1, or the number of items of its `forEach`. */
	total: number;
	/** Whether `outputs` is one output or a list. */
	each: boolean;
	/** Outputs of its tasks by index; undefined where none is there yet. */
	outputs: (Json | undefined)[];
	/** Tasks that completed. */
	done: number;
	/** Tasks that ended otherwise. The step is over when `done + failed` is `total`. */
	failed: number;
	startedAt: number;
	endedAt?: number;
	error?: ErrorData;
}

export interface Run {
	id: string;
	workflow: string;
	/** Hash of the definition it is pinned to. */
	hash: string;
	inputs: { [name: string]: Json };
	state: RunState;
	createdAt: number;
	endedAt?: number;
	/** Steps that have begun or were skipped, by id. A step that is not here waits. */
	steps: { [id: string]: RunStep };
	outputs?: { [name: string]: Json };
	error?: ErrorData;
}

/** What the engine has to do next; `decide` returns these, the embedded engine turns them into events. */
export type Command =
	| { kind: "start"; step: string; each: boolean; inputs: Json[] }
	| { kind: "skip"; step: string }
	| { kind: "complete"; outputs: { [name: string]: Json } }
	| { kind: "fail"; error: ErrorData };
