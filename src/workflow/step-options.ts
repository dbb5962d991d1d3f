/** What may be said of a step in TypeScript: the keys of docs/workflow-format.md, typed over what the step sees. */
import type { z } from "zod";
import type { Duration } from "../duration.ts";
import type { ItemPolicy } from "./definition.ts";
import type { Ref, Reference, Templated, Untyped } from "./reference.ts";
import type { retry, running } from "./step-schema.ts";
import type { Work } from "./work.ts";

/** No steps yet, or no inputs. */
export type Nothing = Record<never, never>;

/** A step as expressions see it. */
export interface StepView<Output, Each = Output> {
	output: Output;
	/** Of its items, null where one is missing, or of its rounds. */
	outputs: Each[];
	state: "completed" | "skipped" | "failed" | "cancelled";
	missing: { index: number; code: string; message: string }[];
}

/** The outputs of steps by their ids. */
export type OutputsOf<Steps> = { [Id in keyof Steps]: Steps[Id] extends { output: infer Output } ? Output : never };

/** What an expression sees everywhere in a workflow. */
export interface Scope<Inputs, Steps> {
	readonly inputs: Ref<Inputs>;
	readonly steps: Ref<Steps>;
	readonly run: Ref<{ id: string; workflow: string }>;
}

/** What a part of a step with `forEach` sees besides. */
export interface ItemScope<Inputs, Steps, Item = unknown> extends Scope<Inputs, Steps> {
	readonly item: Ref<Item>;
	readonly index: Ref<number>;
}

/** A value, or the function that makes it of references; it is called once, while the workflow is defined. */
export type Late<Sees, Value> = Value | ((scope: Sees) => Value);

/** What `expr` makes, a reference to true or false, or just that. */
export type Condition = Reference<boolean> | boolean;

/** Of every step. */
export interface CommonOptions<Sees, Id extends string> {
	/** Steps of the same list that are over before this one starts. */
	needs?: Id | readonly Id[];
	/** False skips the step. */
	if?: Late<Sees, Condition>;
}

export type RetryOptions = z.input<typeof retry>;
type Running = z.input<z.ZodObject<typeof running>>;
type Policy = "queue" | "cancel-previous" | "reject";

/** Undoes the step when its run fails; `output` is what the step, or the item, made. */
export type Undo<Sees> = (scope: Sees & { readonly output: Untyped }) => Work<unknown>;

/** Of a step that does something; most of it is for the tasks of a skill, and an error elsewhere. */
export interface StepOptions<Sees, Id extends string, PartSees = Sees> extends CommonOptions<Sees, Id>, Running {
	capabilities?: string | readonly string[];
	concurrency?: string | { key: Late<PartSees, Templated<string>>; limit?: number; policy?: Policy };
	rate?: { key: Late<PartSees, Templated<string>>; limit: number; per: Duration };
	compensate?:
		| Undo<PartSees>
		| { by: Undo<PartSees>; capabilities?: string | readonly string[]; timeout?: Duration; retry?: RetryOptions };
}

export type ItemList<Item> = Reference<readonly Item[]> | readonly Item[];

/** Of a step that is done once for each item of a list. */
export interface ForEachOptions<Inputs, Steps, Id extends string, Item>
	extends StepOptions<Scope<Inputs, Steps>, Id, ItemScope<Inputs, Steps>> {
	in: Late<Scope<Inputs, Steps>, ItemList<Item>>;
	/** Its name in expressions. Default `item`; an item inside of an item needs another. */
	as?: string;
	/** Most items at the same time. Default: all. */
	parallel?: number;
	/** Default `fail`. */
	onFailure?: ItemPolicy;
}

/** Of steps that run again and again. */
export interface LoopOptions<Inputs, Steps, Id extends string> extends CommonOptions<Scope<Inputs, Steps>, Id> {
	/** Most rounds. */
	max: number;
	/** True after a round ends the loop. It sees the steps of the round, whose types are not known yet where it stands. */
	until?: (
		scope: Omit<Scope<Inputs, Steps>, "steps"> & { readonly steps: Untyped; readonly round: Ref<number> },
	) => Condition;
	onMax?: "continue" | "fail";
	timeout?: Duration;
}

interface WaitOptions<Sees, Id extends string> extends CommonOptions<Sees, Id> {
	timeout?: Duration;
	onTimeout?: "fail" | "continue";
}

export interface SignalOptions<Sees, Id extends string> extends WaitOptions<Sees, Id> {
	/** Name of the signal. */
	signal: string;
}

export interface ApprovalOptions<Sees, Id extends string> extends WaitOptions<Sees, Id> {
	/** One line. */
	title: Late<Sees, Templated<string>>;
	/** What is to be approved. */
	content?: ((scope: Sees) => unknown) | object | string | number | boolean | null;
	onDeny?: "fail" | "continue";
	labels?: Record<string, string>;
}

/** What an approval comes to; without an answer in time (`onTimeout: "continue"`) only `approved` and `expired`. */
export interface Approval {
	approved: boolean;
	by: string;
	comment: string;
	at: number;
	hash: string;
	expired: boolean;
}

export interface PauseOptions<Sees, Id extends string> extends CommonOptions<Sees, Id> {
	duration: Late<Sees, Duration | Reference<Duration>>;
}

export interface EventOptions<Sees, Id extends string> extends WaitOptions<Sees, Id> {
	/** Type of the event. */
	type: string;
	/** The first event for which it is true counts. */
	filter?: (scope: Sees & { readonly event: Ref<EventView> }) => Condition;
}

/** An event as expressions see it. */
export interface EventView {
	id: string;
	type: string;
	data: unknown;
	source: string;
	time: string;
}
