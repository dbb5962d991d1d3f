/**
 * Workflows in TypeScript. The calls describe; nothing runs before a run does. What comes out is the one intermediate form,
 * the same to the byte as that of a YAML file that says the same, checked by the same rules.
 */
import type { z } from "zod";
import type { Json } from "../json.ts";
import { compile } from "./compile.ts";
import type { TriggerDefinition } from "./definition.ts";
import { inputSpecs } from "./input-specs.ts";
import { type Path, Problems, problemsError, quoteName } from "./problems.ts";
import { bound, type Ref, type Resolved, type Templated } from "./reference.ts";
import { templateOf } from "./reference-text.ts";
import { addUnknownKey, workflowSchema } from "./schema.ts";
import { bind, eventFilter, late, type Site, StepChain, Steps } from "./step-chain.ts";
import type { Condition, EventView, Late, Nothing, Scope } from "./step-options.ts";
import type { running } from "./step-schema.ts";
import { assertValid } from "./validate.ts";
import type { BuiltWorkflow, Part } from "./work.ts";

export interface WorkflowOptions<Shape extends z.ZodRawShape> {
	/** String, int, number, boolean, array, object and enum, each with default, describe, min and max. Default: no inputs. */
	inputs?: z.ZodObject<Shape>;
	version?: string;
	description?: string;
	labels?: Record<string, string>;
	/** For every step of a skill that does not say otherwise. */
	defaults?: z.input<z.ZodObject<typeof running>>;
	/** Limits how many runs of a group go on at the same time. */
	concurrency?: {
		group: Late<{ readonly inputs: Ref<z.output<z.ZodObject<Shape>>> }, Templated<string>>;
		limit?: number;
		policy?: "queue" | "cancel-previous" | "reject";
	};
}

type CronOptions = Extract<TriggerDefinition, { cron: unknown }>["cron"];
type With<Inputs, Sees> = { with?: Late<Sees, { readonly [Name in keyof Inputs]?: Templated<Inputs[Name]> }> };

/** What starts runs by itself. */
export type TriggerOptions<Inputs> =
	| ({ cron: CronOptions; event?: never; webhook?: never } & With<Inputs, { readonly trigger: Ref<{ dueAt: number }> }>)
	| ({ event: EventTrigger; cron?: never; webhook?: never } & With<Inputs, EventScope>)
	| ({ webhook: { path: string; secret: string }; cron?: never; event?: never } & With<Inputs, EventScope>);
type EventTrigger = { type: string; filter?: (scope: EventScope) => Condition };
type EventScope = { readonly event: Ref<EventView> };

/** What the steps of `onFailure` and `finally` know besides. */
export interface AftermathScope {
	/** Null in `finally` when nothing failed. */
	readonly error: Ref<{ code: string; message: string; step: string }>;
	readonly run: Ref<{ id: string; workflow: string; state: string }>;
}

/** Begins a workflow. @throws E_WORKFLOW_INVALID for inputs that a workflow cannot declare */
export function defineWorkflow<Shape extends z.ZodRawShape = Nothing>(
	name: string,
	options: WorkflowOptions<Shape> = {},
): WorkflowBuilder<z.output<z.ZodObject<Shape>>, Nothing> {
	const { inputs, concurrency, ...rest } = options;
	const group = concurrency && templateOf(late(concurrency.group), new Map(), "the group");
	return new WorkflowBuilder({ bound: new Map(), around: new Set() }, [], {
		...{ apiVersion: "muster/v1", kind: "Workflow", name, ...rest },
		inputs: inputs && inputSpecs(inputs),
		concurrency: concurrency && { ...concurrency, group },
	});
}

/** A workflow that is being defined. */
export class WorkflowBuilder<Inputs, Own> extends Steps<true, Inputs, Nothing, Own> {
	readonly #file: Part;

	constructor(site: Site, list: readonly Part[], file: Part) {
		super(site, list);
		this.#file = file;
	}

	protected override extend(step: Part): WorkflowBuilder<Inputs, Own> {
		return new WorkflowBuilder(this.site, [...this.list, step], this.#file);
	}

	/** Steps that run when the run has failed, after compensation. */
	onFailure(body: Aftermath<Inputs, Own>): WorkflowBuilder<Inputs, Own> {
		return this.#with({ onFailure: this.#aftermath(body) });
	}

	/** Steps that run at the end of every run, completed or failed. */
	finally(body: Aftermath<Inputs, Own>): WorkflowBuilder<Inputs, Own> {
		return this.#with({ finally: this.#aftermath(body) });
	}

	/** What starts runs by itself, once the workflow is enabled. May be called again for another. */
	trigger(options: TriggerOptions<Inputs>): WorkflowBuilder<Inputs, Own> {
		const { with: given, event, ...rest } = options as Part & { event?: { type: string; filter?: () => unknown } };
		const name = "cron" in options ? { name: "trigger" } : { name: "event" };
		const names = bind(new Map(), name);
		const trigger = {
			...rest,
			event: event && { ...event, filter: event.filter && eventFilter(event.filter, new Map()) },
			with: given && templateOf(late(given, { [name.name]: bound(name) }), names, '"with" of a trigger'),
		};
		return this.#with({ triggers: [...((this.#file.triggers as Part[]) ?? []), trigger] });
	}

	/** The definition, with what a completed run gives. @throws E_WORKFLOW_INVALID with everything that is wrong */
	outputs<Outputs extends { readonly [name: string]: unknown }>(
		define: (scope: Scope<Inputs, Own>) => Outputs,
	): BuiltWorkflow<Inputs, Resolved<Outputs>> {
		return this.#with({ outputs: templateOf(late(define), new Map(), "the outputs") }).build() as never;
	}

	/** The definition, of which a run gives nothing; what takes a workflow calls it where it was left out. @throws E_WORKFLOW_INVALID with everything that is wrong */
	build(): BuiltWorkflow<Inputs, Nothing> {
		const shape = workflowSchema.safeParse(present({ ...this.#file, steps: this.list }));
		if (shape.success) {
			const definition = compile(shape.data);
			assertValid(definition);
			return freeze(definition as unknown as Json) as unknown as BuiltWorkflow<Inputs, Nothing>;
		}
		const problems = new Problems();
		for (const issue of shape.error.issues) {
			const path = issue.path as Path;
			if (issue.code !== "unrecognized_keys") problems.add(path, issue.message);
			else for (const key of issue.keys) addUnknownKey(problems, path, key);
		}
		throw problemsError("E_WORKFLOW_INVALID", `Workflow "${quoteName(String(this.#file.name))}"`, problems);
	}

	#with(part: Part): WorkflowBuilder<Inputs, Own> {
		return new WorkflowBuilder(this.site, this.list, { ...this.#file, ...part });
	}

	#aftermath(body: Aftermath<Inputs, Own>): readonly Part[] {
		const names = { error: { name: "error" }, run: { name: "run" } };
		const site = { bound: bind(new Map(), names.error, names.run), around: new Set<string>() };
		return StepChain.write(body(new StepChain(site, []), { error: bound(names.error), run: bound(names.run) }));
	}
}

type Aftermath<Inputs, Own> = (
	body: StepChain<Inputs, Own, Nothing>,
	scope: AftermathScope,
) => StepChain<Inputs, Own, unknown>;

/** Without the members that are undefined, at any depth. Templates have none, and a reference would have been refused. */
function present(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(present);
	if (typeof value !== "object" || value === null) return value;
	const members = Object.entries(value).filter(([, member]) => member !== undefined);
	return Object.fromEntries(members.map(([name, member]) => [name, present(member)]));
}

function freeze(value: Json): Json {
	if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
	return value;
}
