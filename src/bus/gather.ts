/** The answers to one request of the embedded bus, until there are enough, all have answered, or the time is over. */
import type { Clock } from "../clock.ts";
import type { BusMessage } from "./bus.ts";

export interface GatherOptions {
	clock: Clock;
	timeoutMs: number;
	max: number;
	signal: AbortSignal | undefined;
	/** Called once, at its end. */
	onEnd: () => void;
}

export class Gather {
	readonly answers: BusMessage[] = [];
	/** Resolves at its end. @throws the signal's reason, what {@link fail} was given */
	readonly done: Promise<void>;
	readonly #max: number;
	/** Who got the request and has not given a last answer. Undefined while it is still being handed out. */
	#open: number | undefined;
	#lastAnswers = 0;
	readonly #settle: (error?: unknown) => void;

	constructor({ clock, timeoutMs, max, signal, onEnd }: GatherOptions) {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		promise.catch(() => undefined); // whoever asked hears of it
		this.done = promise;
		this.#max = max;
		const abort = (): void => this.#settle(signal?.reason);
		const forgetTimer = clock.after(timeoutMs, () => this.#settle());
		let settled = false;
		this.#settle = (error) => {
			if (settled) return;
			settled = true;
			forgetTimer();
			signal?.removeEventListener("abort", abort);
			onEnd();
			if (error === undefined) resolve();
			else reject(error);
		};
		signal?.addEventListener("abort", abort, { once: true });
	}

	/** The request has reached so many. */
	expect(count: number): void {
		this.#open = count;
		this.#look();
	}

	add(answer: BusMessage): void {
		if (this.answers.length >= this.#max) return;
		this.answers.push(answer);
		this.#look();
	}

	/** One of those whom the request has reached has given its last answer. */
	answered(): void {
		this.#lastAnswers++;
		this.#look();
	}

	fail(error: unknown): void {
		this.#settle(error);
	}

	#look(): void {
		const allAnswered = this.#open !== undefined && this.#lastAnswers >= this.#open;
		if (allAnswered || this.answers.length >= this.#max) this.#settle();
	}
}
