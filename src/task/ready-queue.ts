/**
 * Ready tasks of one demand (type and capabilities), by priority, first in first out within one.
 *
 * Entries are removed lazily: a task that was cancelled or changed its place stays behind as an entry whose ticket no
 * longer counts, and is dropped when it comes to the front. So every operation is O(1) and a queue of n live tasks
 * holds at most n plus the entries not yet passed.
 */
import { priorities, type Task } from "./task.ts";

interface Entry {
	task: Task;
	ticket: number;
}

class Fifo {
	#entries: (Entry | undefined)[] = [];
	#head = 0;

	push(entry: Entry): void {
		this.#entries.push(entry);
	}

	peek(): Entry | undefined {
		return this.#entries[this.#head];
	}

	shift(): void {
		this.#entries[this.#head++] = undefined;
		// Give the passed part back once it is the larger half; amortised O(1).
		if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
			this.#entries = this.#entries.slice(this.#head);
			this.#head = 0;
		} else if (this.#head === this.#entries.length) {
			this.#entries.length = 0;
			this.#head = 0;
		}
	}
}

const rankOf = new Map(priorities.map((priority, rank) => [priority, rank]));

export class ReadyQueue {
	readonly #levels = priorities.map(() => new Fifo());
	#size = 0;

	get size(): number {
		return this.#size;
	}

	/** @param ticket grows with every call over all queues, so that it orders tasks across them */
	push(task: Task, ticket: number): void {
		task.ticket = ticket;
		this.#size++;
		this.#levels[rankOf.get(task.priority) ?? 0]?.push({ task, ticket });
	}

	/** Its entry stays behind and is dropped when it comes to the front. */
	delete(task: Task): boolean {
		if (task.ticket === undefined) return false;
		task.ticket = undefined;
		this.#size--;
		return true;
	}

	/** The first task of a priority level (0 = critical) and its ticket, left in place. */
	peek(rank: number): Entry | undefined {
		const level = this.#levels[rank] as Fifo;
		for (let entry = level.peek(); entry !== undefined; entry = level.peek()) {
			if (entry.task.ticket === entry.ticket) return entry;
			level.shift();
		}
		return undefined;
	}

	/** Takes what {@link peek} showed. */
	shift(rank: number): void {
		const entry = this.peek(rank);
		if (entry === undefined) return;
		this.delete(entry.task);
		(this.#levels[rank] as Fifo).shift();
	}
}
