/**
 * Which batches of the journal tell of each live task and run, so that its history is found without reading all of it.
 * The projector thread gathers them; a trail goes into the views with what is over, and into snapshots with what lives.
 */
import type { Event } from "../events.ts";

/** Batches kept of one item; of longer histories the oldest part is given up. */
const MAX_TRAIL = 1_000;
/** Stands first where earlier batches are not known. */
const UNKNOWN = 0;

/** Numbers of batches, ascending. */
export type Trail = readonly number[];

export const isWhole = (trail: Trail): boolean => trail.length > 0 && trail[0] !== UNKNOWN;

export class Trails {
	/** A single batch as a number: most of what waits was told of once. */
	readonly #live = new Map<string, number | number[]>();

	/** @param isBirth whether nothing can have been told of it before */
	touch(id: string, seq: number, isBirth: boolean): void {
		const known = this.#live.get(id);
		if (known === undefined) this.#live.set(id, isBirth ? seq : [UNKNOWN, seq]);
		else if (typeof known === "number") {
			if (known < seq) this.#live.set(id, [known, seq]);
		} else if ((known.at(-1) as number) < seq) {
			known.push(seq);
			if (known.length > MAX_TRAIL) known.splice(0, 2, UNKNOWN);
		}
	}

	restore(id: string, trail: Trail): void {
		this.#live.set(id, [...trail]);
	}

	of(id: string): Trail | undefined {
		const known = this.#live.get(id);
		return typeof known === "number" ? [known] : known;
	}

	/** It is over: its trail goes where it goes. */
	take(id: string): Trail {
		const trail = this.of(id) ?? [UNKNOWN];
		this.#live.delete(id);
		return trail;
	}
}

/** The task or run that an event tells of. */
export function subjectOf(event: Event): { id: string; isBirth: boolean } | undefined {
	if (event.type === "task.submitted") return { id: event.task.id, isBirth: true };
	if (event.type === "run.created") return { id: event.id, isBirth: true };
	const kind = event.type.slice(0, event.type.indexOf("."));
	if (kind === "task" || kind === "effect" || kind === "run")
		return { id: (event as { id: string }).id, isBirth: false };
	if (kind === "step" || kind === "item") return { id: (event as { run: string }).run, isBirth: false };
	return undefined;
}
