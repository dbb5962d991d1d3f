/**
 * A workflow in its one intermediate form: what a YAML file, a TypeScript workflow and later an editor compile to.
 * It is plain JSON, so its canonical text can be hashed and a run can be pinned to that hash. A member without a value is
 * absent, never undefined, or equal workflows would have different hashes.
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

/**
 * What failed items mean for their step.
 * `fail`: after the first one no further item begins, and when those that run are over the step fails. `continue`: all
 * items run, then one failed item fails it. `best-effort`: all items run and it completes whatever is missing. `quorum`: it
 * completes as soon as n items completed, what still runs is cancelled; once n cannot be reached it goes as with `fail`.
 * What is missing stands in `steps.ID.missing` and in the run's record.
 */
export type ItemPolicy = "fail" | "continue" | "best-effort" | { quorum: number };

export interface ForEachDefinition {
	/** Template of a list. */
	in: Template;
	/** Name of the item in the step's expressions; its place is `index`. */
	as: string;
	/** Most items at the same time. Default: all. */
	parallel?: number;
	/** Default `fail`. */
	onFailure?: ItemPolicy;
}

export interface LoopDefinition {
	/** Most rounds. */
	max: number;
	/** Expression, evaluated after each round over its steps; true ends the loop. Default: never, so all rounds run. */
	until?: string;
	/** When `max` rounds are over and `until` is not true. Default `continue`: the last round counts. */
	onMax?: "continue" | "fail";
	/**
	 * The steps of a round. They see the steps that are over before the loop starts; of their own round those they need, and
	 * of the others what the round before them made. `round` is the number of the round, from 0 (CEL reserves the word `loop`).
	 */
	steps: StepDefinition[];
}

/** A wait holds no slot and no task. Exactly one of `signal`, `approval`, `durationMs` and `event`. */
export interface WaitDefinition {
	/** Name of a signal to the run; the step's output is its data. */
	signal?: string;
	/** Asks a person; the output is `{ approved, by, comment, at, hash }`. */
	approval?: {
		/** One line; a template. */
		title: string;
		/** What is to be approved, shown as it is and bound to the answer by its hash. */
		content?: Template;
		/** `fail` (default): a denial fails the step. `continue`: the output says it. */
		onDeny?: "fail" | "continue";
		/** Free labels to pick by, for example `{ risk: low }`. */
		labels?: Record<string, string>;
	};
	/** Milliseconds, or a template that gives a duration. */
	durationMs?: number | string;
	/** Type of an event sent to the orchestrator; the output is the event. */
	event?: {
		type: string;
		/** Expression over `event` and what the step sees; the first event for which it is true ends the wait. */
		filter?: string;
	};
	timeoutMs?: number;
	/** Default `fail`. `continue`: the step completes with the output null (an approval: approved false, expired true). */
	onTimeout?: "fail" | "continue";
}

/** Undoes a completed step when its run fails for good. Its expressions see the step's own output, item and index too. */
export interface CompensateDefinition {
	skill: string;
	with: Template;
	capabilities?: string[];
	timeoutMs?: number;
	retry?: RetryDefinition;
}

/** One step; exactly one of `skill`, `workflow`, `wait`, `loop` and `steps` says what it does. */
export interface StepDefinition {
	id: string;
	/** Steps of the same list that must be completed or skipped by their own `if` before this one starts. */
	needs: string[];
	/** Expression; false skips the step, which satisfies the `needs` of others. */
	if?: string;
	/** The step once for each item of a list (not with `wait` and `loop`); its output is the list of outputs in that order. */
	forEach?: ForEachDefinition;

	/** The task type. */
	skill?: string;
	/** Another workflow by its name: it runs as a run of its own, pinned when the outer run starts; its outputs are the output. */
	workflow?: string;
	wait?: WaitDefinition;
	loop?: LoopDefinition;
	/** A group of steps. */
	steps?: StepDefinition[];

	/** Input of the skill or the workflow. Absent: {}. */
	with?: Template;
	/** Of `loop` and `steps`: what a round or group comes to, over its steps. Default: its outputs by step id. */
	output?: Template;
	compensate?: CompensateDefinition;

	/** The rest is of the tasks of a `skill` step ... */
	priority?: string;
	capabilities?: string[];
	idleTimeoutMs?: number;
	stallTimeoutMs?: number;
	retry?: RetryDefinition;
	concurrency?: { key: string; limit: number; policy: "queue" | "cancel-previous" | "reject" };
	rate?: { key: string; limit: number; perMs: number };
	/** ... but for this one: of one attempt of a `skill` step, and of the whole step for `workflow`, `loop` and `steps`. */
	timeoutMs?: number;
}

/** What starts runs of the workflow by itself, once it is enabled. */
export type TriggerDefinition =
	| {
			cron: {
				/** Five or six fields. */
				expr: string;
				/** IANA name. Default UTC. */
				timezone?: string;
				/** When the run of the fire before is not over. Default `skip`. */
				overlap?: "skip" | "queue" | "cancel-previous" | "allow";
				/** Fires that passed while nothing ran. Default `last`. */
				missed?: "skip" | "last" | "all";
			};
			/** Inputs of the run; may use `trigger.dueAt`. */
			with?: { [name: string]: Template };
	  }
	| {
			event: { type: string; filter?: string };
			/** Inputs of the run; may use `event`. */
			with?: { [name: string]: Template };
	  }
	| {
			webhook: { path: string /** Reference to the HMAC secret, for example `${env:HOOK_SECRET}`. */; secret: string };
			/** Inputs of the run; may use `event.data`, the body. */
			with?: { [name: string]: Template };
	  };

export interface WorkflowDefinition {
	name: string;
	version?: string;
	description?: string;
	labels?: Record<string, string>;
	inputs: Record<string, InputSpec>;
	/** In the order of the file. */
	steps: StepDefinition[];
	/** Run when the run has failed, after compensation; `error` is `{ code, message, step }`. Not after a cancel. */
	onFailure?: StepDefinition[];
	/** Run at the end of every run, completed or failed. Not after a cancel. */
	finally?: StepDefinition[];
	/** Name -> template over `inputs` and `steps`. */
	outputs: Record<string, Template>;
	triggers?: TriggerDefinition[];
	/** Runs of one group at the same time. */
	concurrency?: {
		/** Template over `inputs`. */
		group: string;
		limit: number;
		policy: "queue" | "cancel-previous" | "reject";
	};
}

/** As callers give one: as it is, or as `defineWorkflow` began it, with no outputs told. */
export type GivenWorkflow = WorkflowDefinition | { build(): WorkflowDefinition };

/** @throws E_WORKFLOW_INVALID */
export const builtOf = (given: GivenWorkflow): WorkflowDefinition =>
	"build" in Object(given) ? (given as { build(): WorkflowDefinition }).build() : (given as WorkflowDefinition);

/** Most steps of one definition at any depth, most items of one `forEach`, most rounds of a loop, and how deep steps nest. */
export const MAX_STEPS = 20_000;
export const MAX_ITEMS = 20_000;
export const MAX_ROUNDS = 1_000;
export const MAX_NESTING = 8;
/** How deep runs of other workflows nest. */
export const MAX_RUN_DEPTH = 8;
/** Most steps that one run may begin, over all rounds and items. */
export const MAX_RUN_STEPS = 100_000;

/** Words that are part of a step's path and so cannot be the id of a step. */
export const RESERVED_STEP_IDS = ["compensate", "onFailure", "finally"] as const;

export type StepKind = "skill" | "workflow" | "wait" | "loop" | "steps";

/** What a step does. A definition that was not validated may have none; then it counts as a skill. */
export function kindOf(step: StepDefinition): StepKind {
	if (step.workflow !== undefined) return "workflow";
	if (step.wait !== undefined) return "wait";
	if (step.loop !== undefined) return "loop";
	return step.steps === undefined ? "skill" : "steps";
}

/** Every step at any depth, also of the aftermath. */
export function* allSteps({
	steps,
	onFailure = [],
	finally: last = [],
}: WorkflowDefinition): Generator<StepDefinition> {
	const open = [...steps, ...onFailure, ...last].reverse();
	for (let step = open.pop(); step !== undefined; step = open.pop()) {
		yield step;
		open.push(...(step.loop?.steps ?? step.steps ?? []).toReversed());
	}
}

/** The task types that a workflow's own steps need, each with the id of the first step that does. */
export function skillsOf(definition: WorkflowDefinition): Map<string, string> {
	const skills = new Map<string, string>();
	for (const { id, skill, compensate } of allSteps(definition)) {
		for (const name of [skill, compensate?.skill]) if (name !== undefined && !skills.has(name)) skills.set(name, id);
	}
	return skills;
}
