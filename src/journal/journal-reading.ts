/** Events read back from journal.db: all after a number, or those of one task or run by its trail. */
import type { DatabaseSync } from "node:sqlite";
import { decodeBody, type StoredEvent } from "../events.ts";
import type { Batch, EventPage } from "./journal.ts";
import { type Anchor, chainHash, damaged, lastSeq, readAnchor, readChain } from "./sqlite-file.ts";
import { isWhole, subjectOf, type Trail } from "./trails.ts";

/** Batches that one page of a history reads, at most: each may hold thousands of events of others. */
const PAGE_BATCHES = 64;
const PAGE_BYTES = 16 * 1024 * 1024;

/** The place after the last batch that holds nothing after this event. */
function placeBefore(db: DatabaseSync, path: string, after: number): Anchor {
	const select = db.prepare("SELECT seq, first + count - 1 AS lastEvent, hash FROM batches WHERE seq = ?");
	let place = readAnchor(db);
	for (let low = place.seq + 1, high = lastSeq(db); low <= high; ) {
		const seq = Math.floor((low + high) / 2);
		const row = select.get(seq) as { seq: number; lastEvent: number; hash: Uint8Array } | undefined;
		if (row === undefined) throw damaged(path, seq, "is missing");
		if (row.lastEvent <= after) {
			place = { ...row, hash: Buffer.from(row.hash) };
			low = seq + 1;
		} else high = seq - 1;
	}
	return place;
}

/** What is read is checked against the chain, as at a start; in one transaction, since retention may delete meanwhile. */
export function readEvents(db: DatabaseSync, path: string, after: number, limit: number): StoredEvent[] {
	db.exec("BEGIN");
	try {
		return collectEvents(db, path, after, limit);
	} finally {
		db.exec("COMMIT");
	}
}

function collectEvents(db: DatabaseSync, path: string, after: number, limit: number): StoredEvent[] {
	const events: StoredEvent[] = [];
	for (const batch of readChain(db, placeBefore(db, path, after), path)) {
		for (const [i, event] of decodeBody(batch.body).entries()) {
			const seq = batch.first + i;
			if (seq <= after) continue;
			events.push({ ...event, seq });
			if (events.length === limit) return events;
		}
	}
	return events;
}

/** The events of one task or run, by the batches that tell of it; those that retention has deleted are left out. */
export function followTrail(
	db: DatabaseSync,
	path: string,
	{ subject, trail, after, limit }: { subject: string; trail: Trail; after: number; limit: number },
): EventPage {
	const select =
		db.prepare(`SELECT seq, first, count, hash, body, (SELECT hash FROM batches WHERE seq = ?1 - 1) AS previous
		FROM batches WHERE seq = ?1 AND first + count - 1 > ?2`);
	const cut = readAnchor(db).seq;
	const events: StoredEvent[] = [];
	const complete = isWhole(trail) && (trail[0] as number) > cut;
	let batches = 0;
	let bytes = 0;
	for (const seq of trail) {
		if (seq <= cut) continue;
		const row = select.get(seq, after) as (Batch & { hash: Uint8Array; previous: Uint8Array | null }) | undefined;
		if (row === undefined) continue; // all of it was read before
		if (row.previous !== null && !chainHash(Buffer.from(row.previous), row).equals(Buffer.from(row.hash))) {
			throw damaged(path, seq, "does not match its hash");
		}
		for (const [i, event] of decodeBody(row.body).entries()) {
			const number = row.first + i;
			if (number <= after || subjectOf(event)?.id !== subject) continue;
			events.push({ ...event, seq: number });
			if (events.length === limit) return { events, next: number, complete };
		}
		bytes += row.body.byteLength;
		if (++batches === PAGE_BATCHES || bytes >= PAGE_BYTES) return { events, next: row.first + row.count - 1, complete };
	}
	return { events, complete };
}
