/**
 * How a run begins by a request, which may still be refused: its first events are decided on a state of its own, so nothing
 * has happened before they are durable.
 */
import type { Event } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import type { NewTask } from "../task/task.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { advanceRun, type EngineListener } from "./embedded.ts";
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

/**
 * The events that begin a run: its creation and its first steps. One with a concurrency group, or that runs other workflows,
 * is only created: whether it and they may begin is decided when it is in the state.
 */
export function beginRun({ run, definitions, isKnown, copied = [] }: Beginning, at: number): Event[] {
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
	if (group === undefined && run.uses === undefined) advanceRun(scratch, { id: run.id }, at, emit, unheard);
	return events;
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
	inner: () => undefined,
	misfit: (_, error) => {
		throw error;
	},
};
