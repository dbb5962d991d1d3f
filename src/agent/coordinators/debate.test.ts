import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTest } from "../../../test/fixture.ts";
import {
	DebateCoordinator,
	type DebateOptions,
	type DebateResult,
	defineSkill,
	hasCode,
	type Json,
	type JudgeInput,
	type TaskView,
	TerminalError,
	type TurnInput,
} from "../../index.ts";

const speak = defineSkill<TurnInput, string>({
	name: "speak",
	description: "Says who it is, when, and after how many others.",
	run: ({ speaker, round, transcript }) => `${speaker}${round} after ${transcript.length}`,
});
const mute = defineSkill({
	name: "mute",
	description: "Fails.",
	run() {
		throw new TerminalError("no voice");
	},
});

type Judge = (asked: JudgeInput) => Json;
/** Content after so many rounds. */
const contentAfter =
	(rounds: number): Judge =>
	({ round, last }) => ({ satisfied: round >= rounds, verdict: last ? "at last" : `after ${round}` });

const debate = (choice: Partial<DebateOptions>) => {
	const options = { debaters: { a: "speak", b: "speak" }, judge: "judge", ...choice };
	return new DebateCoordinator({ name: "moderator", capabilities: ["debate"], ...options });
};

async function run(t: TestContext, judge: Judge, choice: Partial<DebateOptions> = {}): Promise<TaskView> {
	const judging = defineSkill<JudgeInput, Json>({ name: "judge", description: "Judges.", run: judge });
	const muster = await startTest(t, { skills: [speak, mute, judging], customAgents: [debate(choice)] });
	return muster.wait(await muster.submit({ type: "debate", input: "Who?" }));
}

const resultOf = ({ output }: TaskView) => output as DebateResult;

describe("a debate", () => {
	it("lets the debaters speak in turn, each knowing all that was said", async (t) => {
		const { transcript } = resultOf(await run(t, contentAfter(2)));
		assert.deepEqual(
			transcript.map(({ said }) => said),
			["a1 after 0", "b1 after 1", "a2 after 2", "b2 after 3"],
		);
	});

	it("ends as soon as the judge is satisfied", async (t) => {
		const { children, output } = await run(t, contentAfter(1));
		const { satisfied, verdict, rounds } = output as DebateResult;
		assert.deepEqual([satisfied, verdict, rounds, children?.length], [true, "after 1", 1, 3]);
	});

	it("ends after its rounds, and the judge knows which is the last", async (t) => {
		const { satisfied, verdict, rounds } = resultOf(await run(t, contentAfter(9), { rounds: 2 }));
		assert.deepEqual([satisfied, verdict, rounds], [false, "at last", 2]);
	});

	it("fails with a debater that fails", async (t) => {
		const { error, children } = await run(t, contentAfter(1), { debaters: { a: "mute", b: "speak" } });
		assert.match(error?.message ?? "", /1 of 2 parts.*no voice/);
		assert.equal(children?.length, 1);
	});

	it("goes on without a turn where its policy allows it, and names speaker and round", async (t) => {
		const choice = { debaters: { a: "speak", b: "mute" }, onFailure: "best-effort" } as const;
		const { missing, transcript } = resultOf(await run(t, contentAfter(2), choice));
		assert.deepEqual(
			missing.map(({ part, speaker, round, reason }) => [part, speaker, round, reason]),
			[
				[1, "b", 1, "no voice"],
				[3, "b", 2, "no voice"],
			],
		);
		assert.deepEqual(
			transcript.map(({ speaker }) => speaker),
			["a", "a"],
		);
	});

	it("fails when nobody speaks in a round, also with `best-effort`", async (t) => {
		const choice = { debaters: { a: "mute", b: "mute" }, onFailure: "best-effort" } as const;
		assert.equal((await run(t, contentAfter(1), choice)).state, "failed");
	});

	it("fails without a judge, whatever the policy", async (t) => {
		const { error } = await run(t, contentAfter(1), { judge: "mute", onFailure: "continue" });
		assert.match(error?.message ?? "", /the judge gave no verdict.*no voice/);
	});

	it("fails with a judge that does not say whether it is satisfied", async (t) => {
		const { error } = await run(t, () => "hm");
		assert.equal(error?.code, "E_OUTPUT_INVALID");
	});

	it("is refused with one debater, and with more rounds than are possible", () => {
		const isConfig = (error: unknown) => hasCode(error, "E_CONFIG_INVALID");
		assert.throws(() => debate({ debaters: { alone: "speak" } }), isConfig);
		assert.throws(() => debate({ rounds: 21 }), isConfig);
	});
});
