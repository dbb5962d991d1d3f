/**
 * What a workflow engine does, whoever drives the runs: the embedded engine, and later one outside. Its conformance suite
 * (`conformance.ts`) says what each call means. The tasks of the steps are done by the same agents either way.
 */
import type { ErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import type { WorkflowDefinition } from "./definition.ts";
import type { RunState, StepState } from "./run.ts";

/** A run as its engine reports it. */
export interface RunReport {
	id: string;
	state: RunState;
	/** State of each step that has begun or was skipped, by path; see `run.ts`. */
	steps: { [path: string]: StepState };
	outputs?: { [name: string]: Json };
	error?: ErrorData;
}

/** What a person is asked. */
export interface Question {
	id: string;
	title: string;
	content: Json;
	hash: string;
}

export interface WorkflowEngine {
	/** Resolves with the run's id when it is durable. @throws E_WORKFLOW_INVALID, E_WORKFLOW_UNKNOWN, E_INPUT_INVALID, E_CONFLICT */
	start(definition: WorkflowDefinition, inputs?: { [name: string]: Json }): Promise<string>;
	/** The run as it is. @throws E_RUN_UNKNOWN */
	report(id: string): Promise<RunReport>;
	/** The run when it is over. */
	result(id: string): Promise<RunReport>;
	/** Resolves when it is durable and nothing of it runs any more. */
	cancel(id: string): Promise<void>;
	/** @throws E_CONFLICT when the run is over */
	signal(id: string, name: string, data: Json): Promise<void>;
	/** An event for whoever waits for it; resolves with how many waits it ended. */
	send(type: string, data: Json): Promise<number>;
	/** What people are asked now. */
	questions(): Promise<Question[]>;
	/** @throws E_APPROVAL_UNKNOWN, E_CONFLICT when it was answered before or the hash is another */
	answer(question: string, approved: boolean, options?: { hash?: string; comment?: string }): Promise<void>;
	/** Begins a run that is over again, from its failed steps or from a step of choice. Resolves with the new run's id. */
	again(id: string, options?: { from?: string; inputs?: { [name: string]: Json } }): Promise<string>;
}
