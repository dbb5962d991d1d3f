/**
 * The facts of the journal. One line of JSON each; `state.ts` folds them, nothing else gives them meaning.
 *
 * Short member names are on purpose: these lines are most of what is written. Every event carries `at`, the wall clock
 * in milliseconds when it was decided.
 */
import type { ErrorData } from "./errors.ts";
import type { Json } from "./json.ts";
import type { NewTask } from "./task/task.ts";
import type { WorkflowDefinition } from "./workflow/definition.ts";

export type Event =
	/** A process took the folder. Attempt tokens of this epoch are larger than any before. */
	| { type: "epoch.started"; at: number; epoch: number }
	| { type: "task.submitted"; at: number; task: NewTask }
	| { type: "task.started"; at: number; id: string; token: number; agent: string }
	| { type: "task.completed"; at: number; id: string; token: number; output: Json }
	| { type: "task.retrying"; at: number; id: string; token: number; error: ErrorData; runAt: number }
	| { type: "task.reoffered"; at: number; id: string; token: number; error: ErrorData; crash: boolean }
	| { type: "task.waiting"; at: number; id: string; token: number; children: string[] }
	/** Final, by an attempt (with its token) or before one (deadline; without). */
	| { type: "task.failed"; at: number; id: string; token?: number; error: ErrorData }
	| { type: "task.cancelled"; at: number; id: string; error: ErrorData }
	| { type: "task.skipped"; at: number; id: string; error: ErrorData }
	| { type: "effect.intended"; at: number; id: string; key: string; describe: string }
	| { type: "effect.done"; at: number; id: string; key: string; result: Json }
	/** It certainly did not happen. */
	| { type: "effect.failed"; at: number; id: string; key: string; error: ErrorData }
	/** Nobody can say whether an earlier attempt did it; it is not repeated. */
	| { type: "effect.ambiguous"; at: number; id: string; key: string }
	| { type: "workflow.defined"; at: number; hash: string; definition: WorkflowDefinition }
	| { type: "run.created"; at: number; id: string; workflow: string; hash: string; inputs: { [name: string]: Json } }
	| { type: "step.started"; at: number; run: string; step: string; each: boolean; total: number }
	| { type: "step.skipped"; at: number; run: string; step: string }
	| { type: "run.completed"; at: number; id: string; outputs: { [name: string]: Json } }
	| { type: "run.failed"; at: number; id: string; error: ErrorData }
	| { type: "run.cancelled"; at: number; id: string; error: ErrorData };

export type EventType = Event["type"];

/** An event at its place in the journal. */
export type StoredEvent = Event & { seq: number };

export const encodeEvent = (event: Event): string => JSON.stringify(event);

const utf8 = new TextEncoder();

/** The body of a batch: a JSON array of its encoded events, in memory of its own, so that it can be handed to a thread. */
export const encodeBody = (events: readonly string[]): Uint8Array => utf8.encode(`[${events.join(",")}]`);

/** @throws SyntaxError when it is not what {@link encodeBody} made */
export const decodeBody = (body: Uint8Array): Event[] => JSON.parse(Buffer.from(body).toString("utf8")) as Event[];
