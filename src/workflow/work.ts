/** What a step of a workflow in TypeScript does: the task of a skill, another workflow, or a group of steps. */
import { MusterError } from "../errors.ts";
import { builtOf, type GivenWorkflow, type WorkflowDefinition } from "./definition.ts";
import type { Templated, Untyped } from "./reference.ts";
import { type Bound, templateOf } from "./reference-text.ts";

/** Part of a workflow file; `schema.ts` has the last word on its shape. */
export type Part = { [key: string]: unknown };

/** What a step does, and the type of what it makes. */
export class Work<out Output> {
	declare readonly output: Output;
	readonly #write: (bound: Bound) => Part;

	/** @param write its part of the file, where the names mean what they are bound to */
	constructor(write: (bound: Bound) => Part) {
		this.#write = write;
	}

	/** @throws E_WORKFLOW_INVALID when what a function gave is none */
	static write(work: unknown, bound: Bound, what: string): Part {
		if (work instanceof Work) return work.#write(bound);
		throw new MusterError("E_WORKFLOW_INVALID", `${what} does not say what it does`, {
			hint: "Let its function return use(skill, input), task(name, input), subWorkflow(name, inputs) or group(...).",
		});
	}
}

/** As much of a skill as its types need. */
export interface TypedSkill<Input, Output> {
	readonly name: string;
	run(input: Input, context: never): Promise<Output> | Output;
}

/** A workflow that was built in TypeScript: a definition that remembers its types. */
export interface BuiltWorkflow<out Inputs, out Outputs> extends WorkflowDefinition {
	/** Only a type; no definition has such a member. */
	readonly typed?: { inputs: Inputs; outputs: Outputs };
}

/**
 * The task of a skill, typed by it. The skill itself may fill in what is left out, so no member is required here.
 */
export const use = <Input, Output>(skill: TypedSkill<Input, Output>, input?: Given<Input>): Work<Output> =>
	task<Output>(skill.name, input);

/** What may be given for an input: the type does not tell which members have defaults. */
type Given<Input> = Input extends readonly unknown[] ? Templated<Input> : Templated<Partial<Input>>;

/** The task of a skill by its name. */
export const task = <Output = Untyped>(skill: string, input?: unknown): Work<Output> =>
	new Work((bound) => ({ skill, ...withOf(input, bound) }));

/** A run of another workflow, by its name or as it was built; its outputs are the output. It must be known where it runs. */
export function subWorkflow<Inputs, Outputs>(
	workflow: BuiltWorkflow<Inputs, Outputs> | { build(): BuiltWorkflow<Inputs, Outputs> },
	inputs?: Templated<Partial<Inputs>>,
): Work<Outputs>;
export function subWorkflow(workflow: string, inputs?: unknown): Work<Untyped>;
export function subWorkflow(workflow: string | GivenWorkflow, inputs?: unknown): Work<Untyped> {
	const name = typeof workflow === "string" ? workflow : builtOf(workflow).name;
	return new Work((bound) => ({ workflow: name, ...withOf(inputs, bound) }));
}

const withOf = (input: unknown, bound: Bound): Part =>
	input === undefined ? {} : { with: templateOf(input, bound, "the input") };
