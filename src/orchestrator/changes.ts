/** Lets readers that follow something sleep until it may have changed. A hint only: they look for themselves. */
export class Changes {
	#version = 0;
	#waiting: (() => void)[] = [];

	get version(): number {
		return this.#version;
	}

	notify(): void {
		this.#version++;
		if (this.#waiting.length === 0) return;
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const wake of waiting) wake();
	}

	/** Resolves when there was a change after `version`, or the signal is aborted. */
	async after(version: number, signal?: AbortSignal): Promise<void> {
		if (version < this.#version || signal?.aborted) return;
		const { promise, resolve } = Promise.withResolvers<void>();
		const wake = (): void => resolve();
		this.#waiting.push(wake);
		signal?.addEventListener("abort", wake, { once: true });
		await promise;
		// A reader follows for hours with one signal: it must not gather a listener for each change.
		signal?.removeEventListener("abort", wake);
	}
}
