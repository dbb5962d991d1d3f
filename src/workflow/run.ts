/**
 * One execution of a workflow, as the fold of its events. Plain data; `decide.ts` reads it, `run-fold.ts` writes it.
 *
 * Steps stand under their path: `edit` at the top, `edit.2.review` in the third round (or item) of `edit`,
 * `onFailure.tell` and `finally.clean` in those lists, `pay.compensate` for the compensation of `pay`. What comes before
 * the last part of a path is its frame: one list of steps under way.
 */
import type { ErrorData } from "../errors.ts";
import type { Json } from "../json.ts";

/** `queued`: its concurrency group is full. `parked`: it does not fit its definition; it is tried again at each start. */
export const runStates = ["queued", "running", "parked", "completed", "failed", "cancelled"] as const;
export type RunState = (typeof runStates)[number];
export type StepState = "running" | "completed" | "failed" | "skipped" | "cancelled";

/** What an item of a step is: a task, a run of another workflow, a frame of steps, or something waited for. */
export type ItemKind = "task" | "run" | "frame" | "wait";

/** What an open wait waits for. */
export type WaitRecord =
	| { kind: "signal"; name: string }
	| { kind: "event"; type: string }
	| { kind: "duration" }
	| {
			kind: "approval";
			title: string;
			content: Json;
			/** SHA-256 of the canonical JSON of title and content: what an answer is bound to. */
			hash: string;
			labels?: { [name: string]: string };
	  };

export interface Missing {
	index: number;
	code: string;
	message: string;
}

/** Entries of `missing` that are kept; `failed` counts all. */
export const MAX_MISSING_KEPT = 100;

export interface RunStep {
	state: StepState;
	/** Absent: task. */
	items?: ItemKind;
	/** How many items it has: 1, the number of items of its `forEach`, or the most rounds of its loop. */
	total: number;
	/** Whether `outputs` is one output or a list. A loop's output is that of its last round. */
	each: boolean;
	/** Outputs of its items by index; undefined where none is there yet. */
	outputs: (Json | undefined)[];
	/** Items whose output is null, while others are not there: JSON would make both the same ({@link reviveStep}). */
	nulls?: number[];
	/** Items that have begun. */
	begun: number;
	/** Items that completed. */
	done: number;
	/** Items that ended otherwise. */
	failed: number;
	/** How many items must complete. Absent: all. */
	need?: number;
	/** All items begin, and it is over when all of them are. Absent: as soon as the end is certain. */
	late?: true;
	/** Its end is decided by an event of its own, not by its items: a loop. */
	open?: true;
	/** The items that did not complete, the first {@link MAX_MISSING_KEPT}. */
	missing?: Missing[];
	wait?: WaitRecord;
	/** Wall clock: when the wait or the step's time limit ends. */
	until?: number;
	startedAt: number;
	endedAt?: number;
	/** Its place in the order in which steps of the run were over, from 1. */
	order?: number;
	error?: ErrorData;
	/** The run that did it, when this one took it over and may have to undo it: {@link Run.origins} has its inputs. */
	origin?: string;
}

export interface InnerRuns {
	live: number;
	/** That began so far. */
	all: number;
	/** Length of the inputs of all of them, in characters of JSON. */
	inputs: number;
}

/** One list of steps under way, counted. */
export interface Frame {
	running: number;
	/** Completed or skipped. */
	over: number;
	/** Failed or cancelled. */
	broken: number;
}

/** Runs of one key go on up to the limit; the others are queued. */
export interface RunGroup {
	key: string;
	limit: number;
	/** Absent: `queue`. `reject` needs no record, since such a run is never queued. */
	policy?: "cancel-previous";
}

export interface Run {
	id: string;
	workflow: string;
	/** Hash of the definition it is pinned to. */
	hash: string;
	/** Hashes of the workflows its steps may run, by name; of the outermost run. */
	uses?: { [name: string]: string };
	/** Folders of the files of those, where default paths begin; by name, of those that have such defaults. */
	folders?: { [name: string]: string };
	/** The step of another run that runs it. */
	parent?: { id: string; step: string; index: number; depth: number };
	/** What started it, when nobody did: a schedule, an event, a webhook. */
	trigger?: { kind: "cron" | "event" | "webhook"; id: string; dueAt?: number };
	/** The run it was begun from again, and the first step that was not taken over. */
	fork?: { run: string; step?: string };
	/** Inputs of the runs that did the steps it took over, by run: what a compensation sees. */
	origins?: { [run: string]: { [name: string]: Json } };
	group?: RunGroup;
	/** Fingerprint of the request that started it under an idempotency key. */
	request?: string;
	inputs: { [name: string]: Json };
	state: RunState;
	createdAt: number;
	/** When its group let it begin. Absent: at once. */
	startedAt?: number;
	endedAt?: number;
	/** Steps that have begun or were skipped, by path. A step that is not here waits. */
	steps: { [path: string]: RunStep };
	/** Lists that go on, by the part of the path before the last dot; "" is the top. An item's list goes when the item is over. */
	frames: { [prefix: string]: Frame };
	/** Steps that were over so far, for {@link RunStep.order}. */
	over: number;
	/** Of an outermost run: the runs inside of it, at any depth. */
	inner?: InnerRuns;
	/** Length of the outputs of its groups, rounds and inner runs so far, and of what it asked, in characters of JSON. */
	made?: number;
	/** Signals that nobody waited for yet. */
	signals?: Signal[];
	outputs?: { [name: string]: Json };
	error?: ErrorData;
	/** Why it is parked. */
	parked?: ErrorData;
}

/** What `run.created` tells of a run; the rest follows from later events. */
export type NewRun = Pick<
	Run,
	| "id"
	| "workflow"
	| "hash"
	| "uses"
	| "folders"
	| "parent"
	| "trigger"
	| "fork"
	| "origins"
	| "group"
	| "request"
	| "inputs"
>;

/** What `step.started` tells of a step. */
export type NewStep = { step: string } & Pick<
	RunStep,
	"each" | "total" | "items" | "need" | "late" | "open" | "wait" | "until"
>;

export interface Signal {
	name: string;
	data: Json;
}

export const MAX_SIGNALS_KEPT = 100;

export const isRunOver = (state: RunState): boolean =>
	state === "completed" || state === "failed" || state === "cancelled";

/** What the engine has to do next; `decide` returns these, the embedded engine turns them into events. */
export type Command =
	/** The step begins. Its items follow as commands of their own; with no items it is over at once. */
	| ({ kind: "start" /** Its time limit or the length of its wait. */; limitMs?: number } & Omit<NewStep, "until">)
	/** An item of it begins: a task with this input, a run of another workflow with these inputs, or a frame. */
	| { kind: "item"; step: string; index: number; input?: Json; concurrencyKey?: string; rateKey?: string }
	/** An item that is no task came to its end. */
	| {
			kind: "item-end";
			step: string;
			index: number;
			output?: Json;
			error?: ErrorData /** Uses up a kept signal of this name. */;
			signal?: string;
	  }
	/** The answer is full: what follows from this step, or from this list, is not all in it. */
	| { kind: "more"; step: string }
	/** The step is over by decision: skipped, not begun because of an expression, a loop's end, a wait given up. */
	| { kind: "end"; step: string; state: Exclude<StepState, "running">; error?: ErrorData }
	| { kind: "complete"; outputs: { [name: string]: Json } }
	| { kind: "fail"; error: ErrorData };

/** The outermost of the runs around a run, or itself: the id of an inner run begins with that of the run around it. */
export const outermost = (id: string): string => id.split(".", 1)[0] as string;
