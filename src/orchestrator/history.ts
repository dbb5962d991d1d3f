/** The full history of one task or run, page by page. */
import { MusterError } from "../errors.ts";
import type { StoredEvent } from "../events.ts";
import type { Journal } from "../journal/journal.ts";
import { MAX_PAGE } from "./page.ts";

export interface HistoryQuery {
	/** Only events with a larger number: `next` of the page before. */
	after?: number | undefined;
	/** Most events. Default 100, at most 1,000. */
	limit?: number | undefined;
}

export interface HistoryPage {
	items: StoredEvent[];
	/** There may be more after this number; a page may be short, or even empty, and go on. */
	next?: number;
	/** False when the oldest part is not in the journal any more (`keepJournalBytes`). */
	complete: boolean;
}

/** @throws E_INPUT_INVALID */
export async function historyOf(journal: Journal, id: string, query: HistoryQuery = {}): Promise<HistoryPage> {
	const { after = 0, limit = 100 } = query;
	if (!Number.isSafeInteger(after) || after < 0 || !Number.isSafeInteger(limit) || limit < 1) {
		throw new MusterError("E_INPUT_INVALID", "after is the number of an event, and the limit of a page at least 1");
	}
	const { events, next, complete } = await journal.readOf(id, after, Math.min(limit, MAX_PAGE));
	return { items: events, ...(next !== undefined && { next }), complete };
}
