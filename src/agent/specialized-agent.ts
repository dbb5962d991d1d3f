/** A specialised agent stands for an outside system and reaches it through a driver. It never pretends: no system, no work. */
import { MusterError } from "../errors.ts";
import type { Assignment } from "../scheduler/performer.ts";
import type { SkillContext } from "../skill/skill.ts";
import { type AgentOptions, BaseAgent } from "./base-agent.ts";

export interface Driver {
	/** A cheap real call. Resolves when the system can work now; rejects with the reason when it cannot. */
	probe(signal: AbortSignal): Promise<void>;
	/** Has the system do one task. */
	call(assignment: Assignment, context: SkillContext): Promise<unknown>;
	close?(): Promise<void>;
}

export interface SpecializedOptions extends AgentOptions {
	driver: Driver;
	/** Longest probe. Default 2,000. */
	probeMs?: number;
}

export class SpecializedAgent extends BaseAgent {
	readonly kind = "specialized";
	readonly #driver: Driver;
	readonly #probeMs: number;

	constructor({ driver, probeMs = 2_000, ...options }: SpecializedOptions) {
		super(options);
		this.#driver = driver;
		this.#probeMs = probeMs;
	}

	/** @throws why the system cannot work; the agent is then unhealthy, and is asked again at every heartbeat */
	override async start(): Promise<void> {
		await this.#driver.probe(AbortSignal.timeout(this.#probeMs));
	}

	override async alive(): Promise<boolean> {
		try {
			await this.#driver.probe(AbortSignal.timeout(this.#probeMs));
			return true;
		} catch {
			return false; // the reason is the agent's state: unhealthy
		}
	}

	override perform(assignment: Assignment, context: SkillContext): Promise<unknown> {
		if (!this.capabilities.includes(assignment.type)) {
			throw new MusterError("E_INTERNAL", `${this.name} was given a ${assignment.type} task, which it cannot do`);
		}
		return this.#driver.call(assignment, context);
	}

	override async stop(): Promise<void> {
		await this.#driver.close?.();
	}
}
