import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../../test/fixture.ts";
import { AuditLog, type AuditOptions } from "./audit.ts";
import type { AuditEntry } from "./audit-chain.ts";
import { lastLines, verifyAudit } from "./audit-files.ts";
import { writeAt } from "./audit-open.ts";

const entry = (i: number): AuditEntry => ({
	...{ at: new Date(1_700_000_000_000 + i).toISOString(), token: "ci", role: "operator", method: "POST" },
	...{ route: "/v1/tasks", subject: `tsk_${i}`, status: 201, address: "127.0.0.1" },
});

function open(t: TestContext, folder = temporaryFolder(t), options: Partial<AuditOptions> = {}) {
	const audit = new AuditLog(folder, { sync: false, ...options });
	t.after(() => audit.close().catch(() => undefined));
	return { audit, folder, path: join(folder, "audit.log") };
}

async function filled(t: TestContext, lines: number, options: Partial<AuditOptions> = {}) {
	const opened = open(t, undefined, options);
	for (let i = 1; i <= lines; i++) await opened.audit.append(entry(i));
	return opened;
}

test("lines are there when they are acknowledged, in order, for the owner alone, and go on after a start", async (t) => {
	const { audit, folder, path } = open(t, undefined, { sync: true });
	await audit.ready();
	await Promise.all(Array.from({ length: 50 }, (_, i) => audit.append(entry(i + 1))));
	assert.equal(statSync(path).mode & 0o777, 0o600);
	assert.equal(verifyAudit(folder).lines, 50);
	await audit.close();
	const { audit: next } = open(t, folder);
	await next.append(entry(51));
	const { lines, first, head, files } = verifyAudit(folder);
	assert.deepEqual([files, lines, first, head.seq], [1, 51, 1, 51]);
	assert.deepEqual(
		lastLines(folder, 3).map(({ seq, subject }) => [seq, subject]),
		[
			[49, "tsk_49"],
			[50, "tsk_50"],
			[51, "tsk_51"],
		],
	);
});

test("a changed, missing, moved or added line is found with its place", async (t) => {
	const { folder, path } = await filled(t, 20);
	const whole = readFileSync(path, "utf8");
	const lines = whole.split("\n");
	const swapped = [...lines];
	[swapped[5], swapped[6]] = [lines[6] as string, lines[5] as string];
	const damages: Record<string, string> = {
		changed: whole.replace("tsk_7", "tsk_8"),
		"changed at the end": whole.replace("tsk_20", "tsk_21"),
		missing: lines.toSpliced(9, 1).join("\n"),
		doubled: lines.toSpliced(9, 0, lines[9] as string).join("\n"),
		swapped: swapped.join("\n"),
		"without its first line": lines.slice(1).join("\n"),
		"with another first line": whole.replace('"after":0', '"after":1'),
		"no line": lines.toSpliced(9, 0, "nonsense").join("\n"),
	};
	for (const [what, text] of Object.entries(damages)) {
		writeFileSync(path, text);
		assert.throws(() => verifyAudit(folder), { code: "E_AUDIT_CORRUPT", message: /line \d+ of audit\.log/ }, what);
	}
	writeFileSync(path, whole);
	assert.equal(verifyAudit(folder).lines, 20);
});

test("every single byte counts", async (t) => {
	const { folder, path } = await filled(t, 3);
	const whole = readFileSync(path);
	for (let i = 0; i < whole.length - 1; i++) {
		const damaged = Buffer.from(whole);
		damaged[i] = (damaged[i] as number) ^ 1;
		writeFileSync(path, damaged);
		assert.throws(() => verifyAudit(folder), { code: "E_AUDIT_CORRUPT" }, `byte ${i}`);
	}
});

test("a line that was cut off was never acknowledged: the next start goes on before it", async (t) => {
	for (const cut of [1, 30, 200]) {
		const { audit, folder, path } = await filled(t, 5);
		await audit.close();
		truncateSync(path, statSync(path).size - cut);
		const { audit: next } = open(t, folder);
		await next.append(entry(6));
		assert.equal(verifyAudit(folder).lines, 5);
	}
	const { audit, folder, path } = await filled(t, 5);
	await audit.close();
	appendFileSync(path, "nonsense\n");
	await assert.rejects(open(t, folder).audit.ready(), { code: "E_AUDIT_CORRUPT" });
});

test("long files are followed by others with the chain carried on; the oldest go", async (t) => {
	const { audit, folder } = await filled(t, 60, { fileBytes: 1_000, keepFiles: 3 });
	const names = readdirSync(folder).sort();
	assert.equal(names.length, 4);
	const { files, first, head, lines } = verifyAudit(folder);
	assert.deepEqual([files, head.seq, lines], [4, 60, 60 - first + 1]);
	assert.ok(first > 1);
	assert.equal(lastLines(folder, 1_000).length, lines);
	await audit.close();
	// It died between two files: the next start goes on from the older one.
	rmSync(join(folder, "audit.log"));
	const before = verifyAudit(folder).head.seq;
	const { audit: next } = open(t, folder);
	await next.append(entry(61));
	assert.equal(verifyAudit(folder).head.seq, before + 1);
	// One from the middle is missing.
	rmSync(join(folder, names[1] as string));
	rmSync(join(folder, names[0] as string));
	assert.equal(verifyAudit(folder).files, 2);
	const { folder: other } = await filled(t, 60, { fileBytes: 1_000, keepFiles: 9 });
	rmSync(join(other, readdirSync(other).sort()[2] as string));
	assert.throws(() => verifyAudit(other), { code: "E_AUDIT_CORRUPT", message: /does not go on/ });
});

test("on a full disk nothing is acknowledged or begun; the lines that wait are written when there is room", async (t) => {
	let full = false;
	const write: typeof writeAt = async (file, text, position) => {
		if (!full) return writeAt(file, text, position);
		await writeAt(file, text.slice(0, 50), position); // a part gets there
		throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
	};
	const { audit, folder } = await filled(t, 3, { write });
	full = true;
	const refused = await Promise.allSettled([audit.append(entry(4)), audit.append(entry(5))]);
	for (const one of refused) assert.equal((one as { reason?: { code: string } }).reason?.code, "E_STORAGE_FULL");
	await assert.rejects(audit.ready(), { code: "E_STORAGE_FULL" });
	assert.equal(verifyAudit(folder).lines, 3);
	full = false;
	await audit.ready();
	await audit.append(entry(6));
	assert.deepEqual(
		lastLines(folder, 9).map(({ subject }) => subject),
		[1, 2, 3, 4, 5, 6].map((i) => `tsk_${i}`),
	);
	assert.equal(verifyAudit(folder).lines, 6);
});
