/** What must hold of a history, judged from the events alone, with none of the product's own rules. */
import assert from "node:assert/strict";
import type { Event } from "../../src/events.ts";

type Phase = "waiting" | "running" | "over";

/** I3, I4, I5: one end for each task, nothing after it, and no write by an attempt that does not hold it. */
export function checkHistory(events: readonly Event[]): Map<string, string> {
	const phases = new Map<string, { phase: Phase; token?: number; end?: string }>();
	const tokens = new Set<number>();
	for (const event of events) {
		if (event.type === "task.submitted") {
			assert.ok(!phases.has(event.task.id), `${event.task.id} was submitted twice`);
			phases.set(event.task.id, { phase: "waiting" });
			continue;
		}
		if (!event.type.startsWith("task.") || !("id" in event)) continue;
		const task = phases.get(event.id);
		assert.ok(task !== undefined, `${event.type} of ${event.id}, which nobody submitted`);
		assert.notEqual(task.phase, "over", `${event.type} of ${event.id} after its end`);
		if (event.type === "task.started") {
			assert.equal(task.phase, "waiting", `${event.id} started while it ran`);
			assert.ok(!tokens.has(event.token), "a token was given twice");
			tokens.add(event.token);
			Object.assign(task, { phase: "running", token: event.token });
			continue;
		}
		if ("token" in event && event.token !== undefined) {
			assert.equal(task.phase, "running", `${event.type} of ${event.id}, which does not run`);
			assert.equal(event.token, task.token, `a stale attempt wrote ${event.type} of ${event.id}`);
		}
		const goesOn = event.type === "task.retrying" || event.type === "task.reoffered" || event.type === "task.waiting";
		Object.assign(task, goesOn ? { phase: "waiting", token: undefined } : { phase: "over", end: event.type });
	}
	return new Map([...phases].map(([id, { end }]) => [id, end ?? "open"]));
}
