/** Stages in sequence: each gets what the one before returned. */
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import type { ChildResult } from "../../skill/skill.ts";
import { type Delegate, taskFor } from "./delegate.ts";
import { type FailurePolicy, type MissingPart, missingPart, requireEnough, requirePossible } from "./failure-policy.ts";
import { checkCount } from "./reading.ts";
import { type CoordinatorOptions, oneTask, type Rounds, RoundsCoordinator } from "./rounds.ts";

const MAX_STAGES = 100;

export interface PipelineOptions extends CoordinatorOptions {
	/** Who does each stage, at most 100. The first one gets the task's input. */
	stages: readonly Delegate[];
	/**
	 * A stage that does not complete is left out where this allows it: the next one then gets what the failed one got.
	 * Default `fail`.
	 */
	onFailure?: FailurePolicy;
}

export type PipelineResult = {
	/** What the last stage that completed returned. */
	output: Json;
	/** All stages in order. */
	stages: { id: string; type: string; state: ChildResult["state"] }[];
	completed: number;
	missing: MissingPart[];
};

/** Any input -> {@link PipelineResult}. */
export class PipelineCoordinator extends RoundsCoordinator {
	readonly #stages: readonly Delegate[];
	readonly #onFailure: FailurePolicy;

	/** @throws E_CONFIG_INVALID */
	constructor({ stages, onFailure = "fail", ...options }: PipelineOptions) {
		super(options);
		checkCount("stages", stages.length, 1, MAX_STAGES);
		requirePossible(onFailure, stages.length, "E_CONFIG_INVALID");
		this.#stages = [...stages];
		this.#onFailure = onFailure;
	}

	/** The input of a stage, numbered from 0. Override it to give a stage more than the value before it. */
	protected stageInput(_stage: number, before: Json, _taskInput: Json): Json {
		return before;
	}

	protected override async *rounds({ input }: Assignment): Rounds<PipelineResult> {
		const stages: PipelineResult["stages"] = [];
		const missing: MissingPart[] = [];
		let value = input;
		for (const [i, stage] of this.#stages.entries()) {
			const child = yield* oneTask(taskFor(stage, this.stageInput(i, value, input)));
			stages.push({ id: child.id, type: child.type, state: child.state });
			if (child.state === "completed") value = child.output ?? null;
			else missing.push(missingPart(i, child));
			requireEnough(this.#onFailure, this.#stages.length, missing);
		}
		return { output: value, stages, completed: stages.length - missing.length, missing };
	}
}
