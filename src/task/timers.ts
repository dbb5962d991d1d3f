/**
 * Deadlines of many tasks behind one armed timer: a binary heap ordered by time. Pure; whoever owns the clock asks for
 * `next` and calls `due`. An entry is cancelled lazily, by its key's newest version.
 */
export interface Deadline {
	at: number;
	key: string;
	version: number;
}

export class Timers {
	#heap: Deadline[] = [];
	readonly #versions = new Map<string, number>();
	#version = 0;

	get size(): number {
		return this.#versions.size;
	}

	/** Sets the deadline of `key`, in place of any before. */
	set(key: string, at: number): void {
		const version = ++this.#version;
		this.#versions.set(key, version);
		this.#push({ at, key, version });
		// Dead entries are passed over when they surface; rebuild before they outweigh the live ones.
		if (this.#heap.length > 64 && this.#heap.length > this.#versions.size * 2) this.#rebuild();
	}

	delete(key: string): void {
		this.#versions.delete(key);
	}

	/** Time of the earliest deadline. */
	next(): number | undefined {
		for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
			if (this.#versions.get(top.key) === top.version) return top.at;
			this.#pop();
		}
		return undefined;
	}

	/** Takes every key whose time has come, earliest first. */
	*due(now: number): Generator<string> {
		for (let at = this.next(); at !== undefined && at <= now; at = this.next()) {
			const { key } = this.#pop() as Deadline;
			this.#versions.delete(key);
			yield key;
		}
	}

	#rebuild(): void {
		const live = this.#heap.filter((entry) => this.#versions.get(entry.key) === entry.version);
		this.#heap = [];
		for (const entry of live) this.#push(entry);
	}

	#push(entry: Deadline): void {
		const heap = this.#heap;
		let i = heap.push(entry) - 1;
		while (i > 0) {
			const parent = (i - 1) >> 1;
			if ((heap[parent] as Deadline).at <= entry.at) break;
			heap[i] = heap[parent] as Deadline;
			i = parent;
		}
		heap[i] = entry;
	}

	#pop(): Deadline | undefined {
		const heap = this.#heap;
		const top = heap[0];
		const last = heap.pop();
		if (top === undefined || last === undefined || heap.length === 0) return top;
		let i = 0;
		for (;;) {
			let child = 2 * i + 1;
			if (child >= heap.length) break;
			if (child + 1 < heap.length && (heap[child + 1] as Deadline).at < (heap[child] as Deadline).at) child++;
			if ((heap[child] as Deadline).at >= last.at) break;
			heap[i] = heap[child] as Deadline;
			i = child;
		}
		heap[i] = last;
		return top;
	}
}
