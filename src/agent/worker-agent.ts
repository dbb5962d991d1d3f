/** A worker runs skills: in this process, or in the thread pool when the skill says so. */

import type { ThreadPool } from "../compute/threads.ts";
import { MusterError } from "../errors.ts";
import type { Assignment } from "../scheduler/performer.ts";
import { explain } from "../schema.ts";
import type { AnySkill, SkillContext } from "../skill/skill.ts";
import { type AgentOptions, BaseAgent } from "./base-agent.ts";

export interface WorkerOptions extends AgentOptions {
	skills: readonly AnySkill[];
	/** Where skills with `thread` run. Without it they run in this process too. */
	threads?: ThreadPool;
}

export class WorkerAgent extends BaseAgent {
	readonly kind = "worker";
	readonly #skills: ReadonlyMap<string, AnySkill>;
	readonly #threads: ThreadPool | undefined;

	constructor({ skills, threads, capabilities = [], ...rest }: WorkerOptions) {
		super({ ...rest, capabilities: [...skills.map((skill) => skill.name), ...capabilities] });
		this.#skills = new Map(skills.map((skill) => [skill.name, skill]));
		this.#threads = threads;
	}

	override async perform(assignment: Assignment, context: SkillContext): Promise<unknown> {
		const skill = this.#skills.get(assignment.type);
		if (skill === undefined) {
			throw new MusterError("E_INTERNAL", `${this.name} was given a ${assignment.type} task, which it cannot do`);
		}
		const input = checkInput(skill, assignment.input);
		const threaded = skill.thread !== undefined && this.#threads !== undefined;
		const output: unknown = threaded
			? await this.#threads?.run({ module: skill.thread as string, skill: skill.name, input, context })
			: await skill.run(input, context);
		return checkOutput(skill, output);
	}
}

/** The input as the skill will see it. @throws E_INPUT_INVALID */
export function checkInput(skill: AnySkill, input: unknown): unknown {
	if (skill.input === undefined) return input;
	const parsed = skill.input.safeParse(input ?? {});
	if (parsed.success) return parsed.data;
	throw new MusterError(
		"E_INPUT_INVALID",
		`the input of ${skill.name} is not right: ${explain(parsed.error, skill.input, input ?? {})}`,
	);
}

function checkOutput(skill: AnySkill, output: unknown): unknown {
	if (skill.output === undefined || output === undefined) return output;
	const parsed = skill.output.safeParse(output);
	if (parsed.success) return parsed.data;
	throw new MusterError(
		"E_OUTPUT_INVALID",
		`${skill.name} returned something else than it declares: ${explain(parsed.error, skill.output, output)}`,
	);
}
