/** How fast starts follow each other: counted over the last hundreds of them, or over the last 10 to 20 seconds. */
const MOST = 512;
const FEW = 32;
const LONG_MS = 20_000;

export class Pace {
	#count = 0;
	#firstMs = 0;
	#lastMs = 0;

	/** There was nothing to start until now: that time says nothing. */
	begin(): void {
		this.#count = 0;
	}

	started(nowMs: number): void {
		if (this.#count === 0) this.#firstMs = nowMs;
		this.#lastMs = nowMs;
		this.#count++;
		if (this.#count < FEW || (this.#count < MOST && nowMs - this.#firstMs < LONG_MS)) return;
		// The older half is forgotten, as if both halves had been as fast.
		this.#count /= 2;
		this.#firstMs = (this.#firstMs + nowMs) / 2;
	}

	/** Milliseconds from one start to the next; undefined before the second, or when all were at one moment. */
	everyMs(nowMs: number): number | undefined {
		if (this.#count < 2 || nowMs <= this.#firstMs) return undefined;
		const between = (this.#lastMs - this.#firstMs) / (this.#count - 1);
		// One that is overdue makes it slower.
		return Math.max(between, (nowMs - this.#firstMs) / this.#count);
	}
}
