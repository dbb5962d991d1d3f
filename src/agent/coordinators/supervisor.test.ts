import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { deferred, startTest } from "../../../test/fixture.ts";
import {
	defineSkill,
	hasCode,
	type Json,
	type SupervisedTry,
	SupervisorCoordinator,
	type SupervisorOptions,
	type SupervisorResult,
	type TaskView,
	TerminalError,
} from "../../index.ts";

const junior = defineSkill<number, number>({
	name: "junior",
	description: "Squares small numbers, guesses large ones, and gives up below zero.",
	run(n) {
		if (n < 0) throw new TerminalError("negative");
		return n < 10 ? n * n : 0;
	},
});
const senior = defineSkill<number, number>({ name: "senior", description: "Squares.", run: (n) => n * n });
const lazy = defineSkill({ name: "lazy", description: "Always says 0.", run: () => 0 });
const large = defineSkill({ name: "large", description: "Says much.", run: () => "x".repeat(100_000) });

type Choice = Partial<SupervisorOptions>;
const check = (output: Json, part: Json) =>
	output === (part as number) ** 2 ? undefined : `${output} is not the square of ${part}`;

const supervisor = (choice: Choice, Kind = SupervisorCoordinator) =>
	new Kind({ name: "boss", capabilities: ["supervise"], candidates: ["junior", "senior"], check, ...choice });

async function run(
	t: TestContext,
	parts: Json[],
	choice: Choice = {},
	Kind = SupervisorCoordinator,
): Promise<TaskView> {
	const skills = [junior, senior, lazy, large];
	const muster = await startTest(t, { skills, customAgents: [supervisor(choice, Kind)] });
	return muster.wait(await muster.submit({ type: "supervise", input: { parts } }));
}

const who = (tries: readonly SupervisedTry[] | undefined) => tries?.map(({ type, verdict }) => `${type} ${verdict}`);

describe("a supervisor", () => {
	it("takes a result that its check accepts, and asks nobody else", async (t) => {
		const { id, output } = await run(t, [3]);
		assert.deepEqual(output, {
			parts: [{ part: 0, output: 9, tries: [{ id: `${id}.0`, type: "junior", verdict: "accepted" }] }],
			completed: 1,
			missing: [],
		});
	});

	it("hands a rejected part to the next candidate, and says why", async (t) => {
		const { output } = await run(t, [3, 12]);
		const [, second] = (output as SupervisorResult).parts;
		assert.deepEqual([second?.output, who(second?.tries)], [144, ["junior rejected", "senior accepted"]]);
		assert.equal(second?.tries[0]?.reason, "0 is not the square of 12");
	});

	it("hands a failed part to the next candidate", async (t) => {
		const { output } = await run(t, [-2]);
		const [part] = (output as SupervisorResult).parts;
		assert.deepEqual([part?.output, who(part?.tries)], [4, ["junior failed", "senior accepted"]]);
	});

	it("hands on only the parts that need it", async (t) => {
		const { children, output } = await run(t, [1, 12, 2, -3, 3]);
		assert.equal(children?.length, 7);
		assert.deepEqual(
			(output as SupervisorResult).parts.map((part) => part.output),
			[1, 144, 4, 9, 9],
		);
	});

	it("fails with the last reason when no candidate does it well enough", async (t) => {
		const { error } = await run(t, [3, 12], { candidates: ["junior", "lazy"] });
		assert.match(error?.message ?? "", /1 of 2 parts.*0 is not the square of 12/);
	});

	it("goes on without such a part where its policy allows it, and names it with the last one asked", async (t) => {
		const { id, output } = await run(t, [3, 12], { candidates: ["junior", "lazy"], onFailure: "best-effort" });
		const { completed, missing } = output as SupervisorResult;
		const reason = "0 is not the square of 12";
		assert.equal(completed, 1);
		assert.deepEqual(missing, [{ part: 1, id: `${id}.2`, type: "lazy", state: "rejected", reason }]);
	});

	it("asks the first candidate again after the last one, but no more often than it may", async (t) => {
		const { output } = await run(t, [12], { candidates: ["junior", "lazy"], maxTries: 3, onFailure: "continue" });
		const [part] = (output as SupervisorResult).parts;
		assert.deepEqual(who(part?.tries), ["junior rejected", "lazy rejected", "junior rejected"]);
	});

	it("does not hand on a part that somebody cancelled", async (t) => {
		const started = deferred<string>();
		const slow = defineSkill({
			name: "junior",
			description: "Runs until it is told to stop.",
			run: (_, { task, signal }) => {
				started.resolve(task.id);
				return new Promise<Json>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
			},
		});
		const muster = await startTest(t, {
			skills: [slow, senior],
			customAgents: [supervisor({ onFailure: "continue" })],
		});
		const id = await muster.submit({ type: "supervise", input: { parts: [3] } });
		await muster.cancel(await started.promise);
		const [part] = ((await muster.wait(id)).output as SupervisorResult).parts;
		assert.deepEqual(who(part?.tries), ["junior cancelled"]);
	});

	it("looks at a large result itself, and passes on its reference", async (t) => {
		const seen: string[] = [];
		const { output } = await run(t, [1], {
			candidates: ["large"],
			check: (output) => {
				seen.push(typeof output);
				return undefined;
			},
		});
		assert.deepEqual(seen, ["string"]);
		assert.equal(typeof (output as SupervisorResult).parts[0]?.output, "object");
	});

	it("tells a candidate of the tries before it where a subclass says so", async (t) => {
		class Telling extends SupervisorCoordinator {
			protected override partInput(part: Json, tries: readonly SupervisedTry[]): Json {
				return (part as number) + tries.length * 100;
			}
		}
		const { output } = await run(t, [12], { check: (n) => (n === 0 ? "no" : undefined) }, Telling);
		assert.equal((output as SupervisorResult).parts[0]?.output, 112 ** 2);
	});

	it("refuses an input without parts", async (t) => {
		assert.equal((await run(t, [])).error?.code, "E_INPUT_INVALID");
	});

	it("is refused without candidates, and with more tries than are possible", () => {
		const isConfig = (error: unknown) => hasCode(error, "E_CONFIG_INVALID");
		assert.throws(() => supervisor({ candidates: [] }), isConfig);
		assert.throws(() => supervisor({ maxTries: 11 }), isConfig);
	});
});
