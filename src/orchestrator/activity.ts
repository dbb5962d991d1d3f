/** Counts over time as callers see them. They come from the views, so they are as late as those. */
import { type Duration, toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import { type ActivityCounts, KEPT_MINUTES, MINUTE_MS, noActivity } from "../journal/activity.ts";
import type { History } from "../journal/journal.ts";

export interface ActivityQuery {
	/** From this time on, RFC 3339. Default: the last hour; 48 hours are kept. */
	since?: string | undefined;
	/** Whole minutes. Default "1m". */
	bucket?: Duration | undefined;
	/** Only of this task type. */
	type?: string | undefined;
}

export interface Activity {
	bucketMs: number;
	/** All of them from `since` to now, oldest first; the last one still goes on. */
	buckets: (ActivityCounts & { from: string; types: { [type: string]: ActivityCounts } })[];
}

/** Buckets of one answer. */
const MAX_BUCKETS = 2_880;

/** @throws E_INPUT_INVALID */
export function activityOf(history: Pick<History, "activity">, query: ActivityQuery = {}, nowMs: number): Activity {
	const bucketMs = toMs(query.bucket ?? "1m", "bucket");
	if (bucketMs < MINUTE_MS || bucketMs % MINUTE_MS !== 0) {
		throw new MusterError("E_INPUT_INVALID", "a bucket is a whole number of minutes", { hint: "For example 5m." });
	}
	const asked = query.since === undefined ? nowMs - 60 * MINUTE_MS : Date.parse(query.since);
	if (Number.isNaN(asked))
		throw new MusterError("E_INPUT_INVALID", "since is no time; for example 2026-12-01T07:00:00Z");
	const floor = (ms: number): number => Math.floor(ms / bucketMs) * bucketMs;
	const first = floor(Math.max(asked, nowMs - KEPT_MINUTES * MINUTE_MS));
	const buckets = new Map<number, Activity["buckets"][number]>();
	for (let at = first; at <= nowMs && buckets.size < MAX_BUCKETS; at += bucketMs) {
		buckets.set(at, { from: new Date(at).toISOString(), ...noActivity(), types: {} });
	}
	for (const { at, type, ...counts } of history.activity({ since: first, bucketMs, type: query.type })) {
		const bucket = buckets.get(at);
		if (bucket === undefined) continue; // of a clock that was ahead
		Object.defineProperty(bucket.types, type, { value: counts, enumerable: true });
		for (const [what, count] of Object.entries(counts)) bucket[what as keyof ActivityCounts] += count;
	}
	return { bucketMs, buckets: [...buckets.values()] };
}
