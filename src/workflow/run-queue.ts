/**
 * The queue of runs before a concurrency group: a run is created, begins when its group has room, and makes room when it is
 * over. What may go on by that is returned, for the agenda of `embedded.ts`.
 */
import type { Event } from "../events.ts";
import type { State } from "../state.ts";
import type { Next } from "./agenda.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { groupOf } from "./group.ts";
import type { NewRun, Run } from "./run.ts";

export type Emit = (event: Event) => void;

/** Emits the creation of a run; returns what may go on with it: the run itself, unless its concurrency group is full. */
export function createdRun(
	state: State,
	definition: WorkflowDefinition,
	fresh: NewRun,
	at: number,
	emit: Emit,
): Next[] {
	const group = groupOf(definition, fresh);
	emit({ type: "run.created", at, ...fresh, ...(group && { group }) });
	return group === undefined ? [{ id: fresh.id }] : promote(state, group.key, at, emit);
}

/** Lets queued runs of a group begin while it has room; returns those. */
export function promote(state: State, key: string, at: number, emit: Emit): Next[] {
	const runs = [...(state.groups.get(key) ?? [])];
	let busy = runs.filter((run) => run.state !== "queued").length;
	const begun: Next[] = [];
	for (const run of runs) {
		if (run.state !== "queued" || busy >= (run.group?.limit ?? 1)) continue;
		emit({ type: "run.started", at, id: run.id });
		begun.push({ id: run.id });
		busy++;
	}
	return begun;
}

/** Once a run is over: the run above it, and those that waited for its place in their group. */
export function afterRun(state: State, { parent, group }: Run, at: number, emit: Emit): Next[] {
	const next: Next[] = group === undefined ? [] : promote(state, group.key, at, emit);
	if (parent !== undefined) next.push({ id: parent.id, changed: [parent.step] });
	return next;
}
