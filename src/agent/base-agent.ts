/** What every agent is. Extend one of the three kinds, or this class for a kind of your own. */
import type { AgentKind, Assignment, Performer } from "../scheduler/performer.ts";
import type { SkillContext } from "../skill/skill.ts";

export interface AgentOptions {
	/** Unique in its orchestrator, for example `worker-1`. */
	name: string;
	/** Task types it performs, and anything else a task may ask for in `capabilities`. */
	capabilities?: readonly string[];
	/** Tasks at the same time. Default 1. */
	concurrency?: number;
}

export abstract class BaseAgent implements Performer {
	abstract readonly kind: AgentKind;
	readonly name: string;
	readonly capabilities: readonly string[];
	readonly concurrency: number;

	constructor({ name, capabilities = [], concurrency = 1 }: AgentOptions) {
		this.name = name;
		this.capabilities = [...new Set(capabilities)];
		this.concurrency = concurrency;
	}

	/** Does one task. What it returns is the task's output; what it throws is the attempt's error. */
	abstract perform(assignment: Assignment, context: SkillContext): Promise<unknown>;

	/** Called once before the first task; when it rejects, the agent is unhealthy until `alive` says otherwise. */
	async start(): Promise<void> {}

	/** Called once after the last task. */
	async stop(): Promise<void> {}

	/** Asked at every heartbeat while it holds tasks; no answer for the lease means that it is lost. */
	async alive(): Promise<boolean> {
		return true;
	}
}
