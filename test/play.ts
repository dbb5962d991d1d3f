/**
 * One run driven by hand, without an orchestrator: the embedded engine makes events of what `decide` says, the state folds
 * them, and the test says when an item ends and how. Nothing is stored, and time stands still. Inner runs begin, and end as
 * the test says.
 */
import type { ErrorData } from "../src/errors.ts";
import type { Event } from "../src/events.ts";
import { apply } from "../src/fold/fold.ts";
import type { Json } from "../src/json.ts";
import { createState, type Sink, type State } from "../src/state.ts";
import { Agenda, type Turn } from "../src/workflow/agenda.ts";
import { MAX_STEP_WORK, type WaveLimits, waveLimits } from "../src/workflow/bounds.ts";
import { decide } from "../src/workflow/decide.ts";
import type { WorkflowDefinition } from "../src/workflow/definition.ts";
import { Advance, type EngineListener, mayGoOn, type Wave } from "../src/workflow/embedded.ts";
import type { Command, Run } from "../src/workflow/run.ts";
import type { ItemEnd } from "../src/workflow/run-fold.ts";

/** An item that is a task, an inner run or a wait. */
export interface Leaf {
	path: string;
	index: number;
}

type Begun = Leaf & ({ kind: "task" | "run"; id: string } | { kind: "wait" });

const AT = 1_700_000_000_000;
const RUN = "run-1";
const MOST_WAVES = 2_000;

export const broke: ErrorData = { code: "E_SKILL_FAILED", message: "it broke", retryable: true };

const nobody: Sink = { task: () => undefined, run: () => undefined };
const unheard: EngineListener = {
	timed: () => undefined,
	stray: () => undefined,
	halted: () => undefined,
	checkRoom: () => undefined,
	inner: () => undefined,
	misfit: () => undefined,
};

export class Play {
	readonly definition: WorkflowDefinition;
	readonly state: State;
	readonly run: Run;
	/** Every command so far. */
	readonly commands: Command[] = [];
	/** Most work of the expressions of a step. */
	stepWork = MAX_STEP_WORK;
	/** Called with the state before the commands change it. */
	onWave: (wave: Wave) => void = () => undefined;
	readonly #inputs: Run["inputs"];
	readonly #uses: readonly WorkflowDefinition[];
	readonly #limits: WaveLimits;
	readonly #events: Event[] = [];
	/** Each wave, as text, at its place among the events. */
	readonly #waves: { after: number; changed: readonly string[] | undefined; answer: string }[] = [];
	readonly #begun = new Map<string, Begun>();

	/** @param uses the workflows that its steps may run */
	constructor(
		definition: WorkflowDefinition,
		inputs: Run["inputs"] = {},
		uses: readonly WorkflowDefinition[] = [],
		limits = waveLimits,
	) {
		this.#limits = limits;
		this.definition = definition;
		this.#inputs = inputs;
		this.#uses = uses;
		({ state: this.state, run: this.run } = this.#fresh());
	}

	/** Wave after wave until nothing follows; gives all commands of it. */
	go(changed?: readonly string[]): Command[] {
		const all: Command[] = [];
		const emit = (event: Event): void => this.emit(event);
		const turn = { events: 0, length: 0, isOver: false } as unknown as Turn;
		const engine = {
			state: this.state,
			at: AT,
			emit,
			listener: unheard,
			agenda: new Agenda(),
			turn,
			limits: this.#limits,
			stepWork: this.stepWork,
		};
		const advance = new Advance(engine, this.run);
		let count = 0;
		for (const wave of advance.waves(changed)) {
			if (++count > MOST_WAVES) throw new Error("decide does not come to an end");
			const { commands } = wave;
			this.#waves.push({ after: this.#events.length, changed: wave.changed, answer: JSON.stringify(commands) });
			this.onWave(wave);
			all.push(...commands);
			this.commands.push(...commands);
		}
		return all;
	}

	/** What may end by itself now; also what its step did not wait for. */
	leaves(): Leaf[] {
		const { tasks, runs } = this.state;
		return [...this.#begun.values()].filter((item) => {
			if (item.kind === "wait") return this.run.steps[item.path]?.state === "running";
			return (item.kind === "task" ? tasks : runs).has(item.id);
		});
	}

	/** An item ends; whether the run may go on by it. It does not yet. */
	settle({ path, index }: Leaf, { output = null, error }: ItemEnd): boolean {
		const item = this.#begun.get(`${path} ${index}`);
		if (item === undefined) throw new Error(`item ${index} of ${path} has not begun`);
		const at = AT;
		if (item.kind === "wait") {
			this.emit({ type: "item.ended", at, run: RUN, step: path, index, ...(error ? { error } : { output }) });
			return true;
		}
		const { kind, id } = item;
		if (kind === "run") {
			if (error) this.emit({ type: "run.failed", at, id, error });
			else this.emit({ type: "run.completed", at, id, outputs: output as { [name: string]: Json } });
			return true;
		}
		const token = this.#events.length;
		const task = this.state.tasks.get(id);
		this.emit({ type: "task.started", at, id, token, agent: "agent" });
		if (error) this.emit({ type: "task.failed", at, id, token, error });
		else this.emit({ type: "task.completed", at, id, token, output });
		return task !== undefined && mayGoOn(this.state, task);
	}

	/** An item ends and the run goes on. */
	end(path: string, end: ItemEnd, index = 0): Command[] {
		return this.settle({ path, index }, end) ? this.go([path]) : [];
	}

	complete = (path: string, output: Json = null, index = 0): Command[] => this.end(path, { output }, index);
	fail = (path: string, index = 0): Command[] => this.end(path, { error: broke }, index);

	emit(event: Event): void {
		this.#events.push(event);
		apply(this.state, event, nobody);
		const begun = begunBy(event);
		if (begun !== undefined) this.#begun.set(`${begun.path} ${begun.index}`, begun);
	}

	/** Every answer of `decide` so far, and every answer when all is told again from the journal. */
	replay(): { told: string[]; again: string[] } {
		const { state, run } = this.#fresh();
		const events = JSON.parse(JSON.stringify(this.#events)) as Event[];
		let at = 0;
		const again = this.#waves.map(({ after, changed }) => {
			for (; at < after; at++) apply(state, events[at] as Event, nobody);
			return JSON.stringify(decide(this.definition, run, changed, this.#limits));
		});
		return { told: this.#waves.map(({ answer }) => answer), again };
	}

	#fresh(): { state: State; run: Run } {
		const state = createState();
		const uses: { [name: string]: string } = {};
		state.definitions.set("own", this.definition);
		for (const used of this.#uses) {
			state.definitions.set(used.name, used);
			uses[used.name] = used.name;
		}
		const inputs = structuredClone(this.#inputs);
		const fresh = { id: RUN, workflow: this.definition.name, hash: "own", uses, inputs };
		apply(state, { type: "run.created", at: AT, ...fresh }, nobody);
		return { state, run: state.runs.get(RUN) as Run };
	}
}

function begunBy(event: Event): Begun | undefined {
	if (event.type === "step.started") return event.wait && { path: event.step, index: 0, kind: "wait" };
	if (event.type === "task.submitted" && event.task.run !== undefined) {
		const { step, index } = event.task.run;
		return { path: step, index, kind: "task", id: event.task.id };
	}
	if (event.type !== "run.created" || event.parent === undefined) return undefined;
	const { step, index } = event.parent;
	return { path: step, index, kind: "run", id: event.id };
}
