import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { matcherWorld } from "../../test/matcher-world.ts";
import { isSuspect } from "../task/settle.ts";
import type { Task } from "../task/task.ts";
import { createRun } from "../workflow/run-fold.ts";
import { type WaitingReason, whyWaiting } from "./waiting.ts";

type World = ReturnType<typeof matcherWorld>;

function why({ state, registry, matcher, running, clock }: World, task: Task, more = {}): WaitingReason | undefined {
	return whyWaiting(task, {
		...{ state, registry, matcher, stopping: false, full: false, nowMs: clock.now() },
		running: () => running.map((match) => match.task),
		...more,
	});
}

const LIMITS = { running: 6, types: { other: 2 } };

/** Whether what it says is so. */
function isTrue(world: World, task: Task, said: WaitingReason): boolean {
	const { state, registry, running, clock } = world;
	const { scope = "", holders = [] } = said;
	const tasks = running.map((match) => match.task);
	const held = (those: Task[], limit: number): boolean =>
		those.length >= limit && holders.length > 0 && holders.every((id) => those.some((other) => other.id === id));
	const able = [...registry.seats].filter(({ performer }) => performer.capabilities.includes(task.type));
	switch (said.reason) {
		case "paused": {
			const concerns = ["all", `type:${task.type}`, ...(task.run ? ["run:r", "workflow:w"] : [])];
			return concerns.includes(scope) && said.since === state.paused.get(scope)?.at;
		}
		case "limit":
			if (scope === "all") return held(tasks, LIMITS.running);
			if (scope === "type:other")
				return held(
					tasks.filter(({ type }) => type === task.type),
					LIMITS.types.other,
				);
			if (scope === "suspects") return isSuspect(task) && held(tasks.filter(isSuspect), 1);
			return (
				scope === `key:${task.concurrency?.key}` &&
				held(
					tasks.filter(({ concurrency }) => concurrency?.key === task.concurrency?.key),
					task.concurrency?.limit ?? 0,
				)
			);
		case "rate":
			return scope === `rate:${task.rate?.key}` && (said.until ?? 0) > clock.now();
		case "no-capable-agent":
			return able.length === 0;
		case "no-free-slot":
			return able.length > 0 && able.every((seat) => seat.running === seat.performer.concurrency);
		default:
			return false;
	}
}

const offered = fc.record({
	type: fc.constantFrom("work", "work", "other", "unknown"),
	key: fc.constantFrom(undefined, undefined, "a", "b"),
	limit: fc.integer({ min: 1, max: 2 }),
	rate: fc.constantFrom(undefined, undefined, "api"),
	isStep: fc.boolean(),
	crashes: fc.constantFrom(undefined, undefined, undefined, 2),
});
const scopes = ["all", "type:work", "workflow:w", "run:r"];
const command = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ do: fc.constant("offer" as const), task: offered }) },
	fc.record({ do: fc.constantFrom("end" as const, "toggle" as const, "pass" as const), pick: fc.nat() }),
);

describe("why a ready task waits", () => {
	it("has one reason for each, and it is true", () => {
		fc.assert(
			fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
				const world = matcherWorld({ slots: 4, agents: 2, limits: LIMITS });
				const { state, matcher, running, clock } = world;
				state.runs.set("r", createRun({ id: "r", workflow: "w", hash: "h", inputs: {} }, 0));
				for (const given of commands) {
					if (given.do === "offer") {
						const { type, key, limit, rate, isStep, crashes } = given.task;
						const task = world.task({
							...{ type },
							...(key !== undefined && { concurrency: { key, limit, policy: "queue" } }),
							...(rate !== undefined && { rate: { key: rate, limit: 1, perMs: 1_000 } }),
							...(isStep && { run: { id: "r", step: "s", index: 0 } }),
						});
						task.crashes = crashes;
						matcher.offer(task);
					} else if (given.do === "pass") world.pass(given.pick % 3_000);
					else if (given.do === "toggle") {
						const scope = scopes[given.pick % scopes.length] as string;
						if (!state.paused.delete(scope)) state.paused.set(scope, { at: clock.now() });
						matcher.pausedChanged(scope);
					} else {
						const match = running[given.pick % Math.max(1, running.length)];
						if (match !== undefined) world.end(match.task);
					}
					world.start();
					const runs = new Set(running.map((match) => match.task));
					for (const task of state.tasks.values()) {
						if (task.ready === undefined) continue;
						assert.ok(!runs.has(task));
						const said = why(world, task);
						assert.ok(said !== undefined && isTrue(world, task, said), JSON.stringify(said));
					}
				}
			}),
		);
	});

	it("is the state of the whole before anything else", () => {
		const world = matcherWorld({ slots: 1 });
		const task = world.offer({ type: "unknown" });
		assert.equal(why(world, task, { stopping: true })?.reason, "stopping");
		assert.equal(why(world, task, { full: true })?.reason, "storage-full");
	});

	it("is a moment when nothing holds it back", () => {
		const world = matcherWorld();
		assert.equal(why(world, world.offer())?.reason, "starting");
		assert.equal(why(world, world.task())?.reason, "starting", "its event is being stored");
	});

	it("is a thread where skills run in threads, with those that hold them, and none starts without one", () => {
		const threads = { limit: 2, has: (type: string) => type === "work" };
		const world = matcherWorld({ slots: 10, limits: { threads } });
		const [first, second, third, other] = [world.offer(), world.offer(), world.offer(), world.offer({ type: "other" })];
		assert.deepEqual(world.start(), [first, second, other]);
		const reason = why(world, third as Task);
		assert.deepEqual([reason?.reason, reason?.scope, reason?.holders], ["limit", "threads", [first?.id, second?.id]]);
		world.end(first as Task);
		assert.deepEqual(world.start(), [third]);
	});

	it("comes with an estimate from the pace of the last starts", () => {
		const world = matcherWorld({ slots: 1 });
		const tasks = Array.from({ length: 10 }, () => world.offer());
		for (let n = 0; n < 4; n++) {
			const [task] = world.start() as [Task];
			world.pass(1_000);
			if (n < 3) world.end(task);
		}
		const last = why(world, tasks[9] as Task);
		assert.equal(last?.reason, "no-free-slot");
		assert.equal(last?.estimateMs, 6_000);
	});

	it("comes with an estimate of its turn where it waits for a concurrency key", () => {
		const world = matcherWorld({ slots: 10 });
		const keyed = (key: string, limit = 1, more = {}) =>
			world.offer({ concurrency: { key, limit, policy: "queue" }, ...more });
		const estimate = (task: Task) => [why(world, task)?.scope, why(world, task)?.estimateMs];
		const line = [keyed("a"), keyed("a"), keyed("a"), keyed("a")] as [Task, Task, Task, Task];
		assert.deepEqual(world.start(), [line[0]]);
		assert.deepEqual(estimate(line[3]), ["key:a", undefined], "no task of its type has ended yet");
		world.pass(1_000);
		world.end(line[0]);
		assert.deepEqual(world.start(), [line[1]]);
		assert.deepEqual([line[2], line[3]].map(estimate), [
			["key:a", 1_000],
			["key:a", 2_000],
		]);
		// By its place in line, not by when it came; those of another key are in another line.
		const urgent = keyed("a", 1, { priority: "critical" });
		const other = [keyed("b", 2), keyed("b", 2), keyed("b", 2), keyed("b", 2)] as [Task, Task, Task, Task];
		world.start();
		assert.deepEqual([urgent, line[3], other[2], other[3]].map(estimate), [
			["key:a", 1_000],
			["key:a", 3_000],
			["key:b", 500],
			["key:b", 1_000],
		]);
		// One that takes longer than usual makes it slower.
		world.pass(5_000);
		assert.deepEqual(estimate(urgent), ["key:a", 5_000]);
		// Nobody knows how long another type takes.
		const unknown = keyed("a", 1, { type: "other", priority: "high" });
		assert.deepEqual(estimate(unknown)[1], 6_000);
		assert.equal(estimate(line[3])[1], undefined);
	});

	it("tells since when and why it is paused", () => {
		const world = matcherWorld();
		world.state.paused.set("type:work", { at: 1_000, reason: "maintenance" });
		assert.deepEqual(why(world, world.offer()), {
			...{ reason: "paused", scope: "type:work", since: 1_000 },
			text: "type:work is paused since 1970-01-01T00:00:01.000Z (maintenance); it goes on with: muster resume type:work",
		});
	});
});

describe("why a task that is not ready waits", () => {
	it("names what it depends on, when it is due, whom it asked and the children it waits for", () => {
		const world = matcherWorld();
		const [open, done] = [world.task(), world.task()];
		done.state = "completed";
		const blocked = world.task({ dependsOn: [open.id, done.id, "long-gone"] });
		blocked.state = "blocked";
		assert.deepEqual(why(world, blocked)?.holders, [open.id]);

		assert.equal(
			why(world, blocked)?.text,
			`waits for 1 task(s) to complete: ${open.id} (${open.state}: starts in a moment)`,
		);

		const scheduled = world.task({ runAt: 5_000 });
		scheduled.state = "scheduled";
		assert.deepEqual([why(world, scheduled)?.reason, why(world, scheduled)?.until], ["delay", 5_000]);
		scheduled.attempts = 1;
		assert.equal(why(world, scheduled)?.reason, "back-off");
		assert.match(why(world, scheduled)?.text ?? "", /^is tried again at 1970-01-01T00:00:05.000Z \(attempt 1 of 3\)/);

		const waiting = world.task();
		waiting.state = "waiting";
		waiting.children = [open.id];
		assert.deepEqual([why(world, waiting)?.reason, why(world, waiting)?.holders], ["children", [open.id]]);
		const ask = { title: "Delete it?", content: null, hash: "h", askedAt: 0, until: 9_000, onTimeout: "deny" } as const;
		waiting.asks = { key: { ...ask } };
		assert.deepEqual(why(world, waiting), {
			reason: "approval",
			text: "asks a person: Delete it?, until 1970-01-01T00:00:09.000Z; see it with: muster approvals",
			until: 9_000,
		});
	});

	it("is nothing for one that runs or is over", () => {
		const world = matcherWorld();
		for (const state of ["running", "completed", "failed", "cancelled", "skipped"] as const) {
			const task = world.task();
			task.state = state;
			assert.equal(why(world, task), undefined);
		}
	});
});
