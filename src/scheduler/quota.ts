/** How many tasks may run at the same time, and how many do. */
export interface Limits {
	/** Of all types together. Default: as many as the agents have slots. */
	running?: number | undefined;
	/** Of one type. */
	types: { readonly [type: string]: number };
}

export class Quota {
	readonly #all: Count;
	/** Types that have a limit. */
	readonly #types: ReadonlyMap<string, Count>;

	constructor({ running = Number.POSITIVE_INFINITY, types }: Limits) {
		this.#all = { limit: running, running: 0 };
		this.#types = new Map(Object.entries(types).map(([type, limit]) => [type, { limit, running: 0 }]));
	}

	take(type: string): void {
		this.#all.running++;
		const ofType = this.#types.get(type);
		if (ofType !== undefined) ofType.running++;
	}

	release(type: string): void {
		this.#all.running--;
		const ofType = this.#types.get(type);
		if (ofType !== undefined) ofType.running--;
	}

	/** The limit of all, when as many run. */
	get full(): number | undefined {
		return fullAt(this.#all);
	}

	/** The limit of the type, when as many of it run. */
	fullOf(type: string): number | undefined {
		const ofType = this.#types.get(type);
		return ofType && fullAt(ofType);
	}
}

interface Count {
	readonly limit: number;
	running: number;
}

const fullAt = ({ limit, running }: Count): number | undefined => (running >= limit ? limit : undefined);
