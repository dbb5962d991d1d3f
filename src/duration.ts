/** Durations as people write them: `500ms`, `2s`, `5m`, `24h`, `7d`, or a number of milliseconds. */
import { MusterError } from "./errors.ts";

export type Duration = number | string;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 10 * 365 * 86_400_000;

/** @throws E_INPUT_INVALID naming `what` */
export function toMs(duration: Duration, what: string): number {
	const match = typeof duration === "string" ? /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(duration.trim()) : null;
	const ms =
		typeof duration === "number"
			? duration
			: match
				? Number(match[1]) * (UNIT_MS[match[2] as string] ?? 0)
				: Number.NaN;
	if (!Number.isFinite(ms) || ms < 0 || ms > LONGEST_MS) {
		throw new MusterError("E_INPUT_INVALID", `${what} is ${JSON.stringify(duration)}, which is not a duration`, {
			hint: "Write a number of milliseconds or a text such as 500ms, 2s, 5m, 24h or 7d.",
		});
	}
	return Math.round(ms);
}

/** The shortest of these forms that says `ms` well enough for a person. */
export function formatMs(ms: number): string {
	if (ms < 999.5) return `${Math.round(ms)}ms`;
	if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`;
	const seconds = Math.round(ms / 1_000);
	if (seconds < 60) return `${seconds}s`;
	if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
	if (ms < 86_400_000) return `${(ms / 3_600_000).toFixed(1)}h`;
	return `${(ms / 86_400_000).toFixed(1)}d`;
}
