import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, type LedgerEntry, runSkill } from "../../../test/skill-harness.ts";
import { hasCode } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { AnySkill, ArtifactRef } from "../skill.ts";
import { createActSkill } from "./act.ts";
import { writeWhole } from "./act-files.ts";
import { markLine } from "./act-steps.ts";

const node = process.execPath;
interface Deed {
	kind: string;
	target: string;
	state: string;
	key: string;
	result: Json;
}

let folder: string;
let server: Server;
let origin: string;
let skill: AnySkill;
let requests: { key: string | undefined; body: string; type: string | undefined }[] = [];
let answer: { status: number; headers?: Record<string, string> } = { status: 200 };

before(async () => {
	server = createServer((request, response) => {
		let body = "";
		request.on("data", (chunk) => {
			body += chunk;
		});
		request.on("end", () => {
			const key = request.headers["idempotency-key"];
			requests.push({ key: key?.toString(), body, type: request.headers["content-type"] });
			response.writeHead(answer.status, answer.headers).end("noted");
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(async () => {
	folder = await realpath(await mkdtemp(join(tmpdir(), "muster-act-")));
	skill = createActSkill({ folders: [folder], commands: [[node, "-e"]], webhooks: [origin] });
	requests = [];
	answer = { status: 200 };
});
after(() => server.close());
afterEach(() => rm(folder, { recursive: true }));

const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

async function act(actions: unknown[], harness: Harness = createHarness(), more: object = {}): Promise<Deed[]> {
	const output = (await runSkill(skill, { actions, ...more }, harness)) as unknown as { actions: Deed[] };
	return output.actions;
}

/** A harness whose process "dies" right after the effect and before the ledger hears of it. */
function dyingAfterEffect(ledger: Map<string, LedgerEntry>): Harness {
	const harness = createHarness({ ledger });
	const effect: Harness["context"]["effect"] = async ({ key, run }) => {
		ledger.set(key, { state: "intended" });
		await run(key);
		throw new Error("killed");
	};
	return { ...harness, context: { ...harness.context, effect } };
}

/** A ledger as a process leaves it that died after `intended` was durable and before it did anything. */
const intended = (...keys: string[]): Map<string, LedgerEntry> =>
	new Map(keys.map((key) => [`act/${key}`, { state: "intended" }]));

async function dieAndComeBack(action: object): Promise<Deed | undefined> {
	const ledger = new Map<string, LedgerEntry>();
	await assert.rejects(act([action], dyingAfterEffect(ledger)), /killed/);
	return (await act([action], createHarness({ ledger })))[0];
}

describe("write-file", () => {
	const action = { kind: "write-file", path: "a/b.txt", content: "hello\n" };

	test("writes the file and makes the folders on the way", async () => {
		const deeds = await act([action]);
		assert.deepEqual(deeds, [
			{ kind: "write-file", target: join(folder, "a/b.txt"), state: "done", key: "0", result: { bytes: 6 } },
		]);
		assert.equal(await text("a/b.txt"), "hello\n");
	});

	test("leaves nothing else in the folder", async () => {
		await act([action]);
		assert.deepEqual(await readdir(join(folder, "a")), ["b.txt"]);
	});

	test("killed after writing is found to be done", async () => {
		assert.equal((await dieAndComeBack(action))?.state, "already-done");
	});

	test("killed before writing is done by the next attempt", async () => {
		const [deed] = await act([action], createHarness({ ledger: intended("0") }));
		assert.equal(deed?.state, "done");
		assert.equal(await text("a/b.txt"), "hello\n");
	});

	test("recorded as done is not looked at again", async () => {
		const ledger = new Map<string, LedgerEntry>();
		await act([action], createHarness({ ledger }));
		await writeFile(join(folder, "a/b.txt"), "changed since");
		assert.equal((await act([action], createHarness({ ledger })))[0]?.state, "already-done");
		assert.equal(await text("a/b.txt"), "changed since");
	});

	test("uses up the half-written file of a killed attempt", async () => {
		const target = { root: folder, path: join(folder, "b.txt") };
		await mkdir(target.path); // a folder in the place of the file stops the write at its last step
		await assert.rejects(writeWhole(target, "hello", { overwrite: true, owner: "tsk_test/0" }));
		await rm(target.path, { recursive: true });
		assert.match((await readdir(folder)).join(), /^\.muster-\w+\.tmp$/);
		await act([{ ...action, path: "b.txt" }]);
		assert.deepEqual(await readdir(folder), ["b.txt"]);
	});

	test("does not replace other content unasked", async () => {
		await mkdir(join(folder, "a"));
		await writeFile(join(folder, "a/b.txt"), "older");
		await assert.rejects(
			act([action]),
			(error) => hasCode(error, "E_CONFLICT") && error.hint?.includes("overwrite") === true,
		);
		assert.equal(await text("a/b.txt"), "older");
		assert.deepEqual(await readdir(join(folder, "a")), ["b.txt"]);
	});

	test("replaces other content when asked, and keeps the mode of the file", async () => {
		await mkdir(join(folder, "a"));
		await writeFile(join(folder, "a/b.txt"), "older", { mode: 0o600 });
		await act([{ ...action, overwrite: true }]);
		assert.equal(await text("a/b.txt"), "hello\n");
		assert.equal((await stat(join(folder, "a/b.txt"))).mode & 0o777, 0o600);
	});

	test("says that nothing was needed when the content is there already", async () => {
		await act([action]);
		assert.equal((await act([action]))[0]?.state, "already-done");
	});
});

describe("append-line", () => {
	const action = { kind: "append-line", path: "log.txt", line: "disk full" };
	const marked = "disk full  [tsk_test/0]\n";

	test("appends the line with its key", async () => {
		await act([action, { ...action, line: "again" }]);
		assert.equal(await text("log.txt"), `${marked}again  [tsk_test/1]\n`);
	});

	test("adds the key to a line that is a JSON object", async () => {
		await act([
			{ ...action, line: '{"big":12345678901234567890}', key: "k1" },
			{ ...action, line: " {} ", key: "k2" },
		]);
		assert.equal(await text("log.txt"), '{"big":12345678901234567890,"key":"k1"}\n{"key":"k2"}\n');
	});

	test("refuses a JSON object that has a key of its own", async () => {
		await assert.rejects(act([{ ...action, line: '{"key":1}' }]), (error) => hasCode(error, "E_INPUT_INVALID"));
	});

	test("killed after appending does not append again", async () => {
		assert.equal((await dieAndComeBack(action))?.state, "already-done");
		assert.equal(await text("log.txt"), marked);
	});

	test("killed before appending is done by the next attempt", async () => {
		assert.equal((await act([action], createHarness({ ledger: intended("0") })))[0]?.state, "done");
		assert.equal(await text("log.txt"), marked);
	});

	test("with a key of its own is there once although two tasks append it", async () => {
		const keyed = { ...action, key: "disk-full-2026" };
		await act([keyed]);
		assert.equal((await act([keyed]))[0]?.state, "already-done");
		assert.equal(await text("log.txt"), "disk full  [disk-full-2026]\n");
	});

	test("is there exactly once wherever a crash has cut it off, and older lines stay", async () => {
		const before = "an older line\nanother, with ünïcödé\n";
		const bytes = Buffer.from(marked);
		for (let cut = 0; cut <= bytes.byteLength; cut++) {
			await writeFile(join(folder, "log.txt"), Buffer.concat([Buffer.from(before), bytes.subarray(0, cut)]));
			await act([action], createHarness({ ledger: intended("0") }));
			assert.equal(await text("log.txt"), before + marked, `cut after ${cut} bytes`);
		}
	});

	test("does not grow into a torn line that another writer left", async () => {
		await fc.assert(
			fc.asyncProperty(fc.string({ maxLength: 200 }), async (torn) => {
				await writeFile(join(folder, "log.txt"), `whole\n${torn}`);
				const before = await readFile(join(folder, "log.txt"), "utf8");
				await act([action], createHarness({ ledger: intended("0") }));
				const lines = (await text("log.txt")).split("\n");
				assert.deepEqual(lines.slice(-2), [marked.trimEnd(), ""]);
				const finished = marked.startsWith(torn.split("\n").at(-1) ?? "");
				if (!finished) assert.ok((await text("log.txt")).startsWith(`${before}\n`));
			}),
			{ numRuns: 100 },
		);
	});

	test("finds its line in a file much larger than one read", async () => {
		const filler = `${"x".repeat(99)}\n`.repeat(5_000);
		await writeFile(join(folder, "log.txt"), `${filler}${"y".repeat(300_000)}\n${marked}${filler}`);
		assert.equal((await act([action], createHarness({ ledger: intended("0") })))[0]?.state, "already-done");
	});

	test("marks any line so that exactly its end tells it apart", () => {
		fc.assert(
			fc.property(fc.string(), fc.stringMatching(/^[\w.:@/+-]{1,20}$/), (line, mark) => {
				fc.pre(!/[\r\n]/.test(line));
				const one = markLine(line, mark);
				assert.ok(one.line.endsWith(one.ending));
				assert.ok(!markLine(line, `x${mark}`).line.endsWith(one.ending));
			}),
		);
	});
});

describe("command", () => {
	const counted = (name: string): object => ({
		kind: "command",
		argv: [node, "-e", `require("node:fs").appendFileSync(process.argv[1], "x")`, join(folder, name)],
	});

	test("runs the program and gives what it said", async () => {
		const [deed] = await act([{ kind: "command", argv: [node, "-e", "console.log(6*7)"] }]);
		assert.equal(deed?.state, "done");
		assert.equal((deed?.result as { stdout?: string } | undefined)?.stdout, "42\n");
	});

	test("recorded as done does not run again", async () => {
		const ledger = new Map<string, LedgerEntry>();
		await act([counted("n")], createHarness({ ledger }));
		await act([counted("n")], createHarness({ ledger }));
		assert.equal(await text("n"), "x");
	});

	test("killed in between is ambiguous and does not run again", async () => {
		await assert.rejects(dieAndComeBack(counted("n")), (error) => hasCode(error, "E_EFFECT_AMBIGUOUS"));
		assert.equal(await text("n"), "x");
	});

	test("killed in between runs again when it is repeatable", async () => {
		assert.equal((await dieAndComeBack({ ...counted("n"), repeatable: true }))?.state, "done");
		assert.equal(await text("n"), "xx");
	});

	test("that fails ends the task with its exit code, and is not repeated by a retry", async () => {
		const ledger = new Map<string, LedgerEntry>();
		const failing = { kind: "command", argv: [node, "-e", `console.error("no"); process.exit(7)`] };
		const isFinal = (error: unknown): boolean =>
			hasCode(error, "E_EFFECT_FAILED") && !error.retryable && /exit code 7: no/.test(error.message);
		await assert.rejects(act([failing], createHarness({ ledger })), isFinal);
		await assert.rejects(act([failing], createHarness({ ledger })), isFinal);
	});

	test("that fails and is repeatable asks for another attempt", async () => {
		const failing = { kind: "command", argv: [node, "-e", "process.exit(7)"], repeatable: true };
		await assert.rejects(act([failing]), (error) => hasCode(error, "E_EFFECT_FAILED") && error.retryable);
	});

	test("is stopped by cancel, with the reason of the cancel", async () => {
		const harness = createHarness();
		const reason = new Error("cancelled by hand");
		const running = act([{ kind: "command", argv: [node, "-e", "setInterval(() => {}, 1000)"] }], harness);
		harness.abort(reason);
		await assert.rejects(running, reason);
	});
});

describe("webhook", () => {
	const action = (): Record<string, unknown> => ({
		kind: "webhook",
		url: `${origin}/hook?token=secret`,
		body: { a: 1 },
	});

	test("posts the body as JSON with the key", async () => {
		const [deed] = await act([{ ...action(), key: "alert-1" }]);
		assert.deepEqual(requests, [{ key: "alert-1", body: '{"a":1}', type: "application/json" }]);
		assert.deepEqual(deed?.result, { status: 200, body: "noted" });
	});

	test("does not show the query of its address", async () => {
		assert.equal((await act([action()]))[0]?.target, `${origin}/hook`);
	});

	test("killed in between is ambiguous and is not posted again", async () => {
		await assert.rejects(dieAndComeBack(action()), (error) => hasCode(error, "E_EFFECT_AMBIGUOUS"));
		assert.equal(requests.length, 1);
	});

	test("killed in between is posted again with the same key when it is repeatable", async () => {
		await dieAndComeBack({ ...action(), repeatable: true });
		assert.deepEqual(
			requests.map(({ key }) => key),
			["tsk_test/0", "tsk_test/0"],
		);
	});

	test("that is refused by the server ends the task, and certainly was not done", async () => {
		answer = { status: 403 };
		await assert.rejects(act([action()]), (error) => hasCode(error, "E_EFFECT_FAILED") && !error.retryable);
	});

	test("that the server puts off is tried again after its delay, as it certainly was not done", async () => {
		answer = { status: 429, headers: { "retry-after": "7" } };
		await assert.rejects(act([action()]), (error) => {
			return hasCode(error, "E_EFFECT_FAILED") && error.retryable && error.retryAfterMs === 7_000;
		});
	});

	test("to nobody is tried again, as it certainly was not done", async () => {
		const closed = "http://127.0.0.1:1";
		skill = createActSkill({ folders: [], commands: [], webhooks: [closed] });
		await assert.rejects(
			act([{ ...action(), url: closed }]),
			(error) => hasCode(error, "E_EFFECT_FAILED") && error.retryable,
		);
	});

	test("that may have been done before the server broke is not tried again unasked", async () => {
		answer = { status: 500 };
		await assert.rejects(act([action()]), (error) => hasCode(error, "E_FETCH_FAILED") && !error.retryable);
	});

	test("that is repeatable is tried again after the server broke", async () => {
		answer = { status: 500 };
		const repeatable = { ...action(), repeatable: true };
		await assert.rejects(act([repeatable]), (error) => hasCode(error, "E_FETCH_FAILED") && error.retryable);
	});
});

describe("act", () => {
	test("allows nothing by default", async () => {
		const allowed = [
			{ kind: "write-file", path: "a.txt", content: "" },
			{ kind: "append-line", path: "a.txt", line: "" },
			{ kind: "command", argv: ["true"] },
			{ kind: "webhook", url: "https://example.org", body: null },
		];
		for (const action of allowed)
			await assert.rejects(
				runSkill(createActSkill(), { actions: [action] }),
				(error) => hasCode(error, "E_RULE_REFUSED") && (error.hint ?? "") !== "",
			);
	});

	test("does nothing at all when one of its actions is not allowed", async () => {
		const actions = [
			{ kind: "write-file", path: "a.txt", content: "x" },
			{ kind: "write-file", path: "../b.txt", content: "x" },
		];
		await assert.rejects(act(actions), (error) => hasCode(error, "E_RULE_REFUSED"));
		await assert.rejects(access(join(folder, "a.txt")));
	});

	test("plans and changes nothing in a dry run", async () => {
		const harness = createHarness();
		const actions = [
			{ kind: "write-file", path: "new/a.txt", content: "x" },
			{ kind: "webhook", url: origin, body: null },
		];
		const deeds = await act(actions, harness, { dryRun: true });
		assert.deepEqual(
			deeds.map(({ state }) => state),
			["planned", "planned"],
		);
		assert.deepEqual([await readdir(folder), requests.length, harness.ledger.size], [[], 0, 0]);
	});

	test("refuses two actions with one key", async () => {
		const one = { kind: "append-line", path: "a", line: "x", key: "0" };
		await assert.rejects(act([{ kind: "append-line", path: "a", line: "y" }, one]), /same key/);
	});

	test("starts no further action once it is cancelled", async () => {
		const harness = createHarness();
		harness.abort(new Error("cancelled by hand"));
		await assert.rejects(act([{ kind: "append-line", path: "a", line: "x" }], harness), /cancelled by hand/);
		assert.deepEqual(await readdir(folder), []);
	});

	test("stores a long list of what it did as an artifact", async () => {
		const harness = createHarness();
		const actions = Array.from({ length: 300 }, (_, i) => ({
			kind: "append-line",
			path: "many.log",
			line: `line ${i}`,
		}));
		const output = (await runSkill(skill, { actions }, harness)) as unknown as { actions: ArtifactRef };
		assert.equal(((await harness.artifacts.json(output.actions)) as Json[]).length, 300);
		assert.equal((await text("many.log")).split("\n").length, 301);
	});
});
