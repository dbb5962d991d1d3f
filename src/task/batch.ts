/** The tasks of one batch: what they call each other, and an order in which they can be folded in. Pure. */
import { MusterError } from "../errors.ts";
import type { NewTask } from "./task.ts";

type Dependent = Pick<NewTask, "id" | "dependsOn">;

/** `#2` is the third task of the batch. @throws E_DEPENDENCY_UNKNOWN */
export function resolveBatch(dependsOn: readonly string[], ids: readonly string[], where: string): string[] {
	return dependsOn.map((reference) => {
		if (!reference.startsWith("#")) return reference;
		const id = /^#\d{1,6}$/.test(reference) ? ids[Number(reference.slice(1))] : undefined;
		if (id !== undefined) return id;
		throw new MusterError(
			"E_DEPENDENCY_UNKNOWN",
			`${where}depends on ${reference}, but the batch ends at #${ids.length - 1}`,
		);
	});
}

/**
 * The tasks of a batch with every dependency before what depends on it: the state is folded in this order.
 * Only a batch can hold a cycle, since every other dependency is older than the task.
 * @throws E_DEPENDENCY_CYCLE naming it
 */
export function inOrder<T extends Dependent>(tasks: readonly T[]): T[] {
	const byId = new Map(tasks.map((task, i) => [task.id, i]));
	if (!tasks.some((task) => task.dependsOn?.some((id) => byId.has(id)))) return [...tasks];
	const ordered: T[] = [];
	const done = new Set<number>();
	for (const start of tasks.keys()) {
		const path = [{ place: start, next: 0 }];
		const onPath = new Set([start]);
		for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
			const task = tasks[at.place] as T;
			const reference = done.has(at.place) ? undefined : task.dependsOn?.[at.next++];
			if (reference === undefined) {
				if (!done.has(at.place)) ordered.push(task);
				done.add(at.place);
				onPath.delete(at.place);
				path.pop();
				continue;
			}
			const place = byId.get(reference);
			if (place === undefined || done.has(place)) continue;
			if (onPath.has(place))
				throw cycle(
					path.map((step) => step.place),
					place,
				);
			onPath.add(place);
			path.push({ place, next: 0 });
		}
	}
	return ordered;
}

function cycle(path: readonly number[], back: number): MusterError {
	const circle = [...path.slice(path.indexOf(back)), back].map((place) => `#${place}`).join(" -> ");
	return new MusterError("E_DEPENDENCY_CYCLE", `the tasks depend on each other: ${circle}`);
}
