import assert from "node:assert/strict";
import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	watch,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { muster, start } from "../../test/cli-fixture.ts";
import { deferred, startTest, temporaryFolder } from "../../test/fixture.ts";
import { type AnySkill, defineSkill, type Orchestrator } from "../index.ts";
import { EPOCHS_APART } from "../journal/restore.ts";

const hold = deferred();
const tokens = (muster: Orchestrator) => muster.events({ after: 0, signal: AbortSignal.timeout(10_000) });
const skills = [
	defineSkill({ name: "quick", description: "Does nothing.", run: () => null }),
	defineSkill({
		name: "file",
		description: "Stores a file.",
		run: ({ text }: { text: string }, { artifacts }) => artifacts.put("f.txt", text, "text/plain"),
	}),
	defineSkill({ name: "held", description: "Waits.", run: () => hold.promise.then(() => null) }),
] as unknown as AnySkill[];

describe("muster backup and restore", () => {
	it("under load keep everything that was acknowledged before, offer what ran again, and begin a new epoch", async (t) => {
		const dataDir = temporaryFolder(t);
		const elsewhere = temporaryFolder(t);
		const backup = join(elsewhere, "backup");
		const original = await startTest(t, { dataDir, skills, snapshotBytes: 64 * 1_024, keepJournalBytes: 128 * 1_024 });
		const running = await original.submit({ type: "held" });
		const acknowledged = [running];
		for (let i = 0; i < 20; i++) {
			acknowledged.push(...(await original.submitMany(Array.from({ length: 100 }, () => ({ type: "quick" })))));
		}
		acknowledged.push(await original.submit({ type: "file", input: { text: "kept" } }));
		const file = await original.wait(acknowledged.at(-1) as string);
		let loading = true;
		const load = (async () => {
			while (loading) await original.submitMany(Array.from({ length: 50 }, () => ({ type: "quick" })));
		})();
		const made = await muster(t, "backup", backup, "--data", dataDir, "--json");
		loading = false;
		await load;
		assert.equal(made.code, 0, made.stderr);
		assert.equal(existsSync(join(backup, "token")), false);

		const restored = join(elsewhere, "restored");
		const again = await muster(t, "restore", backup, "--data", restored, "--json");
		assert.equal(again.code, 0, again.stderr);
		const second = await startTest(t, { dataDir: restored, skills });
		for (const id of acknowledged) assert.ok(second.task(id));
		assert.equal(
			await second.artifacts.text(file.output as unknown as Parameters<typeof second.artifacts.text>[0]),
			"kept",
		);
		hold.resolve();
		const over = await second.wait(running);
		assert.deepEqual([over.state, over.attempts], ["completed", 2]);
		let newest = 0;
		for await (const event of tokens(second)) {
			if (event.type === "task.started" && event.id === running) newest = event.token;
			if (event.type === "task.completed" && event.id === running) break;
		}
		assert.ok(newest >= EPOCHS_APART * 2 ** 32, "larger than what the original hands out for thousands of starts");
		const verified = await muster(t, "verify", "--data", restored, "--json");
		assert.equal((JSON.parse(verified.stdout) as { ok: boolean }).ok, true, verified.stderr);

		const refused = await muster(t, "restore", backup, "--data", restored);
		assert.match(refused.stderr, /E_DATA_FOLDER: .* is not empty/);
		const twice = await muster(t, "backup", backup, "--data", dataDir);
		assert.match(twice.stderr, /E_DATA_FOLDER: .* is not empty/);
	});

	it("a backup that was killed at any moment is whole or none", async (t) => {
		const dataDir = temporaryFolder(t);
		const elsewhere = temporaryFolder(t);
		const original = await startTest(t, { dataDir, skills });
		for (let i = 0; i < 20; i++) {
			const text = "x".repeat(20_000);
			await original.submitMany(Array.from({ length: 50 }, () => ({ type: "quick", input: { text } })));
		}
		await original.submit({ type: "file", input: { text: "kept" } });
		await original.shutdown();
		// Killed when the nth change is seen in the folder it is written to.
		for (const changes of [1, 2, 3, 5, 8, 13, 21]) {
			const backup = join(elsewhere, `backup-${changes}`);
			const partial = `${backup}.partial`;
			mkdirSync(partial);
			const child = start(t, ["backup", backup, "--data", dataDir]);
			let seen = 0;
			const watcher = watch(elsewhere, { recursive: true }, () => {
				if (++seen === changes + 2) child.process.kill("SIGKILL");
			});
			await child.ended;
			watcher.close();
			const target = join(elsewhere, `restored-${changes}`);
			const again = await muster(t, "restore", backup, "--data", target);
			if (existsSync(backup)) assert.equal(again.code, 0, again.stderr);
			else assert.match(again.stderr, /is no backup/);
			const half = await muster(t, "restore", partial, "--data", `${target}-half`);
			if (existsSync(partial) && !existsSync(join(partial, "backup.json"))) assert.match(half.stderr, /is no backup/);
		}
	});

	it("a backup that was damaged is not restored", async (t) => {
		const dataDir = temporaryFolder(t);
		const elsewhere = temporaryFolder(t);
		const original = await startTest(t, { dataDir, skills });
		await original.wait(await original.submit({ type: "quick" }));
		await original.shutdown();
		const backup = join(elsewhere, "backup");
		await muster(t, "backup", backup, "--data", dataDir);
		const broken = join(elsewhere, "broken");
		cpSync(backup, broken, { recursive: true });
		const journal = join(broken, "journal.db");
		const bytes = readFileSync(journal);
		const at = bytes.indexOf("task.completed");
		bytes[at] = 0x54;
		writeFileSync(journal, bytes);
		const refused = await muster(t, "restore", broken, "--data", join(elsewhere, "new"));
		assert.match(refused.stderr, /E_JOURNAL_CORRUPT/);
		assert.equal(existsSync(join(elsewhere, "new")), false);
		rmSync(join(broken, "backup.json"));
		assert.match((await muster(t, "restore", broken, "--data", join(elsewhere, "new"))).stderr, /is no backup/);
		assert.ok(readdirSync(backup).every((name) => !name.endsWith(".tmp")));
		assert.equal(statSync(backup).mode & 0o077, 0);
	});
});
