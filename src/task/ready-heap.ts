/**
 * The order of ready tasks. Each has a rank that never changes while it waits, so nothing is ever sorted again.
 *
 * rank = when it became ready + one `agingMs` for each level of its priority; smaller goes first. So a task of a lower
 * priority goes before one of a higher that became ready more than the difference of their levels later: a background task
 * (level 4) waits for nothing fresh that becomes ready more than 4 x agingMs after it.
 *
 * Work that continues something begun (a further attempt, a child, the next step of a run) gets a credit: as long as its root
 * had waited when it was let in (at most 4 x agingMs), and half a level. So it goes before fresh work of the same priority:
 * finish what you started. With the credit the bound is 8.5 x agingMs.
 */
import { type Priority, priorities, type Task } from "./task.ts";

/** Levels of priority that age away: after this many `agingMs` a background task stands with a fresh critical one. */
export const AGING_LEVELS = priorities.length - 1;

const levelOf = new Map(priorities.map((priority, level) => [priority, level]));

/**
 * @param readyMs when it became ready; any clock that does not go back
 * @param waitedMs how long its root had waited when it was let in; undefined for fresh work
 */
export function rankOf(priority: Priority, readyMs: number, agingMs: number, waitedMs: number | undefined): number {
	const credit = waitedMs === undefined ? 0 : Math.min(waitedMs, AGING_LEVELS * agingMs) + agingMs / 2;
	return readyMs + (levelOf.get(priority) ?? 0) * agingMs - credit;
}

export interface Ranked {
	rank: number;
	/** Grows with every item, so that equal ranks go in order. */
	ticket: number;
	/** Its index in the heap; managed by {@link RankHeap}, -1 outside of one. */
	place: number;
}

/** A task among the ready ones. */
export interface ReadyTask extends Ranked {
	readonly task: Task;
	readonly readyMs: number;
}

export const goesBefore = (a: Ranked, b: Ranked): boolean =>
	a.rank < b.rank || (a.rank === b.rank && a.ticket < b.ticket);

/** A binary heap whose items know their place, so that each can be taken out or moved. An item is in one heap at most. */
export class RankHeap<Item extends Ranked> {
	readonly #items: Item[] = [];

	get size(): number {
		return this.#items.length;
	}

	first(): Item | undefined {
		return this.#items[0];
	}

	/** All of them, in no order. */
	[Symbol.iterator](): Iterator<Item> {
		return this.#items.values();
	}

	/** How many of them go before this one, which may be in another heap. Looks at those, and at few others. */
	countBefore(item: Ranked): number {
		let count = 0;
		const open = [0];
		for (let place = open.pop(); place !== undefined; place = open.pop()) {
			const next = this.#items[place];
			if (next === undefined || !goesBefore(next, item)) continue;
			count++;
			open.push(2 * place + 1, 2 * place + 2);
		}
		return count;
	}

	push(item: Item): void {
		item.place = this.#items.push(item) - 1;
		this.#up(item);
	}

	remove(item: Item): void {
		const { place } = item;
		if (this.#items[place] !== item) return;
		item.place = -1;
		const last = this.#items.pop() as Item;
		if (last === item) return;
		this.#put(last, place);
		this.#up(last);
		this.#down(last);
	}

	/** Its rank has changed. */
	moved(item: Item): void {
		this.#up(item);
		this.#down(item);
	}

	#put(item: Item, place: number): void {
		this.#items[place] = item;
		item.place = place;
	}

	#up(item: Item): void {
		while (item.place > 0) {
			const above = this.#items[(item.place - 1) >> 1] as Item;
			if (!goesBefore(item, above)) return;
			const { place } = above;
			this.#put(above, item.place);
			this.#put(item, place);
		}
	}

	#down(item: Item): void {
		for (;;) {
			const left = 2 * item.place + 1;
			let below = this.#items[left];
			if (below === undefined) return;
			const right = this.#items[left + 1];
			if (right !== undefined && goesBefore(right, below)) below = right;
			if (!goesBefore(below, item)) return;
			const { place } = below;
			this.#put(below, item.place);
			this.#put(item, place);
		}
	}
}
