/** Whatever is done to the files: the data is right, or it is refused by name. Never another answer. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { seeded } from "../../test/crash/driver.ts";
import {
	append,
	asKilled,
	flipBit,
	openAt,
	projected,
	silent,
	someGroups,
	temporaryFolder,
} from "../../test/faults/journal-folder.ts";
import { hasCode } from "../errors.ts";
import { asData, completed, foldOf, lines, readAll, started, submitted } from "./conformance.ts";
import type { OpenJournal } from "./journal.ts";
import { checkNotMissing, journalPaths, recover } from "./recovery.ts";
import { openForReading, openForWriting } from "./sqlite-file.ts";

const GROUPS = 60;
const groups = someGroups(GROUPS);
const over = groups.filter((group) => group.length === 3).length;
const expected = asData(foldOf(groups.flat()));
const NAMED = ["E_JOURNAL_CORRUPT", "E_JOURNAL_TRUNCATED", "E_DATA_FOLDER_NEWER", "E_DATA_FOLDER"];

/** One folder closed cleanly, and one as a kill leaves it: everything still in the WAL. */
async function makeFolders(t: TestContext): Promise<{ clean: string; killed: string }> {
	const folder = join(temporaryFolder(t), "data");
	const open = await openAt(folder);
	await append(open, groups);
	await projected(open, over);
	const killed = asKilled(folder, t);
	await open.journal.close();
	return { clean: folder, killed };
}

/** What a start does before any thread is there. */
async function stateOf(folder: string): Promise<unknown> {
	const paths = journalPaths(folder);
	checkNotMissing(paths);
	openForWriting(paths.journal, "normal").close();
	const reader = openForReading(paths.journal);
	const { state } = await recover(paths, reader, silent, () => undefined).finally(() => reader.close());
	return asData(state);
}

/** "right", or the code of the refusal. @throws when it is neither */
async function verdict(read: () => Promise<unknown>, wanted: unknown, what: string): Promise<string> {
	let found: unknown;
	try {
		found = await read();
	} catch (error) {
		assert.ok(hasCode(error) && NAMED.includes(error.code), `${what}: an unnamed refusal: ${String(error)}`);
		return error.code;
	}
	assert.deepEqual(found, wanted, `${what}: silently another state`);
	return "right";
}

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

for (const { kind, file, flips } of [
	{ kind: "clean", file: "journal.db", flips: 60 },
	{ kind: "without snapshots", file: "journal.db", flips: 150 },
	{ kind: "killed", file: "journal.db-wal", flips: 60 },
	{ kind: "killed", file: "journal.db", flips: 30 },
	{ kind: "clean", file: "snapshots", flips: 40 },
] as const) {
	test(`${flips} flipped bits in ${file} (${kind}) give the right state or a named refusal`, async (t) => {
		const folders = await makeFolders(t);
		const source = folders[kind === "killed" ? "killed" : "clean"];
		if (kind === "without snapshots") rmSync(join(source, "snapshots"), { recursive: true });
		const random = seeded(file.length);
		const path = file === "snapshots" ? join(file, readdirSync(join(source, file))[0] as string) : file;
		const size = sizeOf(join(source, path));
		assert.ok(size > 0, `${path} is there`);
		const verdicts: Record<string, number> = {};
		for (let i = 0; i < flips; i++) {
			const folder = asKilled(source, t);
			// Every second one among the first bytes, where the format is.
			const offset = Math.floor(random() * (i % 4 === 0 ? Math.min(size, 120) : size));
			const bit = Math.floor(random() * 8);
			flipBit(join(folder, path), offset, bit);
			const what = await verdict(() => stateOf(folder), expected, `${path} byte ${offset} bit ${bit}`);
			verdicts[what] = (verdicts[what] ?? 0) + 1;
			rmSync(folder, { recursive: true });
		}
		t.diagnostic(JSON.stringify(verdicts));
	});
}

test("a flipped bit is never served as an event, also before the snapshot", async (t) => {
	const { clean } = await makeFolders(t);
	const random = seeded(5);
	const size = sizeOf(join(clean, "journal.db"));
	const verdicts: Record<string, number> = {};
	for (let i = 0; i < 12; i++) {
		const folder = asKilled(clean, t);
		const offset = Math.floor(random() * size);
		flipBit(join(folder, "journal.db"), offset, 3);
		const read = async (): Promise<string[]> => {
			const { journal } = await openAt(folder);
			return readAll(journal).finally(() => journal.close());
		};
		const what = await verdict(read, groups.flat(), `byte ${offset}`);
		verdicts[what] = (verdicts[what] ?? 0) + 1;
	}
	t.diagnostic(JSON.stringify(verdicts));
});

test("a WAL cut at every 8 kB gives the right state or a named refusal", async (t) => {
	const { killed } = await makeFolders(t);
	const size = sizeOf(join(killed, "journal.db-wal"));
	const verdicts: Record<string, number> = {};
	for (let length = 0; length < size; length += 2 * (4_096 + 24)) {
		const folder = asKilled(killed, t);
		truncateSync(join(folder, "journal.db-wal"), length);
		const what = await verdict(() => stateOf(folder), expected, `${length} bytes`);
		verdicts[what] = (verdicts[what] ?? 0) + 1;
		rmSync(folder, { recursive: true });
	}
	assert.equal(verdicts.right, undefined, "what is cut off was needed");
	t.diagnostic(JSON.stringify(verdicts));
});

test("a journal cut at every 8 kB gives the right state or a named refusal", async (t) => {
	const { clean } = await makeFolders(t);
	const size = sizeOf(join(clean, "journal.db"));
	for (let length = 0; length < size; length += 8_192) {
		const folder = asKilled(clean, t);
		truncateSync(join(folder, "journal.db"), length);
		await verdict(() => stateOf(folder), expected, `${length} bytes`);
		rmSync(folder, { recursive: true });
	}
});

for (const gone of [["journal.db"], ["journal.db", "views.db"], ["journal.db", "snapshots"]]) {
	test(`without ${gone.join(" and ")} nothing is started as if it were new`, async (t) => {
		const { clean } = await makeFolders(t);
		for (const name of gone) rmSync(join(clean, name), { recursive: true });
		await assert.rejects(openAt(clean), (error) => hasCode(error, "E_JOURNAL_TRUNCATED"));
		assert.equal(existsSync(join(clean, "journal.db")), false);
	});
}

const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

for (const kind of ["clean", "killed"] as const) {
	test(`a journal of a newer format is refused and not touched (${kind})`, async (t) => {
		const folder = (await makeFolders(t))[kind];
		const path = join(folder, "journal.db");
		const db = new DatabaseSync(path);
		db.exec("PRAGMA user_version=2");
		db.close();
		const before = hashOf(path);
		await assert.rejects(openAt(folder), (error) => hasCode(error, "E_DATA_FOLDER_NEWER"));
		assert.equal(hashOf(path), before);
	});
}

const wholeOf = async ({ journal, history, state }: OpenJournal): Promise<unknown> => {
	await projected({ journal, history, state } as OpenJournal, over);
	const tasks = history.tasks({}, undefined, 1_000).items;
	await journal.close();
	return { state: asData(state), tasks };
};

for (const damage of ["deleted", "no database", "emptied", "of an older format"] as const) {
	test(`views.db is rebuilt when it is ${damage}`, async (t) => {
		const { clean } = await makeFolders(t);
		const before = await wholeOf(await openAt(clean));
		const path = join(clean, "views.db");
		if (damage === "deleted") rmSync(path);
		else if (damage === "no database") for (let i = 0; i < 200; i++) flipBit(path, i, i % 8);
		else if (damage === "emptied") truncateSync(path, 0);
		else {
			const db = new DatabaseSync(path);
			db.exec("PRAGMA user_version=0");
			db.close();
		}
		assert.deepEqual(await wholeOf(await openAt(clean)), before);
	});
}

test("views.db of a newer format is refused and kept: it may know more than the journal still holds", async (t) => {
	const { clean } = await makeFolders(t);
	const db = new DatabaseSync(join(clean, "views.db"));
	db.exec("PRAGMA user_version=99");
	db.close();
	await assert.rejects(openAt(clean), { code: "E_DATA_FOLDER_NEWER" });
	await assert.rejects(openAt(clean), { code: "E_DATA_FOLDER_NEWER" });
});

test("views.db that is damaged inside is rebuilt at the next start but one", async (t) => {
	const { clean } = await makeFolders(t);
	const before = await wholeOf(await openAt(clean));
	const path = join(clean, "views.db");
	for (let page = 1; page < sizeOf(path) / 4_096; page++)
		for (let i = 0; i < 40; i++) flipBit(path, page * 4_096 + i, 1);
	const code = await openAt(clean)
		.then(async (open) => {
			await append(open, someGroups(6, GROUPS));
			await open.journal.close();
		})
		.catch((error: unknown) => (hasCode(error) ? error.code : String(error)));
	t.diagnostic(`the start beside the damage: ${code ?? "went well"}`);
	const after = (await wholeOf(await openAt(clean))) as { tasks: { id: string }[] };
	assert.ok(after.tasks.length >= over);
	const oldIds = (before as { tasks: { id: string }[] }).tasks.map(({ id }) => id);
	assert.ok(oldIds.every((id) => after.tasks.some((task) => task.id === id)));
});

test("views.db that was deleted is rebuilt before the start is over: what is over is found at once, also by its key", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const open = await openAt(folder);
	const all = Array.from({ length: 400 }, (_, i) => {
		const id = `t${String(i).padStart(5, "0")}`;
		return lines(submitted(id, { idempotencyKey: `key-${i}` }), started(id, i + 1), completed(id, i + 1));
	});
	await append(open, all);
	await open.journal.close();
	for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `views.db${suffix}`), { force: true });
	const { history, journal } = await openAt(folder);
	assert.equal(history.task("t00399")?.state, "completed");
	assert.equal(history.taskByKey("key-399")?.id, "t00399");
	await journal.close();
});
