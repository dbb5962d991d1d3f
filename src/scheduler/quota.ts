/** How many tasks may run at the same time, and how many do. */
export interface Limits {
	/** Of all types together. Default: as many as the agents have slots. */
	running?: number | undefined;
	/** Of one type. */
	types: { readonly [type: string]: number };
	/** Of the types whose skills run in threads: one that is started has a thread, so that its time counts from then. */
	threads?: { limit: number; has(type: string): boolean };
}

/** A limit that is reached. */
export interface Full {
	limit: number;
	/** `all`, `type:T` or `threads`. */
	scope: string;
	/** Whether tasks of the type count. */
	has(type: string): boolean;
}

export class Quota {
	readonly #all: Count;
	/** Types that have a limit. */
	readonly #types: ReadonlyMap<string, Count>;
	readonly #threads: Count;

	constructor({ running = Number.POSITIVE_INFINITY, types, threads }: Limits) {
		this.#all = { limit: running, scope: "all", has: () => true, running: 0 };
		const counts = Object.entries(types).map(
			([type, limit]) =>
				[type, { limit, scope: `type:${type}`, has: (other: string) => other === type, running: 0 }] as const,
		);
		this.#types = new Map(counts);
		const none = { limit: Number.POSITIVE_INFINITY, has: () => false };
		const { limit, has } = threads ?? none;
		this.#threads = { limit, scope: "threads", has: (type) => has(type), running: 0 };
	}

	take(type: string): void {
		this.#add(type, 1);
	}

	release(type: string): void {
		this.#add(type, -1);
	}

	/** The limit of all, when as many run. */
	get full(): Full | undefined {
		return fullAt(this.#all);
	}

	/** A limit that holds back the type alone, or it and others, when as many run. */
	fullOf(type: string): Full | undefined {
		const ofType = this.#types.get(type);
		return (ofType && fullAt(ofType)) ?? (this.#threads.has(type) ? fullAt(this.#threads) : undefined);
	}

	#add(type: string, by: 1 | -1): void {
		this.#all.running += by;
		const ofType = this.#types.get(type);
		if (ofType !== undefined) ofType.running += by;
		if (this.#threads.has(type)) this.#threads.running += by;
	}
}

interface Count extends Full {
	running: number;
}

const fullAt = (count: Count): Full | undefined => (count.running >= count.limit ? count : undefined);
