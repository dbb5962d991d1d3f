/** Callers that wait for a task or a run to end. */
import type { Clock } from "../clock.ts";
import { MusterError } from "../errors.ts";

export interface WaitOptions {
	timeoutMs?: number;
	signal?: AbortSignal;
	/** Why it is not over, for the error of a wait that ends too early. */
	why?: () => string | undefined;
}

export class Waiters {
	readonly #clock: Clock;
	readonly #waiting = new Map<string, Set<(error?: unknown) => void>>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Resolves when end() is called for this id. @throws E_WAIT_TIMEOUT, the signal's reason, E_STOPPED */
	wait(id: string, { timeoutMs, signal, why }: WaitOptions): Promise<void> {
		return new Promise<void>((resolve, reject) => {
			const forget: (() => void)[] = [];
			const settle = (error?: unknown): void => {
				for (const run of forget) run();
				if (error === undefined) resolve();
				else reject(error);
			};
			if (signal?.aborted) return reject(signal.reason);
			const set = this.#waiting.get(id) ?? new Set();
			this.#waiting.set(id, set.add(settle));
			forget.push(() => {
				if (set.delete(settle) && set.size === 0) this.#waiting.delete(id);
			});
			if (timeoutMs !== undefined) {
				const late = (): void =>
					settle(
						new MusterError(
							"E_WAIT_TIMEOUT",
							[`${id} was not done within ${timeoutMs} ms`, reasonOf(why)].filter(Boolean).join(": it "),
							{
								hint: `It goes on; wait again, or look at it with: muster task ${id}`,
							},
						),
					);
				forget.push(this.#clock.after(timeoutMs, late));
			}
			if (signal !== undefined) {
				const abort = (): void => settle(signal.reason);
				signal.addEventListener("abort", abort, { once: true });
				forget.push(() => signal.removeEventListener("abort", abort));
			}
		});
	}

	end(id: string): void {
		const set = this.#waiting.get(id);
		if (set !== undefined) for (const settle of [...set]) settle();
	}

	fail(error: unknown): void {
		for (const set of [...this.#waiting.values()]) for (const settle of [...set]) settle(error);
	}
}

/** Called by a timer, where what is thrown would end the process: a wait that ends late for no known reason still ends. */
function reasonOf(why: WaitOptions["why"]): string | undefined {
	try {
		return why?.();
	} catch {
		return undefined;
	}
}
