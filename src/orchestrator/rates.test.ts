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
});
