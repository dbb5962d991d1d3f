import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Bus } from "../bus/bus.ts";
import { HandClock } from "../clock.ts";
import type { Json } from "../json.ts";
import { type Log, silentLog } from "../log.ts";
import type { SkillContext } from "../skill/skill.ts";
import type { Outcome } from "../task/settle.ts";
import { createTask, type NewTask, type Task } from "../task/task.ts";
import { Alarms } from "./alarms.ts";
import { Attempt, runAttempt } from "./attempt.ts";
import { AttemptClocks, type ClockKind, signsOf } from "./attempt-clocks.ts";
import type { Assignment, Performer } from "./performer.ts";
import { Registry } from "./registry.ts";

const none = (): never => assert.fail("not needed here");

/** One running attempt with its clocks, and the context that its skill was given. */
async function world(limits: Partial<Task>) {
	const clock = new HandClock();
	const warnings: { message: string; fields: Record<string, Json> | undefined }[] = [];
	const log: Log = { ...silentLog, warn: (message, fields) => void warnings.push({ message, fields }) };
	const fresh = { id: "t", type: "work", input: null, priority: "normal", submittedAt: 0, ...limits } as NewTask;
	const task = { ...createTask(fresh, "running", 0), token: 1, attempts: 1 };
	const given = Promise.withResolvers<SkillContext>();
	const performer: Performer = {
		...{ name: "agent", kind: "worker", capabilities: ["work"], concurrency: 1 },
		...{ start: async () => undefined, stop: async () => undefined, alive: async () => true },
		perform: async (_: Assignment, context) => {
			given.resolve(context);
			return new Promise(() => undefined);
		},
	};
	const attempt = new Attempt(task, new Registry().add(performer), 1, clock.monotonic());
	const verdicts: Outcome[] = [];
	const alarms = new Alarms(clock, (kind) => {
		const verdict = clocks.rang(kind as ClockKind, attempt);
		if (verdict !== undefined) verdicts.push(verdict);
	});
	const clocks = new AttemptClocks({ clock, alarms, log });
	clocks.start(attempt);
	const store = { put: async () => none(), read: async () => none(), text: async () => "", json: async () => null };
	void runAttempt(attempt, {
		...{ clock, log, artifacts: store, bus: {} as Bus, task: () => undefined, previous: () => [], siblings: () => 1 },
		effect: (_, effect) => Promise.resolve(effect.run(effect.key)),
		progressed: () => undefined,
	});
	const codes = (): string[] => verdicts.map((verdict) => (verdict.kind === "value" ? "" : verdict.error.code));
	return { ...{ clock, clocks, attempt, warnings, verdicts, codes }, context: await given.promise };
}

describe("an attempt whose progress stands still", () => {
	it("is warned of once at half the time and lost at the whole, though its skill is active all along", async () => {
		const { clock, context, warnings, verdicts, codes, attempt } = await world({ stallTimeoutMs: 1_000 });
		for (let ms = 0; ms < 490; ms += 10) {
			clock.advance(10);
			context.log.debug("busy");
		}
		assert.deepEqual([warnings.length, attempt.warned], [0, false]);
		clock.advance(10);
		assert.deepEqual([warnings.length, attempt.warned], [1, true]);
		for (let ms = 500; ms < 990; ms += 10) {
			clock.advance(10);
			context.log.debug("busy");
		}
		assert.deepEqual([warnings.length, verdicts.length], [1, 0]);
		clock.advance(10);
		assert.deepEqual(codes(), ["E_STALLED"]);
		assert.equal(verdicts[0]?.kind, "lost");
	});

	it("is stuck no more when it goes on, and is warned of again when it stops again", async () => {
		const { clock, context, warnings, verdicts, attempt } = await world({ stallTimeoutMs: 1_000 });
		clock.advance(900);
		assert.equal(signsOf(attempt, clock.monotonic()).stuck, true);
		context.progress(0.1);
		assert.equal(signsOf(attempt, clock.monotonic()).stuck, false);
		clock.advance(499);
		assert.equal(warnings.length, 1);
		clock.advance(1);
		assert.equal(warnings.length, 2);
		clock.advance(499);
		assert.equal(verdicts.length, 0);
	});
});

describe("a slow honest worker", () => {
	for (const [how, work] of Object.entries({
		"more of it": (context, n) => context.progress(n / 1_000),
		"another message": (context, n) => context.progress(0, `page ${n}`),
		"an effect done": (context, n) =>
			context.effect({ key: `k${n}`, describe: "d", run: async () => null, verify: async () => null }),
	} satisfies Record<string, (context: SkillContext, n: number) => unknown>)) {
		it(`is never touched while it tells of progress: ${how}`, async () => {
			const { clock, context, warnings, verdicts } = await world({ stallTimeoutMs: 1_000 });
			for (let n = 1; n <= 100; n++) {
				clock.advance(490);
				await work(context, n);
			}
			assert.deepEqual([warnings.length, verdicts.length], [0, 0]);
		});
	}

	it("gets nothing for saying the same again", async () => {
		const { clock, context, codes } = await world({ stallTimeoutMs: 1_000 });
		for (let n = 0; n < 10; n++) {
			context.progress(0.5, "half");
			clock.advance(150);
		}
		assert.deepEqual(codes(), ["E_STALLED"]);
	});
});

describe("the other clocks", () => {
	it("end an attempt at its timeout, whatever it does", async () => {
		const { clock, context, codes } = await world({ timeoutMs: 1_000 });
		for (let n = 0; n < 10; n++) {
			assert.deepEqual(codes(), []);
			context.progress(n / 10);
			clock.advance(100);
		}
		assert.deepEqual(codes(), ["E_TIMEOUT"]);
	});

	it("end one that calls nothing for its idle timeout; any call counts", async () => {
		const { clock, context, codes } = await world({ idleTimeoutMs: 1_000 });
		const calls = [
			() => context.progress(0.5),
			() => context.log.info("here"),
			() => context.artifacts.json(null),
			() => context.effect({ key: "k", describe: "d", run: async () => null, verify: async () => null }),
		];
		for (const call of calls) {
			clock.advance(900);
			await call();
		}
		assert.deepEqual(codes(), []);
		clock.advance(1_000);
		assert.deepEqual(codes(), ["E_IDLE_TIMEOUT"]);
	});

	it("say how long ago it was alive, active and progressing", async () => {
		const { clock, context, attempt } = await world({});
		context.progress(0.1);
		clock.advance(100);
		context.log.info("here");
		clock.advance(100);
		attempt.seat.lastSeenMs = clock.monotonic();
		clock.advance(100);
		assert.deepEqual(signsOf(attempt, clock.monotonic()), {
			...{ aliveMsAgo: 100, activeMsAgo: 200, progressMsAgo: 300, stuck: false },
		});
	});

	it("ring no more when they are stopped", async () => {
		const { clock, clocks, attempt, codes } = await world({ timeoutMs: 10, idleTimeoutMs: 10, stallTimeoutMs: 10 });
		clocks.stop(attempt);
		clock.advance(1_000);
		assert.deepEqual(codes(), []);
	});
});
