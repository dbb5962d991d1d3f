import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTest } from "../../test/fixture.ts";
import { HandClock } from "../clock.ts";
import { defineSkill, type Orchestrator, type Page, type TaskQuery, type TaskView } from "../index.ts";
import { taskStates } from "../task/task.ts";
import { cursorOf } from "./page.ts";

/** Ends when it is told to. */
function gate() {
	const open = new Map<string, PromiseWithResolvers<null>>();
	const run = (name: string) =>
		defineSkill({
			name,
			description: "Ends when it is told to.",
			run: ({ fail }: { fail?: boolean }, { task: { id: taskId }, signal }) => {
				if (fail) throw Object.assign(new Error("asked to fail"), { retryable: false });
				const held = Promise.withResolvers<null>();
				open.set(taskId, held);
				signal.addEventListener("abort", () => held.reject(signal.reason), { once: true });
				return held.promise;
			},
		});
	return { open, skills: [run("left"), run("right")] };
}

async function readAll<T>(next: (cursor: string | undefined) => Page<T>, between: () => Promise<void>): Promise<T[]> {
	const items: T[] = [];
	for (let cursor: string | undefined; ; ) {
		const page = next(cursor);
		items.push(...page.items);
		if (page.nextCursor === undefined) return items;
		cursor = page.nextCursor;
		await between();
	}
}

const everything = (muster: Orchestrator, query: TaskQuery = {}): Promise<TaskView[]> =>
	readAll(
		(cursor) => muster.tasks({ ...query, limit: 1_000, cursor }),
		async () => undefined,
	);

describe("pages of tasks", () => {
	it("hold each task that was there all the time exactly once, whatever begins and ends meanwhile", async (t) => {
		const { open, skills } = gate();
		const muster = await startTest(t, { skills, workers: 8 });
		const { random } = new HandClock(0, 7);
		const any = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
		const submitSome = (): Promise<string[]> =>
			muster.submitMany(
				Array.from({ length: 1 + Math.floor(random() * 12) }, () => ({
					type: any(["left", "right"]),
					group: any(["blue", "green", "red"]),
					input: { fail: random() < 0.2 },
					retry: { maxAttempts: 1 },
				})),
			);
		const disturb = async (): Promise<void> => {
			if (random() < 0.7) await submitSome();
			for (const [id, held] of open) {
				if (random() < 0.5) continue;
				open.delete(id);
				if (random() < 0.2) await muster.cancel(id);
				else {
					held.resolve(null);
					await muster.wait(id);
				}
			}
		};
		const pick = <T>(value: T): T | undefined => (random() < 0.4 ? value : undefined);
		for (let round = 0; round < 40; round++) {
			await submitSome();
			const before = await everything(muster);
			const now = before.map(({ submittedAt }) => submittedAt);
			const query: TaskQuery = {
				type: pick(any(["left", "right"])),
				group: pick(any(["blue", "green", "red"])),
				agent: pick(any(["worker-1", "worker-2"])),
				state: pick(taskStates.filter(() => random() < 0.5).concat("completed")),
				since: pick(any(now)),
				until: pick(any(now)),
				limit: 1 + Math.floor(random() * 9),
			};
			const fits = ({ type, group, history, state, submittedAt }: TaskView): boolean =>
				(query.type ?? type) === type &&
				(query.group ?? group) === group &&
				(query.agent === undefined || query.agent === history.at(-1)?.agent) &&
				(query.state === undefined || query.state.includes(state)) &&
				submittedAt >= (query.since ?? "") &&
				submittedAt < (query.until ?? "9");
			const fitted = new Map(before.filter(fits).map((task) => [task.id, task]));
			const read = await readAll((cursor) => muster.tasks({ ...query, cursor }), disturb);
			const ids = read.map(({ id }) => id);
			assert.equal(new Set(ids).size, ids.length, "none twice");
			assert.deepEqual(
				ids,
				[...read].sort(newestFirst).map(({ id }) => id),
				"in order",
			);
			assert.ok(read.every(fits));
			const after = new Map((await everything(muster)).map((task) => [task.id, task]));
			for (const [id, task] of fitted) {
				const later = after.get(id);
				assert.ok(later, "nothing is lost");
				const same = task.state === later.state && task.attempts === later.attempts;
				if (same) assert.ok(ids.includes(id), `${id} was there all the time`);
			}
		}
	});

	it("refuse what is no cursor, no state, no time and no limit", async (t) => {
		const muster = await startTest(t);
		const wrong: TaskQuery[] = [
			{ cursor: "x" },
			{ cursor: Buffer.from("[1,2]").toString("base64url") },
			{ state: "lost" as "failed" },
			{ state: [] },
			{ since: "yesterday" },
			{ limit: 0 },
		];
		for (const query of wrong) assert.throws(() => muster.tasks(query), { code: "E_INPUT_INVALID" });
		assert.deepEqual(muster.tasks({ cursor: cursorOf({ at: 0, id: "" }) }), { items: [] });
	});
});

function newestFirst(a: TaskView, b: TaskView): number {
	if (a.submittedAt !== b.submittedAt) return a.submittedAt < b.submittedAt ? 1 : -1;
	return a.id < b.id ? 1 : -1;
}
