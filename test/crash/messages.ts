/** What the driver and its worker process say to each other, and the lines of the witness. No product code in here. */

/** A command of the driver; `n` numbers its calls over all cycles. */
export type Command =
	| { op: "open"; options: Record<string, unknown>; after: number }
	| { op: "submit"; n: number; specs: Spec[] }
	| { op: "run"; n: number; workflow: string; inputs: Record<string, unknown> }
	| { op: "cancel"; n: number; id: string }
	/** Answers when nothing live is left. */
	| { op: "drain" }
	| { op: "stop" };

export interface Spec {
	type: string;
	input?: unknown;
	dependsOn?: string[];
	idempotencyKey?: string;
	retry?: unknown;
	priority?: string;
	delay?: number;
}

export interface SeenEvent {
	seq: number;
	type: string;
	/** Of the task or run. */
	id?: string;
	/** The whole event, as JSON with its members in the order they came. */
	text: string;
}

/** What the worker says. */
export type Answer =
	| { kind: "loaded" }
	| { kind: "open"; ms: number }
	| { kind: "ack"; n: number; ids: string[] }
	| { kind: "refused"; n: number; code: string; message: string }
	| { kind: "events"; events: SeenEvent[] }
	| { kind: "drained"; tasks: FinalTask[]; runs: FinalRun[]; counts: Counts }
	| { kind: "failed"; message: string };

export interface FinalTask {
	id: string;
	type: string;
	state: string;
	input: unknown;
	output?: unknown;
	error?: { code: string; message: string };
	attempts: number;
	parent?: string;
	run?: string;
	dependsOn?: string[];
}

export interface FinalRun {
	id: string;
	state: string;
	outputs?: unknown;
	error?: { code: string; message: string };
}

export interface Counts {
	submitted: number;
	pending: number;
	running: number;
	completed: number;
	failed: number;
	cancelled: number;
	skipped: number;
}

/** One line of the witness: written and synced before the skill goes on. */
export interface WitnessLine {
	/** `begin`, `end` of an execution; `effect`: the outside world was changed. */
	what: "begin" | "end" | "effect";
	/** The task. */
	id: string;
	type: string;
	/** What `input.n` was: which call of the driver this belongs to. */
	n: number;
	attempt: number;
	/** The key of an effect. */
	key?: string;
	/** CLOCK_MONOTONIC in nanoseconds, the same for all processes of a machine. */
	t: number;
	pid: number;
}

/** What the driver wrote down, in its order. */
export type LogEntry =
	| { what: "submit"; n: number; t: number; specs: Spec[] }
	| { what: "run"; n: number; t: number }
	| { what: "cancel"; n: number; t: number; id: string }
	| { what: "ack"; n: number; t: number; ids: string[] }
	| { what: "refused"; n: number; t: number; code: string }
	| { what: "event"; t: number; event: SeenEvent }
	| { what: "kill"; t: number; cycle: number }
	| { what: "final"; t: number; tasks: FinalTask[]; runs: FinalRun[]; counts: Counts };

/** The same clock in every process; doubles hold it to the microsecond. */
export const clockNs = (): number => Number(process.hrtime.bigint());
