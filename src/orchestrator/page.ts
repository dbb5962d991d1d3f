/** Pages of lists: what may be asked, checked, and the cursor that goes on after the last item of a page. */
import { MusterError } from "../errors.ts";
import { newestFirst, type Place, type Rows } from "../journal/listing.ts";

/** Most items of a page. */
export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

export interface Page<T> {
	/** What came last stands first, live or over. There may be fewer than asked for although there are more: see `nextCursor`. */
	items: T[];
	/** Give it back for the next page. Absent: this is the last one. */
	nextCursor?: string;
}

export interface PageQuery {
	/** Submitted (runs: created) at this time or later, RFC 3339. */
	since?: string | undefined;
	/** Before this time. */
	until?: string | undefined;
	/** Most items. Default 100, at most 1,000. */
	limit?: number | undefined;
	/** `nextCursor` of the page before, with the same filters. Default: from the newest on. */
	cursor?: string | undefined;
}

export interface Range {
	since?: number | undefined;
	until?: number | undefined;
	limit: number;
	after: Place | undefined;
}

/** @throws E_INPUT_INVALID */
export function readRange({ since, until, limit = DEFAULT_PAGE, cursor }: PageQuery): Range {
	if (!Number.isSafeInteger(limit) || limit < 1) {
		throw new MusterError("E_INPUT_INVALID", `the limit of a page is a whole number from 1 to ${MAX_PAGE}`);
	}
	return {
		since: timeOf(since, "since"),
		until: timeOf(until, "until"),
		limit: Math.min(limit, MAX_PAGE),
		after: cursor === undefined ? undefined : placeOf(cursor),
	};
}

/** One state or several; undefined for all. @throws E_INPUT_INVALID naming those there are */
export function readStates<T extends string>(
	given: T | readonly T[] | undefined,
	known: readonly T[],
): T[] | undefined {
	if (given === undefined) return undefined;
	const states = typeof given === "string" ? [given] : [...given];
	const wrong = states.find((state) => !known.includes(state));
	if (wrong === undefined && states.length > 0) return states;
	throw new MusterError("E_INPUT_INVALID", `there is no state ${JSON.stringify(wrong ?? "")}`, {
		hint: `One or several of ${known.join(", ")}.`,
	});
}

/** Joins what memory and history hold, each in order, into one page; of what both hold, memory's goes. */
export function pageOf<T extends { id: string }>(
	memory: readonly T[],
	history: Rows<T>,
	{ limit, place }: { limit: number; place: (item: T) => Place },
): { items: T[]; end?: Place } {
	const byId = new Map([...history.items, ...memory].map((item) => [item.id, item]));
	const all = [...byId.values()].sort((a, b) => newestFirst(place(a), place(b)));
	// Beyond the end of the look the history may hold what stands between.
	const { end } = history;
	const seen = end === undefined ? all : all.filter((item) => newestFirst(place(item), end) <= 0);
	if (seen.length > limit) return { items: seen.slice(0, limit), end: place(seen[limit - 1] as T) };
	return { items: seen, ...(end && { end }) };
}

export const cursorOf = ({ at, id }: Place): string => Buffer.from(JSON.stringify([at, id])).toString("base64url");

function placeOf(cursor: string): Place {
	try {
		const [at, id] = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown[];
		if (Number.isSafeInteger(at) && typeof id === "string") return { at: at as number, id };
	} catch {
		// said below
	}
	throw new MusterError("E_INPUT_INVALID", "the cursor is not one of a page", {
		hint: "Give nextCursor of the page before, as it is.",
	});
}

function timeOf(text: string | undefined, name: string): number | undefined {
	if (text === undefined) return undefined;
	const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
	if (!Number.isNaN(ms)) return ms;
	throw new MusterError("E_INPUT_INVALID", `${name} is no time: ${JSON.stringify(text.slice(0, 80))}`, {
		hint: "For example 2026-12-01T07:00:00Z.",
	});
}
