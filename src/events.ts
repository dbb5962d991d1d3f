/**
 * The facts of the journal. One line of JSON each; `fold/` folds them, nothing else gives them meaning.
 *
 * Short member names are on purpose: these lines are most of what is written. Every event carries `at`, the wall clock
 * in milliseconds when it was decided.
 */
import type { Headers } from "./bus/bus.ts";
import type { KeptMessage, NewConsumer, NewStream } from "./bus/record.ts";
import type { ErrorData } from "./errors.ts";
import type { Json } from "./json.ts";
import type { NewSchedule } from "./task/schedule.ts";
import type { Answer, NewAsk, NewTask } from "./task/task.ts";
import type { WorkflowDefinition } from "./workflow/definition.ts";
import type { NewRun, NewStep, RunStep } from "./workflow/run.ts";
import type { NewTrigger } from "./workflow/trigger.ts";

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
	/** The attempt asked a person and gave its slot back. */
	| { type: "task.asked"; at: number; id: string; token: number; key: string; ask: NewAsk }
	/** By a person, or by the expiry of the question. */
	| { type: "task.answered"; at: number; id: string; key: string; answer: Answer }
	/** A dead letter was submitted again as another task, or (without `as`) put away. */
	| { type: "task.redriven"; at: number; id: string; as?: string }
	| { type: "task.cancelled"; at: number; id: string; error: ErrorData }
	| { type: "task.skipped"; at: number; id: string; error: ErrorData }
	| { type: "effect.intended"; at: number; id: string; key: string; describe: string }
	| { type: "effect.done"; at: number; id: string; key: string; result: Json }
	/** It certainly did not happen. */
	| { type: "effect.failed"; at: number; id: string; key: string; error: ErrorData }
	/** Nobody can say whether an earlier attempt did it; it is not repeated. */
	| { type: "effect.ambiguous"; at: number; id: string; key: string }
	| { type: "workflow.defined"; at: number; hash: string; definition: WorkflowDefinition }
	| ({ type: "run.created"; at: number } & NewRun)
	/** Its concurrency group lets it begin. */
	| { type: "run.started"; at: number; id: string }
	| ({ type: "step.started"; at: number; run: string } & NewStep)
	| { type: "step.skipped"; at: number; run: string; step: string }
	/** An item that is a frame of steps begins. Tasks and runs tell of themselves. */
	| { type: "item.started"; at: number; run: string; step: string; index: number }
	/** An item that is no task came to its end: with an output, or with an error. */
	| {
			type: "item.ended";
			at: number;
			run: string;
			step: string;
			index: number;
			output?: Json;
			error?: ErrorData;
			signal?: string;
	  }
	/** The step is over by decision, not by its items. */
	| {
			type: "step.ended";
			at: number;
			run: string;
			step: string;
			state: "completed" | "failed" | "cancelled";
			error?: ErrorData;
	  }
	/** Taken over from the run that this one forks. */
	| { type: "step.copied"; at: number; run: string; step: string; record: RunStep }
	/** A signal came that nobody waits for yet. */
	| { type: "run.signalled"; at: number; id: string; name: string; data: Json }
	| { type: "run.parked"; at: number; id: string; error: ErrorData }
	| { type: "run.unparked"; at: number; id: string }
	| { type: "run.completed"; at: number; id: string; outputs: { [name: string]: Json } }
	| { type: "run.failed"; at: number; id: string; error: ErrorData }
	| { type: "run.cancelled"; at: number; id: string; error: ErrorData }
	/** Nothing of the scope starts until it is resumed: `all`, `type:T`, `workflow:W` or `run:R`. */
	| { type: "queue.paused"; at: number; scope: string; reason?: string }
	| { type: "queue.resumed"; at: number; scope: string }
	| { type: "schedule.created"; at: number; schedule: NewSchedule }
	/** `task` or `run` of the same group of events is what it started. `nextAt` absent: it never fires again. */
	| { type: "schedule.fired"; at: number; id: string; dueAt: number; as: string; nextAt?: number }
	/** Fires that started nothing, and why. */
	| {
			type: "schedule.skipped";
			at: number;
			id: string;
			count: number;
			reason: "overlap" | "missed" | "refused";
			nextAt?: number;
			detail?: string;
	  }
	| { type: "schedule.deleted"; at: number; id: string }
	| { type: "trigger.enabled"; at: number; trigger: NewTrigger }
	| { type: "trigger.disabled"; at: number; id: string }
	| { type: "stream.created"; at: number; stream: NewStream }
	/** With its messages and consumers. */
	| { type: "stream.deleted"; at: number; name: string }
	/** Its number follows from its place in the journal; a duplicate, or one that `expect`s another last number, is not kept. */
	| {
			type: "stream.appended";
			at: number;
			stream: string;
			subject: string;
			data: Json;
			headers?: Headers;
			id?: string;
			expect?: number;
	  }
	/** New, or with other settings. */
	| { type: "consumer.created"; at: number; stream: string; consumer: NewConsumer }
	| { type: "consumer.deleted"; at: number; stream: string; name: string }
	| { type: "consumer.acked"; at: number; stream: string; consumer: string; seqs: number[] }
	/** Messages that are delivered once more, and for which time. */
	| {
			type: "consumer.redelivered";
			at: number;
			stream: string;
			consumer: string;
			deliveries: [seq: number, count: number][];
	  }
	/** With the message: the limits of the stream may have dropped it. */
	| {
			type: "consumer.dead";
			at: number;
			stream: string;
			consumer: string;
			message: Omit<KeptMessage, "size">;
			deliveries: number;
			reason: string;
	  }
	/** Dead letters that are delivered again. */
	| { type: "consumer.revived"; at: number; stream: string; consumer: string; seqs: number[] }
	/** Dead letters that are forgotten. */
	| { type: "consumer.dropped"; at: number; stream: string; consumer: string; seqs: number[] };

export type EventType = Event["type"];

/** An event at its place in the journal. */
export type StoredEvent = Event & { seq: number };

export const encodeEvent = (event: Event): string => JSON.stringify(event);

const utf8 = new TextEncoder();

/** The body of a batch: a JSON array of its encoded events, in memory of its own, so that it can be handed to a thread. */
export const encodeBody = (events: readonly string[]): Uint8Array => utf8.encode(`[${events.join(",")}]`);

/** @throws SyntaxError when it is not what {@link encodeBody} made */
export const decodeBody = (body: Uint8Array): Event[] =>
	JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8")) as Event[];
