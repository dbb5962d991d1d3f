/** How many tasks run, in all and of each type, and how many may. */
export interface Limits {
	/** Tasks at the same time, all together. */
	running?: number | undefined;
	/** The same of each type. */
	types: { readonly [type: string]: number };
}

export class Quota {
	readonly #limits: Limits;
	readonly #running = new Map<string, number>();
	#runningInAll = 0;

	constructor(limits: Limits) {
		this.#limits = limits;
	}

	take(type: string): void {
		this.#runningInAll++;
		this.#running.set(type, (this.#running.get(type) ?? 0) + 1);
	}

	release(type: string): void {
		this.#runningInAll--;
		const left = (this.#running.get(type) ?? 1) - 1;
		if (left > 0) this.#running.set(type, left);
		else this.#running.delete(type);
	}

	/** The limit of all, when as many run. */
	get full(): number | undefined {
		const { running } = this.#limits;
		return running !== undefined && this.#runningInAll >= running ? running : undefined;
	}

	/** The limit of the type, when as many of it run. */
	fullOf(type: string): number | undefined {
		const limit = Object.hasOwn(this.#limits.types, type) ? this.#limits.types[type] : undefined;
		return limit !== undefined && (this.#running.get(type) ?? 0) >= limit ? limit : undefined;
	}
}
