/** What a stream and its consumers keep is bounded, and snapshots from before there were streams are read. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { AppendOutcome, Stream } from "../bus/record.ts";
import type { Event } from "../events.ts";
import { listSnapshots, readSnapshot, writeSnapshot } from "../journal/snapshot.ts";
import { createState } from "../state.ts";
import { apply } from "./fold.ts";
import { MAX_LETTER_BYTES, MAX_LETTERS, MAX_MESSAGE_IDS } from "./streams.ts";

const AT = 1_700_000_000_000;
const sink = { task: () => undefined, run: () => undefined };

function streamOf(): { stream: Stream; tell(event: Event): AppendOutcome | undefined } {
	const state = createState();
	const tell = (event: Event): AppendOutcome | undefined => {
		let told: AppendOutcome | undefined;
		const appended = (outcome: AppendOutcome): void => {
			told = outcome;
		};
		apply(state, event, { ...sink, appended });
		return told;
	};
	const settings = { maxMessages: 10, maxBytes: 1e6, duplicateWindowMs: 1e9 };
	tell({ type: "stream.created", at: AT, stream: { name: "s", subjects: ["s"], ...settings } });
	const consumer = { name: "c", from: '"all"', start: 0, ackWaitMs: 1, maxDeliver: 1, maxAckPending: 1 };
	tell({ type: "consumer.created", at: AT, stream: "s", consumer });
	return { stream: state.streams.get("s") as Stream, tell };
}

const appended = (at: number, id: string): Event => ({
	type: "stream.appended",
	at,
	stream: "s",
	subject: "s",
	data: 1,
	id,
});

test("a stream remembers so many message ids, the newest ones", () => {
	const { stream, tell } = streamOf();
	for (let n = 0; n < MAX_MESSAGE_IDS + 10; n++) tell(appended(AT, `m${n}`));
	assert.equal(stream.ids.size, MAX_MESSAGE_IDS);
	assert.equal(tell(appended(AT, `m${MAX_MESSAGE_IDS}`))?.kind, "duplicate");
	assert.equal(tell(appended(AT, "m3"))?.kind, "kept");
});

test("times never go back, whatever the wall clock does", () => {
	const { stream, tell } = streamOf();
	for (const at of [AT, AT - 5_000, AT + 1, AT - 1]) tell(appended(at, `m${at}`));
	assert.deepEqual(
		[...stream.messages].map(({ at }) => at - AT),
		[0, 0, 1, 1],
	);
});

test("a consumer keeps so many dead letters, the newest ones, and counts the others", () => {
	const { stream, tell } = streamOf();
	const dead = (seq: number, data: string): void => {
		const message = { seq, at: AT, subject: "s", data };
		tell({ type: "consumer.dead", at: AT, stream: "s", consumer: "c", message, deliveries: 1, reason: "no" });
	};
	const consumer = stream.consumers.get("c");
	assert.ok(consumer);
	for (let n = 1; n <= MAX_LETTERS + 5; n++) {
		tell(appended(AT, `m${n}`));
		dead(n, "x");
	}
	assert.deepEqual([consumer.letters.size, consumer.lettersDropped], [MAX_LETTERS, 5]);
	assert.ok(!consumer.letters.has(5) && consumer.letters.has(6));
	for (let n = 2_000; n < 2_010; n++) dead(n, "x".repeat(300_000));
	assert.ok(consumer.letterBytes <= MAX_LETTER_BYTES);
	assert.deepEqual([...consumer.letters.keys()], [2_007, 2_008, 2_009]);
	dead(3_000, "x".repeat(2_000_000));
	assert.deepEqual([...consumer.letters.keys()], [3_000], "one that is too large alone stays");
	assert.equal(consumer.lettersDropped + consumer.letters.size, MAX_LETTERS + 16);
});

const folder = mkdtempSync(join(tmpdir(), "muster-old-snapshot-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a snapshot of an older format has no streams, one of a newer is refused", () => {
	const anchor = { seq: 1, lastEvent: 1, hash: Buffer.alloc(32) };
	writeSnapshot(folder, { state: createState(), anchor });
	const path = listSnapshots(folder)[0]?.path as string;
	const written = readFileSync(path, "utf8");
	const rewrite = (format: number): void => {
		const body = written.split("\n").slice(0, -2).join("\n").replace('"format":3', `"format":${format}`);
		const sha256 = createHash("sha256").update(`${body}\n`).digest("hex");
		writeFileSync(path, `${body}\n${JSON.stringify({ sha256 })}\n`);
	};
	for (const format of [1, 2, 3]) {
		rewrite(format);
		assert.equal(readSnapshot(path).state.streams.size, 0);
	}
	rewrite(4);
	assert.throws(() => readSnapshot(path), { code: "E_DATA_FOLDER_NEWER" });
});
