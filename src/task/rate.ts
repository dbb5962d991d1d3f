/**
 * What the starts of a rate's tasks leave behind: a bucket of tokens for each key, folded from their events, so that a rate goes on
 * where it was when another process takes over. Pure.
 */
import type { RateLimit } from "./task.ts";

/** One token comes each `perMs / limit`, at most `burst` of them (1: evenly paced), and each start takes one. */
export interface RateBucket {
	/** When the last one started, wall clock. */
	at: number;
	/** Tokens that it left. */
	tokens: number;
}

/** The most recently started keys; of any other the last start, if there was one, was before all of theirs. */
export const MAX_RATES = 10_000;

/** A key of which nothing has started has all tokens. */
export function tokensAt(buckets: ReadonlyMap<string, RateBucket>, rate: RateLimit, now: number): number {
	const { key, limit, perMs, burst = 1 } = rate;
	const oldest = buckets.size < MAX_RATES ? undefined : buckets.values().next().value;
	const { at, tokens } = buckets.get(key) ?? { at: oldest?.at, tokens: 0 };
	return at === undefined ? burst : Math.min(burst, tokens + (Math.max(0, now - at) * limit) / perMs);
}

/** @param buckets the least recently started first */
export function countStart(buckets: Map<string, RateBucket>, rate: RateLimit, at: number): void {
	const tokens = Math.max(0, tokensAt(buckets, rate, at) - 1);
	buckets.delete(rate.key);
	if (buckets.size >= MAX_RATES) buckets.delete(buckets.keys().next().value as string);
	buckets.set(rate.key, { at, tokens });
}
