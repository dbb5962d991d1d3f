/**
 * A list of steps in TypeScript, and the chain of calls that makes it. Each call gives a new chain, whose type knows the
 * steps so far; what it holds is the shape of a workflow file, so that `schema.ts` and `compile.ts` read both alike.
 */
import { MusterError } from "../errors.ts";
import type { WorkflowBuilder } from "./builder.ts";
import { type Binding, bound, type Ref, type Resolved, root, spokenBy, type Untyped } from "./reference.ts";
import { type Bound, conditionOf, templateOf } from "./reference-text.ts";
import type {
	Approval,
	ApprovalOptions,
	EventOptions,
	EventView,
	ForEachOptions,
	LoopOptions,
	Nothing,
	OutputsOf,
	PauseOptions,
	Scope,
	SignalOptions,
	StepOptions,
	StepView,
	Undo,
} from "./step-options.ts";
import { type Part, Work } from "./work.ts";

/** What the function of a step sees; `group` makes it a group of steps. */
export interface StepScope<Inputs, Steps> extends Scope<Inputs, Steps> {
	group<Inner>(body: Body<Inputs, Steps, Inner>): Work<OutputsOf<Inner>>;
	/** @param output what the group comes to. Default: its outputs by step id */
	group<Inner, Output>(
		body: Body<Inputs, Steps, Inner>,
		output: (scope: Scope<Inputs, Steps & Inner>) => Output,
	): Work<Resolved<Output>>;
}

type Body<Inputs, Steps, Inner> = (body: StepChain<Inputs, Steps, Nothing>) => StepChain<Inputs, Steps, Inner>;

/** What the steps of a loop see besides: the round from 0, and the steps as the round before left them (ask with `has`). */
export interface RoundScope {
	readonly round: Ref<number>;
	readonly previous: Untyped;
}

/** Where a list of steps stands. */
export interface Site {
	/** What its names mean. */
	readonly bound: Bound;
	/** Ids of the steps around it, which its own would hide. */
	readonly around: ReadonlySet<string>;
}

type Next<Top, Inputs, Seen, Own> = Top extends true ? WorkflowBuilder<Inputs, Own> : StepChain<Inputs, Seen, Own>;
/** Added with `&` where it is used: a name for the sum would nest, and the compiler gives up at a depth of 100. */
type Made<Id extends string, Output, Each = Output> = Record<Id, StepView<Output, Each>>;

const inputs = root("inputs");
const steps = root("steps");
const run = root("run");
const everywhere = { inputs, steps, run };

/** The calls that chains of steps and whole workflows have in common. */
export abstract class Steps<Top extends boolean, Inputs, Seen, Own> {
	/** Carries on with one step more. */
	protected abstract extend(step: Part): Next<Top, Inputs, Seen, Own>;
	protected readonly site: Site;
	protected readonly list: readonly Part[];

	constructor(site: Site, list: readonly Part[]) {
		this.site = site;
		this.list = list;
	}

	/** A step that does what the function says: `use`, `task`, `subWorkflow` or `group`. */
	step<const Id extends string, Output>(
		id: Id,
		define: (scope: StepScope<Inputs, Seen & Own>) => Work<Output>,
	): Next<Top, Inputs, Seen, Own & Made<Id, Output>>;
	step<const Id extends string, Output>(
		id: Id,
		options: StepOptions<Scope<Inputs, Seen & Own>, keyof Own & string>,
		define: (scope: StepScope<Inputs, Seen & Own>) => Work<Output>,
	): Next<Top, Inputs, Seen, Own & Made<Id, Output>>;
	step(id: string, ...rest: unknown[]): never {
		const [options, define] = (rest.length > 1 ? rest : [{}, rest[0]]) as [Part, (scope: Part) => unknown];
		const names = this.site.bound;
		const work = Work.write(define({ ...everywhere, group: this.#group() }), names, `the step "${id}"`);
		return this.#add(id, { ...running(id, options, names, `steps.${id}.output`), ...work });
	}

	/** A step once for each item of a list; the function gets the item. */
	forEach<const Id extends string, Item, Output>(
		id: Id,
		options: ForEachOptions<Inputs, Seen & Own, keyof Own & string, Item>,
		define: (item: Ref<Item>, scope: StepScope<Inputs, Seen & Own> & { readonly index: Ref<number> }) => Work<Output>,
	): Next<Top, Inputs, Seen, Own & Made<Id, Output[], Output>> {
		const { in: list, as = "item", parallel, onFailure, ...rest } = options;
		const item = { name: as };
		const index = { name: "index" };
		const names = bind(this.site.bound, item, index);
		const own = { index: bound(index), group: this.#group() };
		const work = Work.write(define(bound(item), { ...everywhere, ...own }), names, `the step "${id}"`);
		return this.#add(id, {
			...running(id, rest, this.site.bound, "output", [item, index]),
			forEach: { in: templateOf(late(list), this.site.bound, `"in" of "${id}"`), as, parallel, onFailure },
			...work,
		});
	}

	/** Steps again and again, until an expression is true. @param output what a round comes to. Default: its outputs by id */
	loop<const Id extends string, Inner, Output = OutputsOf<Inner>>(
		id: Id,
		options: LoopOptions<Inputs, Seen & Own, keyof Own & string>,
		body: (body: StepChain<Inputs, Seen & Own, Nothing>, scope: RoundScope) => StepChain<Inputs, Seen & Own, Inner>,
		output?: (scope: Scope<Inputs, Seen & Own & Inner> & { readonly round: Ref<number> }) => Output,
	): Next<Top, Inputs, Seen, Own & Made<Id, Resolved<Output>>> {
		const { max, until, onMax, timeout, ...rest } = options;
		const counter = { name: "round" };
		const names = bind(this.site.bound, counter);
		const sees = { ...everywhere, round: bound(counter) };
		const inside = StepChain.write(body(this.#inside(names), { round: sees.round, previous: steps }));
		return this.#add(id, {
			...common(id, rest, this.site.bound),
			timeout,
			loop: { max, until: until && conditionOf(until(sees), names, `"until" of "${id}"`), onMax, steps: inside },
			output: output && templateOf(output(sees), names, `"output" of "${id}"`),
		});
	}

	/** Asks a person. */
	approval<const Id extends string>(
		id: Id,
		options: ApprovalOptions<Scope<Inputs, Seen & Own>, keyof Own & string>,
	): Next<Top, Inputs, Seen, Own & Made<Id, Approval>> {
		const { title, content, onDeny, labels, ...rest } = options;
		const asked = content === undefined ? {} : { content: templateOf(late(content), this.site.bound, "the content") };
		const approval = { title: templateOf(late(title), this.site.bound, "the title"), ...asked, onDeny, labels };
		return this.#wait(id, { approval }, rest);
	}

	/** Waits for a signal to the run; its data is the output. */
	signal<const Id extends string, Data = Untyped>(
		id: Id,
		options: SignalOptions<Scope<Inputs, Seen & Own>, keyof Own & string>,
	): Next<Top, Inputs, Seen, Own & Made<Id, Data>> {
		const { signal, ...rest } = options;
		return this.#wait(id, { signal }, rest);
	}

	/** Lets time pass. */
	pause<const Id extends string>(
		id: Id,
		options: PauseOptions<Scope<Inputs, Seen & Own>, keyof Own & string>,
	): Next<Top, Inputs, Seen, Own & Made<Id, null>> {
		const { duration, ...rest } = options;
		return this.#wait(id, { duration: templateOf(late(duration), this.site.bound, "the duration") }, rest);
	}

	/** Waits for an event sent to Muster; it is the output. */
	event<const Id extends string>(
		id: Id,
		options: EventOptions<Scope<Inputs, Seen & Own>, keyof Own & string>,
	): Next<Top, Inputs, Seen, Own & Made<Id, EventView>> {
		const { type, filter, ...rest } = options;
		return this.#wait(id, { event: { type, filter: filter && eventFilter(filter, this.site.bound) } }, rest);
	}

	#wait(id: string, wait: Part, { timeout, onTimeout, ...rest }: Part): never {
		return this.#add(id, { ...common(id, rest, this.site.bound), wait: { ...wait, timeout, onTimeout } });
	}

	/** The type of what comes next is that of the call; the value is the same for all of them. */
	#add(id: string, step: Part): never {
		if (this.site.around.has(id)) {
			throw new MusterError("E_WORKFLOW_INVALID", `the step "${id}" would hide a step around it of the same id`, {
				hint: "Give one of them another id.",
			});
		}
		return this.extend({ id, ...step }) as never;
	}

	#inside(names: Bound): StepChain<Inputs, Seen & Own, Nothing> {
		const around = new Set([...this.site.around, ...this.list.map((step) => step.id as string)]);
		return new StepChain({ bound: names, around }, []);
	}

	#group(): StepScope<Inputs, Seen & Own>["group"] {
		return (body: Body<Inputs, Seen & Own, unknown>, output?: (scope: Scope<Inputs, Untyped>) => unknown) =>
			new Work<Untyped>((names) => ({
				steps: StepChain.write(body(this.#inside(names))),
				output: output && templateOf(output(everywhere), names, "the output of a group"),
			}));
	}
}

/** The steps of a loop, a group, `onFailure` or `finally`. */
export class StepChain<Inputs, Seen, Own> extends Steps<false, Inputs, Seen, Own> {
	protected override extend(step: Part): StepChain<Inputs, Seen, Own> {
		return new StepChain(this.site, [...this.list, step]);
	}

	/** @throws E_WORKFLOW_INVALID when what a function gave is no chain */
	static write(chain: unknown): readonly Part[] {
		if (chain instanceof StepChain) return chain.list;
		throw new MusterError("E_WORKFLOW_INVALID", "the steps inside of a step are not there", {
			hint: 'Let its function return the chain: (body) => body.step("a", ...).step("b", ...).',
		});
	}
}

/** A value as it is, or what its function makes of the references. */
export const late = (value: unknown, more: Part = {}): unknown =>
	typeof value === "function" && spokenBy(value) === undefined ? value({ ...everywhere, ...more }) : value;

export const bind = (names: Bound, ...bindings: Binding[]): Bound =>
	new Map([...names, ...bindings.map((binding) => [binding.name, binding] as const)]);

/** The condition of a filter over `event`. */
export function eventFilter(filter: (scope: never) => unknown, names: Bound): string {
	const event = { name: "event" };
	return conditionOf(late(filter, { event: bound(event) }), bind(names, event), "the filter");
}

function common(id: string, { if: condition, ...rest }: Part, names: Bound): Part {
	if (condition === undefined) return rest;
	return { ...rest, if: conditionOf(late(condition), names, `"if" of "${id}"`) };
}

/** @param made where compensation finds what the step made */
function running(id: string, options: Part, names: Bound, made: string, own: Binding[] = []): Part {
	const { concurrency, rate, compensate, ...rest } = options as StepOptions<never, string>;
	const inside = bind(names, ...own);
	const [item, index] = own.map(bound);
	const keyed = (limit: object) => ({
		...limit,
		key: templateOf(late((limit as Part).key, { item, index }), inside, `a key of "${id}"`),
	});
	const undo = typeof compensate === "function" ? { by: compensate } : compensate;
	return {
		...common(id, rest, names),
		concurrency:
			typeof concurrency === "string" ? templateOf(concurrency, names, "a key") : concurrency && keyed(concurrency),
		rate: rate && keyed(rate),
		compensate: undo && undoing(id, undo, inside, made, { item, index }),
	};
}

function undoing(id: string, { by, ...rest }: { by: Undo<never> }, names: Bound, made: string, more: Part): Part {
	const output = { name: "output" };
	const own = made === "output" ? bound(output) : steps[id].output;
	return {
		...rest,
		...Work.write(late(by, { ...more, output: own }), bind(names, output), `the compensation of "${id}"`),
	};
}
