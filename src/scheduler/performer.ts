/** What the scheduler needs of an agent: the port that `agent/base-agent.ts` implements. */
import type { Json } from "../json.ts";
import type { SkillContext } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";

export type AgentKind = "worker" | "coordinator" | "specialized";

/** What an agent is asked to do. */
export interface Assignment {
	readonly id: string;
	readonly type: string;
	/** A copy of its own: the agent may change it. */
	readonly input: Json;
	readonly attempt: number;
}

/** Returned by an agent in place of an output: the task waits, without a slot, until these are done, and is then performed again. */
export class Delegation {
	readonly tasks: readonly TaskSpec[];

	constructor(tasks: readonly TaskSpec[]) {
		this.tasks = tasks;
	}
}

export interface Performer {
	readonly name: string;
	readonly kind: AgentKind;
	/** Task types it does, and anything else a task may ask for. */
	readonly capabilities: readonly string[];
	/** Tasks at the same time. */
	readonly concurrency: number;
	/** Called once before the first task. */
	start(): Promise<void>;
	/** Does one task: resolves with JSON or a {@link Delegation}, or rejects. */
	perform(assignment: Assignment, context: SkillContext): Promise<unknown>;
	/** Whether it lives. Asked while it holds tasks; one that does not answer with true for the lease loses them. */
	alive(): Promise<boolean>;
	/** Called once after its last task. */
	stop(): Promise<void>;
}
