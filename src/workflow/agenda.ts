/** The runs that are to go on, and how much of that is done in one turn of the event loop. */
import { MAX_TURN_EVENTS, MAX_TURN_LENGTH, MAX_TURN_WORK } from "./bounds.ts";
import { workDone } from "./cel-budget.ts";

/** A run to go on with, and the paths of its steps that changed; absent: look at all of it. */
export interface Next {
	id: string;
	changed?: readonly string[];
	/** Bytes of the inputs of what it has begun so far without coming to rest. */
	inputBytes?: number;
}

/** Each run once, with all that changed of it since it was looked at; the one that waits longest comes first. */
export class Agenda {
	readonly #open = new Map<string, { changed: string[] | undefined; inputBytes: number }>();
	/** One for long: a new one would have to step over all that is gone already. */
	#order = this.#open.keys();

	get isEmpty(): boolean {
		return this.#open.size === 0;
	}

	add({ id, changed, inputBytes = 0 }: Next): void {
		const known = this.#open.get(id);
		if (known === undefined) {
			this.#open.set(id, { changed: changed && [...changed], inputBytes });
			return;
		}
		known.inputBytes += inputBytes;
		if (changed === undefined) known.changed = undefined;
		else for (const path of changed) known.changed?.push(path);
	}

	take(): Next | undefined {
		let { value: id } = this.#order.next();
		if (id === undefined) {
			this.#order = this.#open.keys();
			id = this.#order.next().value;
		}
		const next = id === undefined ? undefined : this.#open.get(id);
		if (id === undefined || next === undefined) return undefined;
		this.#open.delete(id);
		const { changed, inputBytes } = next;
		return { id, inputBytes, ...(changed && { changed }) };
	}
}

/** What has been done in one turn. */
export class Turn {
	/** Events, and runs that were looked at. */
	events = 0;
	/** Length of inputs and outputs. */
	length = 0;
	readonly #before = workDone();

	/** Whether the rest is for the next turn. */
	get isOver(): boolean {
		if (this.events >= MAX_TURN_EVENTS || this.length >= MAX_TURN_LENGTH) return true;
		return workDone() - this.#before >= MAX_TURN_WORK;
	}
}
