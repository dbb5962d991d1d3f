/**
 * A coordinator does its task through others: it splits it, delegates the parts by capability and gathers the results.
 * While the parts run it holds no slot and no memory; when all are over its task is performed again, with `children` filled.
 */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { type Assignment, Delegation } from "../scheduler/performer.ts";
import type { ChildResult, SkillContext } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import { type AgentOptions, BaseAgent } from "./base-agent.ts";

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
	/** `fail` (default): one part that does not complete fails the whole. `continue`: its result says so. */
	onFailure?: "fail" | "continue";
}

/**
 * The coordinator of a default fleet. Task type `coordinate`: `{ tasks: [...], onFailure? }` ->
 * `{ results: [{ id, type, state, output?, error? }], completed, failed }`.
 */
export class FanOutCoordinator extends CoordinatorAgent {
	constructor(options: AgentOptions) {
		super({ ...options, capabilities: ["coordinate", ...(options.capabilities ?? [])] });
	}

	override split({ input }: Assignment): readonly TaskSpec[] {
		return coordinateInput(input).tasks;
	}

	override gather(children: readonly ChildResult[], { input }: Assignment): Json {
		const missing = children.filter((child) => child.state !== "completed");
		const [first] = missing;
		if (first !== undefined && coordinateInput(input).onFailure !== "continue") {
			const why = first.error?.message ?? `it was ${first.state}`;
			throw new MusterError(
				"E_DEPENDENCY_FAILED",
				`${missing.length} of ${children.length} parts did not complete; ${first.id}: ${why}`,
			);
		}
		const results = children.map((child) => ({ ...child }) as Json);
		return { results, completed: children.length - missing.length, failed: missing.length };
	}
}

function coordinateInput(input: Json): CoordinateInput {
	const given = input as Partial<CoordinateInput> | null;
	if (given === null || typeof given !== "object" || !Array.isArray(given.tasks)) {
		throw new MusterError("E_INPUT_INVALID", "the input of coordinate needs a list of tasks", {
			hint: 'For example { "tasks": [{ "type": "research", "input": { "topic": "..." } }] }.',
		});
	}
	return given as CoordinateInput;
}
