/** When a failed attempt is tried again. Pure. */
import type { ErrorData } from "../errors.ts";
import type { RetryPolicy } from "./task.ts";

export const defaultRetry: RetryPolicy = { maxAttempts: 3, initialMs: 1_000, factor: 2, capMs: 30_000, jitter: "full" };

/**
 * The back-off after the given attempt: exponential with full jitter
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param attempt the attempt that failed, from 1
 * @param random a number in [0, 1)
 * @returns milliseconds, never above `capMs`
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
	// The growth is finite, so that a wait of zero stays zero.
	const growth = Math.min(Number.MAX_VALUE, policy.factor ** (attempt - 1));
	const bound = Math.min(policy.capMs, policy.initialMs * growth);
	return policy.jitter === "full" ? Math.floor(random * bound) : Math.floor(bound);
}

/** Milliseconds until the next attempt, or undefined when the error is final. `counted` are the attempts that failed, this one included. */
export function retryDelayMs(
	policy: RetryPolicy | null | undefined,
	counted: number,
	error: ErrorData,
	random: number,
): number | undefined {
	if (policy === null || !error.retryable) return undefined;
	const { maxAttempts } = policy ?? defaultRetry;
	if (counted >= maxAttempts) return undefined;
	if (error.retryAfterMs !== undefined) return error.retryAfterMs;
	return backoffMs(policy ?? defaultRetry, counted, random);
}
