/**
 * How a run begins by a request, which may still be refused: its first events are decided on a state of its own, so nothing
 * has happened before they are durable.
 */
import type { Event } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import type { NewTask } from "../task/task.ts";
import { Agenda, Turn } from "./agenda.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { advanceRuns, type EngineListener } from "./embedded.ts";
import { groupOf } from "./group.ts";
import type { NewRun, RunStep } from "./run.ts";
import { beginItem } from "./run-fold.ts";

/** What begins a run. */
export interface Beginning {
	run: NewRun;
	/** Its own definition and those it may use, by hash. */
	definitions: ReadonlyMap<string, WorkflowDefinition>;
	/** Whether the journal keeps a definition anyway. */
	isKnown(hash: string): boolean;
	/** Steps taken over from the run that it forks. */
	copied?: readonly { step: string; record: RunStep }[];
}

export interface Begun {
	events: Event[];
	/** Whether it can go on when they are in the state. */
	goesOn: boolean;
}

/**
 * The events that begin a run: its creation and its first steps, as many as one turn holds. One with a concurrency group, or that runs other workflows,
 * is only created: whether it and they may begin is decided when it is in the state.
 */
export function beginRun({ run, definitions, isKnown, copied = [] }: Beginning, at: number): Begun {
	const events: Event[] = [];
	const scratch = createState();
	const emit = (event: Event): void => {
		events.push(event);
		// Nothing is decided on the tasks themselves, only on the steps that they belong to.
		if (event.type === "task.submitted") beginTask(scratch, event.task);
		else apply(scratch, event, silent);
	};
	for (const [hash, definition] of definitions) {
		if (isKnown(hash)) scratch.definitions.set(hash, definition);
		else emit({ type: "workflow.defined", at, hash, definition });
	}
	const group = groupOf(definitions.get(run.hash) as WorkflowDefinition, run);
	emit({ type: "run.created", at, ...run, ...(group && { group }) });
	for (const { step, record } of copied) emit({ type: "step.copied", at, run: run.id, step, record });
	if (group !== undefined) return { events, goesOn: false };
	if (run.uses !== undefined) return { events, goesOn: true };
	const agenda = new Agenda();
	agenda.add({ id: run.id });
	advanceRuns({ state: scratch, at, emit, listener: unheard, agenda, turn: new Turn() });
	return { events, goesOn: !agenda.isEmpty };
}

function beginTask({ runs }: State, { run: place }: NewTask): void {
	const run = place && runs.get(place.id);
	if (place !== undefined && run !== undefined) beginItem(run, place.step);
}

const silent: Sink = { task: () => undefined, run: () => undefined };
const unheard: EngineListener = {
	timed: () => undefined,
	stray: () => undefined,
	halted: () => undefined,
	checkRoom: () => undefined,
	inner: () => undefined,
	misfit: (_, error) => {
		throw error;
	},
};
