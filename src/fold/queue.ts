/** How events change what steers the queue: pauses, schedules, enabled workflows. */
import type { EventType } from "../events.ts";
import type { Folds } from "./folds.ts";
import { unuse, use } from "./runs.ts";

export const queueFolds: Folds<Extract<EventType, `queue.${string}` | `schedule.${string}` | `trigger.${string}`>> = {
	"queue.paused"(state, { at, scope, reason }) {
		state.paused.set(scope, { at, ...(reason !== undefined && { reason }) });
	},
	"queue.resumed"(state, event) {
		state.paused.delete(event.scope);
	},
	"schedule.created"(state, { at, schedule }) {
		// Changed, it stays the same schedule: what it started last is still its own.
		const { fired = 0, skipped = 0, last, lastSkip } = state.schedules.get(schedule.id) ?? {};
		const kept = { fired, skipped, ...(last && { last }), ...(lastSkip && { lastSkip }) };
		state.schedules.set(schedule.id, { ...schedule, createdAt: at, ...kept });
	},
	"schedule.fired"(state, { id, dueAt, as, nextAt }) {
		const schedule = state.schedules.get(id);
		if (schedule === undefined) return; // deleted while it fired
		schedule.last = { dueAt, as };
		schedule.fired++;
		schedule.nextAt = nextAt;
	},
	"schedule.skipped"(state, { at, id, count, reason, nextAt, detail }) {
		const schedule = state.schedules.get(id);
		if (schedule === undefined) return;
		schedule.skipped += count;
		schedule.lastSkip = { at, reason, ...(detail !== undefined && { detail }) };
		schedule.nextAt = nextAt;
	},
	"schedule.deleted"(state, event) {
		state.schedules.delete(event.id);
	},
	"trigger.enabled"(state, { at, trigger }) {
		const before = state.triggers.get(trigger.id);
		if (before !== undefined) unuse(state, before);
		state.triggers.set(trigger.id, { ...trigger, enabledAt: at });
		use(state, trigger);
	},
	"trigger.disabled"(state, event) {
		const trigger = state.triggers.get(event.id);
		if (trigger === undefined) return;
		state.triggers.delete(event.id);
		unuse(state, trigger);
	},
};
