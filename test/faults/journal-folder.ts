/** Data folders to damage: made by the SQLite journal itself, left clean or as a kill leaves them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { completed, lines, started, submitted } from "../../src/journal/conformance.ts";
import type { OpenJournal } from "../../src/journal/journal.ts";
import { openSqliteJournal, type SqliteJournalOptions } from "../../src/journal/sqlite.ts";
import type { Sink } from "../../src/state.ts";

export const silent: Sink = { task: () => undefined, run: () => undefined };

export function temporaryFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), "muster-journal-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

export const openAt = (folder: string, more: Partial<SqliteJournalOptions> = {}): Promise<OpenJournal> =>
	openSqliteJournal({
		folder,
		durability: "normal",
		keepBytes: 2 ** 30,
		snapshotBytes: 2 ** 30,
		clock: systemClock,
		sink: silent,
		onFailure: () => undefined,
		onNotice: () => undefined,
		...more,
	});

/** Groups of events over many tasks: some over, some live. */
export const someGroups = (count: number, from = 0): string[][] =>
	Array.from({ length: count }, (_, i) => {
		const n = from + i;
		const id = `t${String(n).padStart(5, "0")}`;
		const group = lines(submitted(id, { input: { text: `${n} `.repeat(100) } }), started(id, n + 1));
		return n % 3 === 0 ? group : [...group, ...lines(completed(id, n + 1))];
	});

export async function append({ journal }: OpenJournal, groups: readonly (readonly string[])[]): Promise<void> {
	for (const group of groups) await journal.append(group, "fact").durable;
}

/** Waits until the views hold everything. */
export async function projected(open: OpenJournal, groups: number): Promise<void> {
	await new Promise<void>((resolve) => {
		const look = (): void => {
			if (open.history.tasks({}, undefined, groups).items.length >= groups) resolve();
			else setTimeout(look, 5);
		};
		look();
	});
}

/** The folder as kill -9 would leave it now. */
export function asKilled(folder: string, t: TestContext): string {
	const copy = join(temporaryFolder(t), "data");
	cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith("-shm") });
	return copy;
}

export function flipBit(path: string, offset: number, bit: number): void {
	const bytes = readFileSync(path);
	bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
	writeFileSync(path, bytes);
}
