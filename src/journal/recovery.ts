/** From a data folder to the state: the newest whole snapshot, then the journal's batches after it, every one checked. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { MusterError } from "../errors.ts";
import { decodeBody, type Event } from "../events.ts";
import { apply } from "../fold/fold.ts";
import { createState, type Sink, type State } from "../state.ts";
import { listSnapshots, readSnapshot, type Snapshot } from "./snapshot.ts";
import {
	type Anchor,
	checkWitness,
	damaged,
	readAnchor,
	readChain,
	type StoredBatch,
	truncated,
} from "./sqlite-file.ts";
import type { Trails } from "./trails.ts";
import { viewsPosition } from "./views.ts";

export interface JournalPaths {
	journal: string;
	views: string;
	snapshots: string;
}

export const journalPaths = (folder: string): JournalPaths => ({
	journal: join(folder, "journal.db"),
	views: join(folder, "views.db"),
	snapshots: join(folder, "snapshots"),
});

/** An empty journal must never take the place of a missing one. @throws E_JOURNAL_TRUNCATED */
export function checkNotMissing(paths: JournalPaths): void {
	if (existsSync(paths.journal)) return;
	const trace = listSnapshots(paths.snapshots)[0]?.path ?? (existsSync(paths.views) ? paths.views : undefined);
	if (trace !== undefined) throw truncated(paths.journal, "nothing (the file is missing)", `what ${trace} shows`);
}

/**
 * Where to begin folding: the newest whole snapshot that is not newer than `upTo`, or the journal's beginning.
 * A damaged snapshot is passed over as long as something older still reaches; `onDamage` is told.
 * @throws E_JOURNAL_CORRUPT when nothing reaches
 */
export function findBase(
	paths: JournalPaths,
	db: DatabaseSync,
	onDamage: (error: unknown) => void,
	{ upTo = Number.MAX_SAFE_INTEGER, trails }: { upTo?: number; trails?: Trails } = {},
): Snapshot | undefined {
	const anchor = readAnchor(db);
	let problem: unknown;
	for (const { seq, path } of listSnapshots(paths.snapshots)) {
		if (seq > upTo || seq < anchor.seq) continue;
		try {
			const snapshot = readSnapshot(path, trails);
			checkWitness(db, snapshot.anchor, paths.journal, path);
			return snapshot;
		} catch (error) {
			if (error instanceof MusterError && error.code === "E_JOURNAL_TRUNCATED") throw error;
			problem = error;
			onDamage(error);
		}
	}
	if (anchor.seq === 0) return { state: createState(), anchor };
	if (problem !== undefined) throw problem;
	return undefined;
}

/** Folds one batch in; `before` is shown each event before it changes the state. @throws E_JOURNAL_CORRUPT naming the batch when an event does not fit */
export function foldBatch(
	state: State,
	batch: StoredBatch,
	sink: Sink,
	path: string,
	before: (event: Event) => void = () => undefined,
): void {
	const events = decodeBody(batch.body);
	if (events.length !== batch.count) {
		throw damaged(path, batch.seq, `has ${events.length} events instead of ${batch.count}`);
	}
	for (const [i, event] of events.entries()) {
		try {
			before(event);
			apply(state, event, sink);
		} catch (cause) {
			throw damaged(
				path,
				batch.seq,
				`holds an event (number ${batch.first + i}) that does not fit: ${(cause as Error).message}`,
			);
		}
	}
}

const TURN_BATCHES = 32;

/**
 * The state at the journal's end. Gives other work a turn now and then, so that a server already listens meanwhile.
 * @param sink told of what ended after the snapshot: the views may not have it yet
 * @returns with `base`: what ended up to there was not told to the sink, only the views can know it
 * @throws E_JOURNAL_CORRUPT, E_JOURNAL_TRUNCATED
 */
export async function recover(
	paths: JournalPaths,
	db: DatabaseSync,
	sink: Sink,
	onDamage: (error: unknown) => void,
): Promise<{ state: State; base: Anchor; end: Anchor }> {
	const views = viewsPosition(paths.views);
	if (views !== undefined) checkWitness(db, views, paths.journal, paths.views);
	const base = findBase(paths, db, onDamage);
	if (base === undefined) {
		throw new MusterError(
			"E_JOURNAL_CORRUPT",
			`no snapshot in ${paths.snapshots} reaches the beginning of ${paths.journal}`,
			{
				hint: "Restore the data folder from a backup. It was not changed.",
			},
		);
	}
	const { state, anchor } = base;
	let end = anchor;
	let turns = 0;
	for (const batch of readChain(db, anchor, paths.journal)) {
		foldBatch(state, batch, sink, paths.journal);
		end = { seq: batch.seq, lastEvent: batch.first + batch.count - 1, hash: batch.hash };
		if (++turns % TURN_BATCHES === 0) await new Promise((resolve) => setImmediate(resolve));
	}
	return { state, base: anchor, end };
}
