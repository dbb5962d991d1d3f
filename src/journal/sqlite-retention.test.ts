/** Snapshots and retention: the journal becomes shorter, the state never does. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { append, flipBit, openAt, projected, someGroups, temporaryFolder } from "../../test/faults/journal-folder.ts";
import { hasCode } from "../errors.ts";
import { asData, foldOf } from "./conformance.ts";

const small = { keepBytes: 20_000, snapshotBytes: 10_000 };
const overIn = (groups: string[][]): number => groups.filter((group) => group.length === 3).length;

test("a journal cut by retention gives the same state after each of several starts", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const all: string[][] = [];
	for (let start = 0; start < 4; start++) {
		const open = await openAt(folder, small);
		assert.deepEqual(asData(open.state), asData(foldOf(all.flat())));
		const groups = someGroups(80, all.length);
		await append(open, groups);
		all.push(...groups);
		await open.journal.close();
	}
	const open = await openAt(folder, small);
	assert.deepEqual(asData(open.state), asData(foldOf(all.flat())));
	const events = await open.journal.read(0, 1_000_000);
	assert.ok((events[0]?.seq ?? 0) > 1, "the oldest events are gone");
	assert.equal(events.at(-1)?.seq, all.flat().length, "the newest are there");
	await projected(open, overIn(all));
	await open.journal.close();
	assert.ok(readdirSync(join(folder, "snapshots")).length <= 2, "at most two snapshots are kept");
});

async function folderWithSnapshots(folder: string): Promise<{ expected: unknown; snapshots: string[] }> {
	const all: string[][] = [];
	for (let start = 0; start < 2; start++) {
		const open = await openAt(folder);
		const groups = someGroups(40, all.length);
		await append(open, groups);
		all.push(...groups);
		await open.journal.close();
	}
	const snapshots = readdirSync(join(folder, "snapshots")).sort();
	return { expected: asData(foldOf(all.flat())), snapshots };
}

for (const damaged of [1, 2]) {
	test(`with ${damaged} damaged of 2 snapshots the state comes from what is older, and it is said`, async (t) => {
		const folder = join(temporaryFolder(t), "data");
		const { expected, snapshots } = await folderWithSnapshots(folder);
		assert.equal(snapshots.length, 2);
		for (const name of snapshots.slice(-damaged)) flipBit(join(folder, "snapshots", name), 300, 2);
		const notices: string[] = [];
		const open = await openAt(folder, { onNotice: (message) => void notices.push(message) });
		assert.deepEqual(asData(open.state), expected);
		assert.ok(notices.some((notice) => notice.includes("damaged")));
		await open.journal.close();
	});
}

test("when retention has cut what a damaged snapshot covered, the start is refused by name", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const open = await openAt(folder, { keepBytes: 0, snapshotBytes: 10_000 });
	await append(open, someGroups(80));
	await open.journal.close();
	const again = await openAt(folder, { keepBytes: 0, snapshotBytes: 10_000 });
	await append(again, someGroups(20, 80));
	await again.journal.close();
	for (const name of readdirSync(join(folder, "snapshots"))) flipBit(join(folder, "snapshots", name), 300, 2);
	await assert.rejects(openAt(folder), (error) => hasCode(error, "E_JOURNAL_CORRUPT"));
});
