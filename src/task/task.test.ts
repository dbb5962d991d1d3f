import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasCode } from "../errors.ts";
import { isTerminal, type Trigger, taskStates, transition, transitions } from "./task.ts";

/** Written out again by hand, so that a slip in the table is a difference and not a new truth. */
const legal: Record<string, string[]> = {
	blocked: ["release>ready", "delay>scheduled", "fail>failed", "cancel>cancelled", "skip>skipped"],
	scheduled: ["due>ready", "fail>failed", "cancel>cancelled"],
	ready: ["start>running", "fail>failed", "cancel>cancelled"],
	running: [
		"complete>completed",
		"retry>scheduled",
		"reoffer>ready",
		"suspend>waiting",
		"fail>failed",
		"cancel>cancelled",
	],
	waiting: ["wake>ready", "fail>failed", "cancel>cancelled"],
	completed: [],
	failed: [],
	cancelled: [],
	skipped: [],
};
const triggers: Trigger[] = [
	"release",
	"due",
	"delay",
	"start",
	"suspend",
	"wake",
	"complete",
	"retry",
	"reoffer",
	"fail",
	"cancel",
	"skip",
];

describe("the table of task states", () => {
	for (const state of taskStates) {
		for (const trigger of triggers) {
			const next = legal[state]?.find((entry) => entry.startsWith(`${trigger}>`))?.split(">")[1];
			it(next ? `moves a ${state} task to ${next} on ${trigger}` : `refuses ${trigger} on a ${state} task`, () => {
				if (next !== undefined) assert.equal(transition(state, trigger), next);
				else
					assert.throws(
						() => transition(state, trigger),
						(error) => hasCode(error, "E_INTERNAL"),
					);
			});
		}
	}

	it("lets no terminal state change", () => {
		for (const state of taskStates) assert.equal(Object.keys(transitions[state]).length === 0, isTerminal(state));
	});

	it("reaches a terminal state from every state", () => {
		for (const state of taskStates.filter((state) => !isTerminal(state))) {
			assert.ok(Object.values(transitions[state]).some(isTerminal), state);
		}
	});
});
