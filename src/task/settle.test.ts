import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ErrorData } from "../errors.ts";
import { MAX_CRASHES, MAX_LOSSES, MAX_STALLS, type Outcome, settle, settleCrash } from "./settle.ts";
import { createTask, type NewTask, type Task } from "./task.ts";

const NOW = 1_700_000_000_000;
const TOKEN = 7;
const running = (more: Partial<Task> = {}): Task => {
	const fresh = { id: "t", type: "work", input: null, priority: "normal", submittedAt: NOW } as NewTask;
	return { ...createTask(fresh, "running", 0), token: TOKEN, attempts: 1, ...more };
};
const lost = (code: ErrorData["code"]): Outcome => ({ kind: "lost", error: { code, message: "-", retryable: true } });
const typeOf = (task: Task, outcome: Outcome): string => settle(task, TOKEN, outcome, NOW, 0.5).type;

describe("an attempt whose progress stood still", () => {
	it(`is offered again ${MAX_STALLS} times; the next time its task fails`, () => {
		for (let stalls = 0; stalls < MAX_STALLS; stalls++) {
			assert.equal(typeOf(running({ stalls }), lost("E_STALLED")), "task.reoffered");
		}
		const event = settle(running({ stalls: MAX_STALLS }), TOKEN, lost("E_STALLED"), NOW, 0.5);
		assert.equal(event.type, "task.failed");
		assert.equal(event.type === "task.failed" && event.error.code, "E_STALLED");
	});

	it("uses up no attempt of the retry policy, nor any other patience", () => {
		const task = running({ failures: 2, losses: MAX_LOSSES - 1, crashes: MAX_CRASHES - 1 });
		assert.equal(typeOf(task, lost("E_STALLED")), "task.reoffered");
	});
});

describe("an attempt that lost its agent or its process", () => {
	it("is offered again until that has happened too often", () => {
		assert.equal(typeOf(running({ losses: MAX_LOSSES - 2 }), lost("E_AGENT_LOST")), "task.reoffered");
		assert.equal(typeOf(running({ losses: MAX_LOSSES - 1 }), lost("E_AGENT_LOST")), "task.failed");
		assert.equal(settleCrash(running({ crashes: MAX_CRASHES - 2 }), TOKEN, NOW).type, "task.reoffered");
		assert.equal(settleCrash(running({ crashes: MAX_CRASHES - 1 }), TOKEN, NOW).type, "task.failed");
	});

	it("is always offered again when the orchestrator only stops", () => {
		const worn = running({ losses: 1_000, stalls: 1_000, crashes: 2 });
		assert.equal(typeOf(worn, lost("E_STOPPED")), "task.reoffered");
	});
});
