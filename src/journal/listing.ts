/**
 * The one order of every list of tasks or runs: what came last stands first; of what came in the same millisecond, the
 * largest id. A place in it never changes, whatever becomes of the item, so that pages read one after the other hold
 * everything that was there all the time exactly once.
 */
import type { Task, TaskState } from "../task/task.ts";
import type { Run, RunState } from "../workflow/run.ts";

export interface Place {
	/** When it was submitted or created, wall clock. */
	readonly at: number;
	readonly id: string;
}

/** What is absent does not filter. */
export interface TaskFilter {
	readonly states?: readonly TaskState[] | undefined;
	readonly type?: string | undefined;
	/** Who holds it, or held it last. */
	readonly agent?: string | undefined;
	readonly run?: string | undefined;
	readonly group?: string | undefined;
	/** Submitted at this time or later. */
	readonly since?: number | undefined;
	/** Submitted before this time. */
	readonly until?: number | undefined;
}

export interface RunFilter {
	readonly states?: readonly RunState[] | undefined;
	readonly workflow?: string | undefined;
	readonly since?: number | undefined;
	readonly until?: number | undefined;
}

/** What a look into the history found, in order. */
export interface Rows<T> {
	readonly items: readonly T[];
	/** The look ended here, before all was seen: there may be more after this place, and there is no more before it. */
	readonly end?: Place;
}

export const taskPlace = ({ submittedAt, id }: Task): Place => ({ at: submittedAt, id });
export const runPlace = ({ createdAt, id }: Run): Place => ({ at: createdAt, id });

export function newestFirst(a: Place, b: Place): number {
	if (a.at !== b.at) return b.at - a.at;
	return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}

export const agentOf = ({ history }: Task): string | undefined => history?.at(-1)?.agent;

export function taskFits(task: Task, { states, type, agent, run, group, since, until }: TaskFilter): boolean {
	return (
		(states?.includes(task.state) ?? true) &&
		(type ?? task.type) === task.type &&
		(agent === undefined || agent === agentOf(task)) &&
		(run === undefined || run === task.run?.id) &&
		(group === undefined || group === task.group) &&
		(since === undefined || task.submittedAt >= since) &&
		(until === undefined || task.submittedAt < until)
	);
}

export function runFits(run: Run, { states, workflow, since, until }: RunFilter): boolean {
	return (
		(states?.includes(run.state) ?? true) &&
		(workflow ?? run.workflow) === run.workflow &&
		(since === undefined || run.createdAt >= since) &&
		(until === undefined || run.createdAt < until)
	);
}

/** The first `limit` after a place, of items in any order. One look at each, and memory for a few pages. */
export function pick<T>(
	items: Iterable<T>,
	{ place, after, limit }: { place: (item: T) => Place; after?: Place | undefined; limit: number },
): T[] {
	const least = (limit + 16) * 4;
	let found: { item: T; place: Place }[] = [];
	let last: Place | undefined;
	const cut = (): void => {
		found.sort((a, b) => newestFirst(a.place, b.place));
		found = found.slice(0, limit);
		last = found[limit - 1]?.place;
	};
	for (const item of items) {
		const at = place(item);
		if (after !== undefined && newestFirst(after, at) >= 0) continue;
		if (last !== undefined && newestFirst(last, at) < 0) continue;
		found.push({ item, place: at });
		if (found.length >= least) cut();
	}
	cut();
	return found.map(({ item }) => item);
}
