import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { type ErrorCode, hasCode } from "../errors.ts";
import { decodeBody, type Event } from "../events.ts";
import { defineSkill } from "../skill/skill.ts";
import type { TriggerDefinition, WorkflowDefinition } from "../workflow/definition.ts";
import type { ScheduleSpec } from "./schedule-spec.ts";

const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);
const MINUTE = 60_000;
/** The clock of a host begins at 22:13:20. */
const start = Date.parse("2023-11-14T22:13:20Z");
const minute = (n: number): string => new Date(Date.parse("2023-11-14T22:13:00Z") + n * MINUTE).toISOString();

const flow = (triggers: TriggerDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
	...{ name: "flow", inputs: { at: { type: "integer" } }, outputs: {}, triggers },
	steps: [{ id: "work", needs: [], skill: "held", with: {} }],
	...more,
});

const cron = (more: Partial<Extract<TriggerDefinition, { cron: unknown }>["cron"]> = {}): TriggerDefinition => ({
	cron: { expr: "* * * * *", ...more },
	with: { at: "${{ trigger.dueAt }}" },
});

/** A skill whose tasks go on until the gate opens, and one that is done at once. */
async function open(t: TestContext) {
	const gates = { open: false, wake: Promise.withResolvers<void>() };
	const held = defineSkill({
		name: "held",
		description: "Waits for the gate.",
		async run(_, { signal }) {
			const aborted = new Promise<never>((_, reject) => {
				signal.addEventListener("abort", () => reject(signal.reason), { once: true });
			});
			while (!gates.open) await Promise.race([gates.wake.promise, aborted]);
			return null;
		},
	});
	const quick = defineSkill({ name: "quick", description: "Is done at once.", run: (input) => input });
	const host = await MemoryHost.open(t, { skills: [held, quick] });
	const release = async () => {
		gates.open = true;
		gates.wake.resolve();
		await turns(20);
	};
	return { host, release };
}

const every: ScheduleSpec = { id: "every", cron: "* * * * *", task: { type: "quick" } };

/** Stored events of a type; those of schedules alone when none is given. */
const stored = <T extends Event["type"]>(host: MemoryHost, type: T) =>
	host.history().filter((event) => event.type === type) as Extract<Event, { type: T }>[];
const dues = (host: MemoryHost): string[] =>
	stored(host, "schedule.fired").map(({ dueAt }) => new Date(dueAt).toISOString());
const skips = (host: MemoryHost) => stored(host, "schedule.skipped").map(({ reason, count }) => [reason, count]);

/** The process is gone for so long. */
async function away(host: MemoryHost, ms: number): Promise<void> {
	await turns(20);
	host.clock.jump(ms); // nothing looks at the clock before the process is gone
	await host.restart();
	await turns(20);
}

describe("a schedule", () => {
	it("that is changed while what it started goes on is still the same schedule", async (t) => {
		const { host } = await open(t);
		const held = { ...every, task: { type: "held" } };
		await host.orchestrator.schedule(held);
		await host.pass(MINUTE);
		await host.orchestrator.schedule({ ...held, note: "now with a note" });
		await host.pass(2 * MINUTE);
		assert.equal(host.orchestrator.status().taskQueue.running, 1);
		const [view] = host.orchestrator.schedules();
		assert.deepEqual([view?.fired, view?.skipped, view?.last?.over], [1, 2, false]);
	});

	it("submits a task at each of its times, once", async (t) => {
		const { host } = await open(t);
		assert.equal(await host.orchestrator.schedule(every), "every");
		await host.pass(3 * MINUTE);
		assert.deepEqual(dues(host), [minute(1), minute(2), minute(3)]);
		assert.equal(stored(host, "task.completed").length, 3);
		const [view] = host.orchestrator.schedules();
		assert.deepEqual([view?.task, view?.fired, view?.skipped, view?.nextAt], ["quick", 3, 0, minute(4)]);
		assert.deepEqual([view?.last?.dueAt, view?.last?.over], [minute(3), true]);
	});

	it("stores a fire and what it started as one", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(every);
		await host.pass(MINUTE);
		const batches = host.store.batches.map(({ body }) => decodeBody(body));
		const together = batches.find((events) => events.some(({ type }) => type === "schedule.fired")) ?? [];
		assert.deepEqual(
			together.map(({ type }) => type).filter((type) => type !== "task.started"),
			["task.submitted", "schedule.fired"],
		);
	});

	it("fires no more once it is deleted, and what it started goes on", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...every, task: { type: "held" } });
		await host.pass(MINUTE);
		await host.orchestrator.unschedule("every");
		await host.pass(2 * MINUTE);
		assert.equal(dues(host).length, 1);
		assert.equal(host.orchestrator.status().taskQueue.running, 1);
		assert.deepEqual(host.orchestrator.schedules(), []);
		await assert.rejects(host.orchestrator.unschedule("every"), code("E_SCHEDULE_UNKNOWN"));
	});

	it("of the same id changes nothing, and with another content takes the place", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(every);
		await host.orchestrator.schedule(every);
		assert.equal(stored(host, "schedule.created").length, 1);
		await host.orchestrator.schedule({ ...every, cron: "*/2 * * * *" });
		await host.pass(3 * MINUTE);
		assert.deepEqual(dues(host), [minute(1), minute(3)]);
	});

	it("is refused when it is not right", async (t) => {
		const { host } = await open(t);
		const wrong: Partial<ScheduleSpec>[] = [
			{ cron: "* * *" },
			{ cron: "61 * * * *" },
			{ cron: "0 0 30 2 *" },
			{ timezone: "Europe/Berln" },
			{ id: "workflow:x:0" },
			{ task: { type: "quick", delay: "1s" } },
			{ task: { type: "quick", dependsOn: ["tsk_1"] } },
			{ task: { type: "quick", idempotencyKey: "k" } },
			{ task: { type: "quick", concurrency: "k" }, overlap: "queue" },
			{ task: { type: "quick", nonsense: 1 } as never },
			{ overlap: "never" as never },
		];
		for (const change of wrong) {
			await assert.rejects(host.orchestrator.schedule({ ...every, ...change }), code("E_INPUT_INVALID"));
		}
		assert.deepEqual(host.orchestrator.schedules(), []);
	});

	it("does not fire twice when the clock jumps back", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(every);
		await host.pass(2 * MINUTE);
		host.clock.jump(-90_000);
		await host.pass(3 * MINUTE);
		assert.deepEqual(dues(host), [minute(1), minute(2), minute(3)]);
	});
});

describe("when what the fire before started is not over", () => {
	const onHeld = (overlap: ScheduleSpec["overlap"]): ScheduleSpec => ({
		...{ ...every, task: { type: "held" } },
		...(overlap && { overlap }),
	});

	it("skip leaves the fire out and says why", async (t) => {
		const { host, release } = await open(t);
		await host.orchestrator.schedule(onHeld(undefined));
		await host.pass(3 * MINUTE);
		assert.deepEqual(
			[dues(host).length, skips(host)],
			[
				1,
				[
					["overlap", 1],
					["overlap", 1],
				],
			],
		);
		assert.match(host.orchestrator.schedules()[0]?.lastSkip?.detail ?? "", /^tsk_\w+ is not over$/);
		await release();
		await host.pass(MINUTE);
		assert.equal(dues(host).length, 2);
	});

	it("queue lets one start after the other, also after a restart", async (t) => {
		const { host, release } = await open(t);
		await host.orchestrator.schedule(onHeld("queue"));
		await host.pass(3 * MINUTE);
		const queue = () => host.orchestrator.status().taskQueue;
		assert.deepEqual([dues(host).length, queue().running, queue().ready], [3, 1, 2]);
		await away(host, 0);
		assert.deepEqual([queue().running, queue().ready], [1, 2]);
		await release();
		await host.pass(1_000);
		assert.equal(stored(host, "task.completed").length, 3);
	});

	it("queue is bounded", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...onHeld("queue"), cron: "* * * * * *" });
		await host.pass(105_000);
		assert.equal(dues(host).length, 101);
		assert.deepEqual(skips(host)[0], ["overlap", 1]);
	});

	it("cancel-previous ends it", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(onHeld("cancel-previous"));
		await host.pass(3 * MINUTE);
		await host.pass(200);
		assert.equal(dues(host).length, 3);
		const { running, ready, cancelled } = host.orchestrator.status().taskQueue;
		assert.deepEqual([running, ready, cancelled], [1, 0, 2]);
	});

	it("nobody else can have the key by which they wait: no task, no step and no workflow", async (t) => {
		const { host, release } = await open(t);
		const { orchestrator } = host;
		await orchestrator.submit({ type: "held", concurrency: "schedule:every" });
		const steps = [{ id: "work", needs: [], skill: "held", with: {} }];
		const group = { limit: 1, policy: "queue" } as const;
		await orchestrator.startRun({
			...{ name: "schedule", inputs: {}, outputs: {}, steps, concurrency: { ...group, group: "workflow:flow:0" } },
		});
		await orchestrator.schedule({ ...every, overlap: "queue" });
		await orchestrator.enableWorkflow(flow([cron({ overlap: "queue" })]));
		await host.pass(MINUTE);
		assert.equal(orchestrator.schedules().find(({ id }) => id === "every")?.last?.over, true);
		assert.equal(orchestrator.runs().find(({ workflow }) => workflow === "flow")?.state, "running");
		const key = { ...group, key: "@muster:schedule:${{ 'every' }}" };
		const named = [{ ...steps[0], id: "work", needs: [], concurrency: key }];
		const run = await orchestrator.startRun({ name: "thief", inputs: {}, outputs: {}, steps: named });
		assert.match((await orchestrator.waitRun(run)).error?.message ?? "", /Muster's own/);
		await release();
	});

	it("allow starts one beside it", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(onHeld("allow"));
		await host.pass(3 * MINUTE);
		assert.equal(host.orchestrator.status().taskQueue.running, 3);
	});
});

describe("fires that passed while nothing ran", () => {
	const fired = async (t: TestContext, more: Partial<ScheduleSpec>) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...every, ...more });
		await away(host, 3 * MINUTE);
		return { host, dues: dues(host), skips: skips(host) };
	};

	it("start the last one by default", async (t) => {
		const { host, ...found } = await fired(t, {});
		assert.deepEqual(found, { dues: [minute(3)], skips: [["missed", 2]] });
		assert.equal(host.orchestrator.schedules()[0]?.nextAt, minute(4));
		await host.pass(MINUTE);
		assert.deepEqual(dues(host), [minute(3), minute(4)]);
	});

	it("start none with skip", async (t) => {
		const { host, ...found } = await fired(t, { missed: "skip" });
		assert.deepEqual(found, { dues: [], skips: [["missed", 3]] });
		await host.pass(MINUTE);
		assert.deepEqual(dues(host), [minute(4)]);
	});

	it("start all with all, each once", async (t) => {
		const { host, ...found } = await fired(t, { missed: "all", overlap: "allow" });
		assert.deepEqual(found, { dues: [minute(1), minute(2), minute(3)], skips: [] });
		await away(host, 0);
		assert.equal(dues(host).length, 3);
	});

	it("are bounded", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...every, cron: "* * * * * *", missed: "all", overlap: "allow" });
		await away(host, 400 * 24 * 60 * MINUTE);
		assert.equal(dues(host).length, 1_000);
		const next = Date.parse(host.orchestrator.schedules()[0]?.nextAt ?? "");
		assert.ok(next > host.clock.now() - 1_000 && next <= host.clock.now() + 1_000);
	});

	it("start in parts, so that others get their turns, and go on where they were after a crash", async (t) => {
		const { host } = await open(t);
		const { orchestrator } = host;
		const often = { ...every, cron: "* * * * * *", missed: "all", overlap: "allow" } as const;
		for (let n = 0; n < 10; n++) await orchestrator.schedule({ ...often, id: `often-${n}` });
		await orchestrator.pause();
		host.clock.jump(2 * MINUTE);
		await host.restart();
		void host.orchestrator.resume();
		while (dues(host).length === 0) await turns(1);
		const first = dues(host).length;
		assert.ok(first <= 100, String(first));
		await host.restart();
		await turns(200);
		assert.equal(dues(host).length, 10 * 120);
		for (let n = 0; n < 10; n++) {
			const own = stored(host, "schedule.fired").filter(({ id }) => id === `often-${n}`);
			assert.equal(new Set(own.map(({ dueAt }) => dueAt)).size, 120);
		}
		const parts = host.store.batches.map(({ body }) =>
			decodeBody(body).filter(({ type }) => type === "schedule.fired"),
		);
		assert.ok(parts.every((fires) => fires.length <= 100));
	});

	it("count as missed too when a sleeping machine wakes", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...every, cron: "0 * * * *", missed: "skip" });
		host.clock.jump(2 * 60 * MINUTE);
		await host.pass(2_000);
		assert.deepEqual([dues(host), skips(host)], [[], [["missed", 2]]]);
	});

	it("count as missed too when a pause ends", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule(every);
		await host.orchestrator.pause("type:quick");
		await host.pass(3 * MINUTE);
		assert.deepEqual([dues(host), host.orchestrator.schedules()[0]?.paused], [[], "type:quick"]);
		await host.orchestrator.resume("type:quick");
		await turns(20);
		assert.deepEqual([dues(host), skips(host)], [[minute(3)], [["missed", 2]]]);
	});

	it("are never lost or doubled, wherever the process dies", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.schedule({ ...every, cron: "*/10 * * * * *", missed: "all", overlap: "allow" });
		for (let i = 0; i < 40; i++) {
			await host.pass(700 + 137 * (i % 9));
			host.clock.jump((i % 5) * 3_000);
			await host.restart();
		}
		await host.pass(1_000);
		const found = stored(host, "schedule.fired").map(({ dueAt }) => dueAt);
		const first = start; // 22:13:20 is one of its times itself, and not after it
		const wanted = Math.floor((host.clock.now() - first) / 10_000);
		assert.deepEqual(
			found.slice(0, wanted),
			Array.from({ length: wanted }, (_, i) => first + (i + 1) * 10_000),
		);
		assert.equal(new Set(stored(host, "schedule.fired").map(({ as }) => as)).size, found.length);
		assert.equal(stored(host, "task.submitted").length, found.length);
	});
});

describe("an enabled workflow", () => {
	it("begins a run at each time of its cron triggers, with the inputs that they give", async (t) => {
		const { host, release } = await open(t);
		await release();
		await host.orchestrator.enableWorkflow(flow([cron()]));
		await host.pass(2 * MINUTE);
		const runs = host.orchestrator.runs();
		assert.deepEqual(
			runs.map(({ state }) => state),
			["completed", "completed"],
		);
		const created = stored(host, "run.created").map(({ inputs, trigger }) => [
			inputs.at,
			trigger?.kind,
			trigger?.dueAt,
		]);
		assert.deepEqual(
			created,
			[1, 2].map((n) => [Date.parse(minute(n)), "cron", Date.parse(minute(n))]),
		);
	});

	it("is pinned to what was enabled, and goes on after a restart", async (t) => {
		const { host, release } = await open(t);
		await release();
		await host.orchestrator.enableWorkflow(flow([cron()], { version: "1" }));
		await away(host, 0);
		await host.pass(MINUTE);
		const [enabled] = await host.orchestrator.enabledWorkflows();
		assert.equal(stored(host, "run.created")[0]?.hash, enabled?.hash);
		assert.equal(stored(host, "workflow.defined").length, 1);
	});

	it("enabled again changes nothing, or takes the place of the one before with all its schedules", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.enableWorkflow(flow([cron(), cron({ expr: "0 * * * *" })]));
		await host.orchestrator.enableWorkflow(flow([cron(), cron({ expr: "0 * * * *" })]));
		assert.equal(stored(host, "trigger.enabled").length, 1);
		await host.orchestrator.enableWorkflow(flow([cron({ expr: "30 * * * *" })]));
		const found = host.orchestrator.schedules().map(({ id, cron: expr }) => [id, expr]);
		assert.deepEqual(found, [["workflow:flow:0", "30 * * * *"]]);
		await assert.rejects(host.orchestrator.unschedule("workflow:flow:0"), code("E_CONFLICT"));
	});

	it("starts nothing any more once it is disabled", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.enableWorkflow(flow([cron()]));
		await host.orchestrator.disableWorkflow("flow");
		await host.pass(2 * MINUTE);
		assert.deepEqual([host.orchestrator.runs(), host.orchestrator.schedules()], [[], []]);
		await assert.rejects(host.orchestrator.disableWorkflow("flow"), code("E_CONFLICT"));
	});

	for (const [overlap, wanted] of [
		["skip", { running: 1, queued: 0, cancelled: 0 }],
		["queue", { running: 1, queued: 2, cancelled: 0 }],
		["cancel-previous", { running: 1, queued: 0, cancelled: 2 }],
		["allow", { running: 3, queued: 0, cancelled: 0 }],
	] as const) {
		it(`with overlap ${overlap} has ${JSON.stringify(wanted)} after three fires`, async (t) => {
			const { host, release } = await open(t);
			await host.orchestrator.enableWorkflow(flow([cron({ overlap })]));
			await host.pass(3 * MINUTE + 200);
			const states = host.orchestrator.runs().map(({ state }) => state as string);
			const count = (state: string) => states.filter((found) => found === state).length;
			assert.deepEqual({ running: count("running"), queued: count("queued"), cancelled: count("cancelled") }, wanted);
			if (overlap !== "queue") return;
			await release();
			await host.pass(1_000);
			assert.deepEqual(new Set(host.orchestrator.runs().map(({ state }) => state)), new Set(["completed"]));
		});
	}

	it("leaves a fire out whose inputs do not fit, and says why", async (t) => {
		const { host } = await open(t);
		const wrong: TriggerDefinition = { cron: { expr: "* * * * *" }, with: { at: "${{ string(trigger.dueAt) }}" } };
		await host.orchestrator.enableWorkflow(flow([wrong]));
		await host.pass(MINUTE);
		assert.deepEqual([host.orchestrator.runs(), skips(host)], [[], [["refused", 1]]]);
		assert.match(host.orchestrator.schedules()[0]?.lastSkip?.detail ?? "", /E_INPUT_INVALID.*at/s);
	});

	it("is refused without triggers, with inputs missing or wrong, and with two ways to queue", async (t) => {
		const { host } = await open(t);
		const { orchestrator } = host;
		const bare: TriggerDefinition = { cron: { expr: "* * * * *" } };
		await assert.rejects(orchestrator.enableWorkflow(flow([])), code("E_CONFLICT"));
		await assert.rejects(orchestrator.enableWorkflow(flow([bare])), code("E_INPUT_INVALID"));
		await assert.rejects(orchestrator.enableWorkflow(flow([bare]), { inputs: { at: "x" } }), code("E_INPUT_INVALID"));
		await assert.rejects(orchestrator.enableWorkflow(flow([cron({ expr: "99 * * * *" })])), code("E_WORKFLOW_INVALID"));
		const both = flow([cron({ overlap: "queue" })], { concurrency: { group: "g", limit: 1, policy: "queue" } });
		await assert.rejects(orchestrator.enableWorkflow(both), code("E_INPUT_INVALID"));
		await orchestrator.enableWorkflow(flow([bare]), { inputs: { at: 1 } });
		assert.deepEqual((await orchestrator.enabledWorkflows())[0]?.inputs, { at: 1 });
	});
});

describe("an event", () => {
	const onOrder: TriggerDefinition = {
		event: { type: "order", filter: "event.data.amount > 100" },
		with: { at: "${{ event.data.amount }}" },
	};

	it("begins a run of each enabled workflow that it triggers, with what the event gives", async (t) => {
		const { host } = await open(t);
		await host.orchestrator.enableWorkflow(flow([onOrder]));
		await host.orchestrator.enableWorkflow(flow([{ ...onOrder, event: { type: "order" } }], { name: "other" }));
		const big = await host.orchestrator.sendEvent({ type: "order", data: { amount: 200 } });
		assert.deepEqual([big.runs.length, big.refused, big.waits], [2, [], 0]);
		const small = await host.orchestrator.sendEvent({ type: "order", data: { amount: 1 } });
		assert.deepEqual(
			small.runs.map((id) => host.orchestrator.run(id).workflow),
			["other"],
		);
		assert.deepEqual((await host.orchestrator.sendEvent({ type: "else", data: {} })).runs, []);
		assert.deepEqual(
			stored(host, "run.created").map(({ inputs }) => inputs.at),
			[200, 200, 1],
		);
	});

	it("with an id of its own starts each run once, also after a restart", async (t) => {
		const { host, release } = await open(t);
		await host.orchestrator.enableWorkflow(flow([onOrder]));
		const send = () => host.orchestrator.sendEvent({ type: "order", data: { amount: 200 }, id: "o-1" });
		const first = await send();
		assert.deepEqual(await send(), first);
		await away(host, 0);
		await release();
		assert.deepEqual(await send(), first);
		assert.equal(stored(host, "run.created").length, 1);
	});

	it("with an id of its own starts each run once wherever its trigger stands in the file", async (t) => {
		const { host } = await open(t);
		const others = [cron(), { ...onOrder, event: { type: "order" } }];
		const send = () => host.orchestrator.sendEvent({ type: "order", data: { amount: 200 }, id: "o-1" });
		await host.orchestrator.enableWorkflow(flow([onOrder, ...others]));
		const first = await send();
		assert.equal(new Set(first.runs).size, 2);
		await host.orchestrator.enableWorkflow(flow([...others, onOrder]));
		assert.deepEqual((await send()).runs.toSorted(), first.runs.toSorted());
		assert.equal(stored(host, "run.created").length, 2);
	});

	it("that one workflow cannot take starts the others, and says which it did not", async (t) => {
		const { host } = await open(t);
		const anything: TriggerDefinition = { event: { type: "order" }, with: { at: "${{ event.data.amount }}" } };
		await host.orchestrator.enableWorkflow(flow([anything]));
		await host.orchestrator.enableWorkflow(flow([anything], { name: "texts", inputs: { at: { type: "string" } } }));
		const { runs, refused } = await host.orchestrator.sendEvent({ type: "order", data: { amount: 7 } });
		assert.equal(runs.length, 1);
		assert.deepEqual(
			refused.map(({ workflow, code }) => [workflow, code]),
			[["texts", "E_INPUT_INVALID"]],
		);
	});

	it("is stored with the runs it starts and the waits it ends as one", async (t) => {
		const { host } = await open(t);
		const waiter = flow([], { name: "waiter", inputs: {}, triggers: [] });
		waiter.steps = [{ id: "wait", needs: [], wait: { event: { type: "order" } } }];
		const id = await host.orchestrator.startRun(waiter);
		await host.orchestrator.enableWorkflow(flow([onOrder]));
		const led = await host.orchestrator.sendEvent({ type: "order", data: { amount: 200 } });
		assert.deepEqual([led.waits, led.runs.length], [1, 1]);
		assert.equal((await host.orchestrator.waitRun(id)).state, "completed");
		const batches = host.store.batches.map(({ body }) => decodeBody(body));
		const together = batches.find((events) => events.some(({ type }) => type === "item.ended")) ?? [];
		assert.ok(together.some((event) => event.type === "run.created" && event.id === led.runs[0]));
	});
});
