import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTest } from "../../../test/fixture.ts";
import { defineSkill, type Json, type MissingPart, type TaskView, TerminalError } from "../../index.ts";

const work = defineSkill<"good" | "bad", string>({
	name: "work",
	description: "Fails when it is told to.",
	run(how) {
		if (how === "bad") throw new TerminalError("it is bad");
		return how;
	},
});

/** What a `coordinate` task with these parts and this policy comes to. */
async function coordinate(t: TestContext, parts: string[], onFailure?: Json): Promise<TaskView> {
	const muster = await startTest(t, { skills: [work] });
	const tasks = parts.map((input) => ({ type: "work", input }));
	return muster.wait(await muster.submit({ type: "coordinate", input: { tasks, ...(onFailure && { onFailure }) } }));
}

const countsOf = ({ output }: TaskView) => {
	const { completed, failed } = output as { completed: number; failed: number };
	return { completed, failed };
};

describe("a policy about failures", () => {
	it("needs every part when none is given", async (t) => {
		const { id, error } = await coordinate(t, ["good", "bad", "bad"]);
		assert.equal(error?.code, "E_DEPENDENCY_FAILED");
		assert.equal(error?.message, `2 of 3 parts did not complete; ${id}.1: it is bad`);
	});

	it("names what is missing in the error", async (t) => {
		const { error } = await coordinate(t, ["good", "bad"]);
		const { parts, needed, missing } = (error?.details ?? {}) as { [key: string]: Json };
		assert.deepEqual([parts, needed], [2, 2]);
		assert.deepEqual(
			(missing as MissingPart[]).map(({ part }) => part),
			[1],
		);
	});

	it("goes on without any part with `continue`", async (t) => {
		assert.deepEqual(countsOf(await coordinate(t, ["bad", "bad"], "continue")), { completed: 0, failed: 2 });
	});

	it("goes on with one part with `best-effort`, and names what is missing", async (t) => {
		const done = await coordinate(t, ["good", "bad", "bad"], "best-effort");
		assert.deepEqual(countsOf(done), { completed: 1, failed: 2 });
		const { missing } = done.output as { missing: Json };
		const lost = { type: "work", state: "failed", reason: "it is bad" };
		assert.deepEqual(missing, [
			{ part: 1, id: `${done.id}.1`, ...lost },
			{ part: 2, id: `${done.id}.2`, ...lost },
		]);
	});

	it("fails without any part with `best-effort`", async (t) => {
		assert.equal((await coordinate(t, ["bad", "bad"], "best-effort")).state, "failed");
	});

	it("goes on with as many parts as the quorum says", async (t) => {
		assert.deepEqual(countsOf(await coordinate(t, ["good", "good", "bad"], { quorum: 2 })), {
			completed: 2,
			failed: 1,
		});
	});

	it("fails below the quorum", async (t) => {
		assert.equal((await coordinate(t, ["good", "bad", "bad"], { quorum: 2 })).state, "failed");
	});

	it("is refused before anything runs when its quorum cannot be reached", async (t) => {
		const { error, children } = await coordinate(t, ["good"], { quorum: 2 });
		assert.deepEqual([error?.code, children], ["E_INPUT_INVALID", undefined]);
	});

	it("is refused with the possible ones when it is none of them", async (t) => {
		const { error } = await coordinate(t, ["good"], "ignore");
		assert.match(error?.message ?? "", /onFailure: use "fail", "continue", "best-effort"/);
	});

	it("says that nothing is missing when all is there", async (t) => {
		assert.deepEqual(((await coordinate(t, ["good"])).output as { missing: Json }).missing, []);
	});
});
