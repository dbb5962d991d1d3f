import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Clock, HandClock, systemClock } from "../../clock.ts";
import { hasCode } from "../../errors.ts";
import { type CommandOptions, runCommand } from "./command.ts";

const node = process.execPath;
const script = (source: string): string[] => [node, "-e", source];

/** A clock whose timers fire when the test says so, and that says which ones were set. */
function timersByHand(): { clock: Clock; fire: (ms: number) => void; set: (ms: number) => Promise<void> } {
	const waiting = new Map<number, () => void>();
	const told = new Map<number, () => void>();
	const clock: Clock = {
		...systemClock,
		after(ms, run) {
			waiting.set(ms, run);
			told.get(ms)?.();
			return () => waiting.delete(ms);
		},
	};
	return {
		clock,
		fire: (ms) => waiting.get(ms)?.(),
		set: (ms) => (waiting.has(ms) ? Promise.resolve() : new Promise((resolve) => told.set(ms, resolve))),
	};
}

const run = (argv: string[], options: Partial<CommandOptions> = {}) =>
	runCommand(argv, { signal: new AbortController().signal, ...options });

describe("a command", () => {
	test("gives its output, its errors and its exit code", async () => {
		const result = await run(script(`console.log("out"); console.error("err"); process.exitCode = 3`));
		assert.deepEqual(result, {
			exitCode: 3,
			signal: null,
			stdout: "out\n",
			stderr: "err\n",
			truncated: false,
			stopped: null,
		});
	});

	test("gets its arguments as they are, whatever a shell would make of them", async () => {
		const odd = ["$HOME", "`id`", "; echo no", "*", "--", "-rf", "a b", ""];
		const result = await run([node, "-e", "console.log(JSON.stringify(process.argv.slice(1)))", "--", ...odd]);
		assert.deepEqual(JSON.parse(result.stdout), odd);
	});

	test("sees no variable of this process", async () => {
		process.env.MUSTER_TEST_CANARY = "secret";
		const result = await run(script("console.log(JSON.stringify(process.env))"), { env: { EXTRA: "1" } });
		delete process.env.MUSTER_TEST_CANARY;
		const seen = Object.keys(JSON.parse(result.stdout)).filter((name) => !name.startsWith("__"));
		assert.deepEqual(seen.sort(), ["EXTRA", "LANG", "PATH"]);
	});

	test("reads an empty stdin", async () => {
		const result = await run(script(`process.stdin.on("data", () => {}).on("end", () => console.log("end"))`));
		assert.equal(result.stdout, "end\n");
	});

	test("that does not exist is an error that another attempt does not mend", async () => {
		await assert.rejects(run(["/no/such/program"]), (error) => hasCode(error, "E_EFFECT_FAILED") && !error.retryable);
	});

	test("with a NUL byte in an argument is an error and no crash", async () => {
		await assert.rejects(run([node, "a\0b"]), (error) => hasCode(error, "E_EFFECT_FAILED"));
	});

	test("is not started when the work is cancelled already", async () => {
		const reason = new Error("cancelled before");
		await assert.rejects(run(["/no/such/program"], { signal: AbortSignal.abort(reason) }), reason);
	});

	test("keeps only the first bytes of a long output", async () => {
		const result = await run(script(`process.stdout.write("x".repeat(300_000))`), { maxBytes: 1_000 });
		assert.equal(result.stdout, "x".repeat(1_000));
		assert.equal(result.truncated, true);
		assert.equal(result.exitCode, 0);
	});

	test("that floods its output is stopped", async () => {
		const result = await run(["yes"], { maxBytes: 100 });
		assert.equal(result.stopped, "flood");
		assert.equal(result.stdout.length, 100);
	});

	test("that takes too long is stopped", async () => {
		const clock = new HandClock();
		const running = run(["sleep", "600"], { clock, timeoutMs: 5_000 });
		clock.advance(5_000);
		const result = await running;
		assert.deepEqual([result.stopped, result.signal, result.exitCode], ["timeout", "SIGTERM", null]);
	});

	test("that ignores SIGTERM is killed after the grace", async () => {
		const controller = new AbortController();
		const { clock, fire, set } = timersByHand();
		// The flood starts once the handler stands, and the flood is what stops it: no waiting for time.
		const deaf = `process.on("SIGTERM", () => {}); setInterval(() => process.stdout.write("x".repeat(1 << 22)), 1)`;
		const running = run(script(deaf), { clock, graceMs: 77, signal: controller.signal });
		await set(77);
		fire(77);
		const result = await running;
		assert.deepEqual([result.stopped, result.signal], ["flood", "SIGKILL"]);
	});

	test("that is cancelled rejects with the reason once it is gone", async () => {
		const controller = new AbortController();
		const running = run(["sleep", "600"], { signal: controller.signal });
		const reason = new Error("cancelled by hand");
		controller.abort(reason);
		await assert.rejects(running, reason);
	});

	test("takes the process it left behind with it", async () => {
		const leaves = `const { spawn } = require("node:child_process");
			spawn("sleep", ["600"], { stdio: ["ignore", "inherit", "inherit"] }).unref(); process.exit(0)`;
		// The clock stands still, so it can end only because the last holder of the pipes is dead.
		const result = await run(script(leaves), { clock: new HandClock() });
		assert.deepEqual([result.exitCode, result.stopped], [0, null]);
	});

	test("ends although a process that left its group keeps the pipe open", async () => {
		const { clock, fire, set } = timersByHand();
		const leaves = `const { spawn } = require("node:child_process");
			const left = spawn("sleep", ["600"], { detached: true, stdio: ["ignore", "inherit", "inherit"] });
			console.log(left.pid); left.unref(); process.exit(0)`;
		const running = run(script(leaves), { clock });
		await set(1_000);
		fire(1_000);
		const result = await running;
		process.kill(Number(result.stdout), "SIGKILL");
		assert.equal(result.exitCode, 0);
	});
});
