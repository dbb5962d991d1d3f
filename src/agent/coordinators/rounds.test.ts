import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred, startTest, temporaryFolder } from "../../../test/fixture.ts";
import {
	type Assignment,
	type ChildResult,
	Delegation,
	defineSkill,
	type ErrorCode,
	hasCode,
	type Rounds,
	RoundsCoordinator,
	type SkillContext,
} from "../../index.ts";

const echo = defineSkill({ name: "echo", description: "Returns its input.", run: (input) => input });

/** One task a round, each with the number before it and one more. */
class Counter extends RoundsCoordinator {
	protected override async *rounds({ input }: Assignment): Rounds<number> {
		let sum = 0;
		for (let i = 0; i < (input as number); i++) {
			const [child] = yield [{ type: "echo", input: sum + 1 }];
			sum = child?.output as number;
		}
		return sum;
	}
}

const counter = () => new Counter({ name: "counter", capabilities: ["count"] });
const context = {} as SkillContext;
const looksAt = (children: ChildResult[], input = 3): Promise<unknown> =>
	counter().perform({ id: "tsk_1", type: "count", input, attempt: 1 }, { ...context, children });
const child = (n: number, type = "echo"): ChildResult => ({
	id: `tsk_1.${n}`,
	type,
	state: "completed",
	output: n + 1,
});
const code = (wanted: ErrorCode) => (error: unknown) => hasCode(error, wanted);

describe("a coordinator in rounds", () => {
	it("delegates round after round and returns what its work returns", async (t) => {
		const muster = await startTest(t, { skills: [echo], customAgents: [counter()] });
		const done = await muster.wait(await muster.submit({ type: "count", input: 3 }));
		assert.deepEqual([done.output, done.children?.length], [3, 3]);
	});

	it("decides the next round from the results alone", async () => {
		const next = await looksAt([child(0), child(1)]);
		assert.ok(next instanceof Delegation);
		assert.deepEqual(next.tasks, [{ type: "echo", input: 3 }]);
	});

	it("may return without any round", async () => {
		assert.equal(await looksAt([], 0), 0);
	});

	it("is told when it asks for something else than it did before", async () => {
		await assert.rejects(looksAt([child(0, "draft")]), code("E_RUN_MISFIT"));
	});

	it("is told when it ends earlier than it did before", async () => {
		await assert.rejects(looksAt([child(0), child(1)], 1), code("E_RUN_MISFIT"));
	});

	it("fails, and does not wait for ever, with a round without a task", async (t) => {
		class Empty extends Counter {
			protected override async *rounds(): Rounds<number> {
				for (;;) yield [];
			}
		}
		const agents = [new Empty({ name: "empty", capabilities: ["count"] })];
		const muster = await startTest(t, { skills: [echo], customAgents: agents });
		const done = await muster.wait(await muster.submit({ type: "count", input: 1, retry: false }));
		assert.equal(done.error?.code, "E_OUTPUT_INVALID");
	});

	it("goes on where it was when the process ends while it decides", async (t) => {
		const dataDir = temporaryFolder(t);
		const deciding = deferred();
		const asked: number[] = [];
		const counted = defineSkill<number, number>({
			name: "echo",
			description: "Notes what it is asked.",
			run(n) {
				asked.push(n);
				return n;
			},
		});
		/** Hangs at its look at two results. */
		class Stuck extends Counter {
			override async gather(children: readonly ChildResult[], ...rest: [Assignment, SkillContext]): Promise<unknown> {
				if (children.length < 2) return super.gather(children, ...rest);
				deciding.resolve();
				return new Promise((_, reject) =>
					rest[1].signal.addEventListener("abort", () => reject(rest[1].signal.reason)),
				);
			}
		}
		const stuck = new Stuck({ name: "counter", capabilities: ["count"] });
		const before = await startTest(t, { dataDir, skills: [counted], customAgents: [stuck] });
		const id = await before.submit({ type: "count", input: 3 });
		await deciding.promise;
		await before.shutdown({ grace: 0 });
		const after = await startTest(t, { dataDir, skills: [counted], customAgents: [counter()] });
		assert.equal((await after.wait(id)).output, 3);
		assert.deepEqual(asked, [1, 2, 3]);
	});
});
