/**
 * A coordinator does its task through others: it splits it, delegates the parts by capability and gathers the results.
 * While the parts run it holds no slot and no memory; when all are over its task is performed again, with `children` filled.
 */
import { z } from "zod";
import type { Json } from "../json.ts";
import { type Assignment, Delegation } from "../scheduler/performer.ts";
import type { ChildResult, SkillContext } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import { type AgentOptions, BaseAgent } from "./base-agent.ts";
import {
	type FailurePolicy,
	failurePolicySchema,
	missingParts,
	requireEnough,
	requirePossible,
} from "./coordinators/failure-policy.ts";
import { readInput } from "./coordinators/reading.ts";

export abstract class CoordinatorAgent extends BaseAgent {
	readonly kind = "coordinator";

	/** The parts. Called again if the process dies before they are stored, so it should have no effects. */
	abstract split(assignment: Assignment, context: SkillContext): readonly TaskSpec[] | Promise<readonly TaskSpec[]>;

	/** Makes the output from what the parts came to, in the order of {@link split}. May throw, or delegate a further round. */
	abstract gather(
		children: readonly ChildResult[],
		assignment: Assignment,
		context: SkillContext,
	): unknown | Delegation | Promise<unknown>;

	override async perform(assignment: Assignment, context: SkillContext): Promise<unknown> {
		const { children } = context;
		if (children.length > 0) return this.gather(children, assignment, context);
		const parts = await this.split(assignment, context);
		return parts.length > 0 ? new Delegation(parts) : this.gather([], assignment, context);
	}
}

export interface CoordinateInput {
	tasks: TaskSpec[];
	/** Default `fail`: one part that does not complete fails the whole. */
	onFailure?: FailurePolicy;
}

const coordinateInput = z.object({ tasks: z.array(z.unknown()), onFailure: failurePolicySchema.default("fail") });
const HINT = 'For example { "tasks": [{ "type": "research", "input": { "topic": "..." } }] }.';

/**
 * The coordinator of a default fleet. Task type `coordinate`: `{ tasks: [...], onFailure? }` ->
 * `{ results: [{ id, type, state, output?, error? }], completed, failed, missing }`.
 */
export class FanOutCoordinator extends CoordinatorAgent {
	constructor(options: AgentOptions) {
		super({ ...options, capabilities: ["coordinate", ...(options.capabilities ?? [])] });
	}

	override split(assignment: Assignment): readonly TaskSpec[] {
		const { tasks, onFailure } = readInput(coordinateInput, assignment, HINT);
		requirePossible(onFailure, tasks.length, "E_INPUT_INVALID");
		return tasks as TaskSpec[]; // each is checked where they are submitted
	}

	override gather(children: readonly ChildResult[], assignment: Assignment): Json {
		const { onFailure } = readInput(coordinateInput, assignment, HINT);
		const missing = missingParts(children);
		requireEnough(onFailure, children.length, missing);
		const results = children.map((child) => ({ ...child }) as Json);
		const completed = children.length - missing.length;
		return { results, completed, failed: missing.length, missing };
	}
}
