/** One owner for a folder. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { openAt, temporaryFolder } from "../../test/faults/journal-folder.ts";
import { hasCode, type MusterError } from "../errors.ts";
import { isOwned } from "./lock.ts";

const refusedBy = (pid: number | undefined) => (error: unknown) => {
	assert.ok(hasCode(error, "E_DATA_FOLDER_LOCKED"));
	assert.equal((error as MusterError).details?.pid, pid);
	assert.match((error as MusterError).message, new RegExp(`process ${pid}\\b`));
	return true;
};

test("a second opener in the same process is refused with the owner's pid, and the first is unharmed", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const first = await openAt(folder);
	for (let i = 0; i < 3; i++) await assert.rejects(openAt(folder), refusedBy(process.pid));
	assert.equal(isOwned(folder), true);
	await assert.rejects(openAt(folder), refusedBy(process.pid), "a look does not open the lock");
	await first.journal.append([JSON.stringify({ type: "epoch.started", at: 1, epoch: 1 })], "fact").durable;
	await first.journal.close();
	const again = await openAt(folder);
	assert.equal(again.state.epoch, 1);
	await again.journal.close();
	assert.equal(isOwned(folder), false);
});

test("an opener is refused with pid and address of another process, and takes over once that was killed", async (t) => {
	const folder = join(temporaryFolder(t), "data");
	const module = new URL("../../test/faults/journal-owner.ts", import.meta.url);
	const child = fork(module, [folder]);
	t.after(() => child.kill("SIGKILL"));
	await new Promise((resolve) => child.once("message", resolve));
	await assert.rejects(openAt(folder), refusedBy(child.pid));
	await assert.rejects(openAt(folder), /127\.0\.0\.1:1234/);
	const gone = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGKILL");
	await gone;
	assert.equal(isOwned(folder), false, "the lock went with the process");
	const open = await openAt(folder);
	assert.equal(open.state.epoch, 7);
	await open.journal.close();
});
