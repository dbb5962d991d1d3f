/** Rates of whole orchestrators: what a key may start, and when its tasks are told that they start. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { MemoryHost, turns } from "../../test/memory-host.ts";
import { RetryableError } from "../errors.ts";
import { defineSkill } from "../skill/skill.ts";

const HOUR = 3_600_000;
const quick = defineSkill({ name: "quick", description: "Returns its input.", run: (input) => input });

const open = (t: TestContext, ...more: Parameters<typeof defineSkill>[0][]) =>
	MemoryHost.open(t, { skills: [quick, ...more] as never });

describe("a rate", () => {
	it("stands still for a day at most, whatever delay is asked for, and all who wait for it can be listed", async (t) => {
		const busy = defineSkill({
			...{ name: "busy", description: "Asks for more time than a date can hold." },
			run() {
				throw new RetryableError("busy", { afterMs: 1e16 });
			},
		});
		const host = await open(t, busy);
		const { orchestrator } = host;
		const rate = { key: "api", limit: 1_000, per: "1s" };
		await orchestrator.submit({ type: "busy", rate });
		await host.pass(100);
		const id = await orchestrator.submit({ type: "quick", rate });
		await turns(20);
		const until = orchestrator.tasks().find((task) => task.id === id)?.waiting?.until ?? 0;
		assert.ok(until > host.clock.now() && until <= host.clock.now() + 24 * HOUR);
		const late = orchestrator.wait(id, { timeout: "20ms" });
		late.catch(() => undefined);
		await host.pass(20);
		await assert.rejects(late, { code: "E_WAIT_TIMEOUT", message: /the rate of api/ });
	});

	it("lets a new key start at once, and goes on where it was in the next process", async (t) => {
		const host = await open(t);
		const daily = { type: "quick", rate: { key: "report", limit: 1, per: "24h" } };
		const [first, second] = await host.orchestrator.submitMany([daily, daily]);
		await turns(20);
		const states = () => [first, second].map((id) => host.orchestrator.task(id as string).state);
		assert.deepEqual(states(), ["completed", "ready"]);
		host.clock.jump(20 * HOUR);
		await host.restart();
		await turns(20);
		const until = host.orchestrator.task(second as string).waiting?.until ?? 0;
		assert.equal(until - host.clock.now(), 4 * HOUR);
		const other = await host.orchestrator.submit({ type: "quick", rate: { ...daily.rate, key: "other" } });
		await turns(20);
		assert.equal(host.orchestrator.task(other).state, "completed");
		host.clock.jump(4 * HOUR);
		await host.restart();
		await turns(20);
		assert.deepEqual(states(), ["completed", "completed"]);
	});

	it("holds also when the process dies over a start: that is on disk before the skill runs", async (t) => {
		const began: number[] = [];
		const deadly = defineSkill({
			...{ name: "deadly", description: "Is there when the process dies." },
			run: () => {
				began.push(host.clock.now());
				return new Promise(() => undefined);
			},
		});
		const host = await open(t, deadly);
		await host.orchestrator.submit({ type: "deadly", rate: { key: "api", limit: 1, per: "1h" } });
		while (began.length === 0) await turns(1);
		await host.restart();
		await host.pass(1_000);
		assert.equal(began.length, 1);
		host.clock.jump(HOUR);
		await host.restart();
		await turns(20);
		assert.equal(began.length, 2);
	});

	it("tells each task when it may start: by its place in line", async (t) => {
		const host = await open(t);
		const rate = { key: "api", limit: 10, per: "1s" };
		const ids = await host.orchestrator.submitMany(Array.from({ length: 4 }, () => ({ type: "quick", rate })));
		const urgent = await host.orchestrator.submit({ type: "quick", rate, priority: "critical" });
		await turns(20);
		const told = [urgent, ...ids.slice(1)].map((id) => host.orchestrator.task(id).waiting?.until ?? 0);
		assert.deepEqual(
			told.map((until) => until - host.clock.now()),
			[100, 200, 300, 400],
		);
	});
});
