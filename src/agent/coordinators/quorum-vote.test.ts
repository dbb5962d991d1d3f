import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTest } from "../../../test/fixture.ts";
import {
	defineSkill,
	hasCode,
	type Json,
	QuorumVoteCoordinator,
	type QuorumVoteOptions,
	type TaskView,
	TerminalError,
	type VoteResult,
} from "../../index.ts";
import { tally } from "./quorum-vote.ts";

const yes = defineSkill({ name: "yes", description: "For it.", run: () => "yes" });
const no = defineSkill({ name: "no", description: "Against it.", run: () => ({ choice: "no", because: "costs" }) });
const mute = defineSkill({ name: "mute", description: "Says nothing of use.", run: () => 7 });
const absent = defineSkill({
	name: "absent",
	description: "Fails.",
	run() {
		throw new TerminalError("not there");
	},
});

const jury = (voters: string[], choice: Partial<QuorumVoteOptions> = {}, Kind = QuorumVoteCoordinator) =>
	new Kind({ name: "jury", capabilities: ["vote"], voters, ...choice });

async function run(t: TestContext, coordinator: QuorumVoteCoordinator): Promise<TaskView> {
	const muster = await startTest(t, { skills: [yes, no, mute, absent], customAgents: [coordinator] });
	return muster.wait(await muster.submit({ type: "vote", input: "Shall we?" }));
}

const resultOf = ({ output }: TaskView) => output as VoteResult;

describe("a vote", () => {
	it("is decided by more than half of the voters", async (t) => {
		const result = resultOf(await run(t, jury(["yes", "no", "yes"])));
		assert.deepEqual([result.outcome, result.choice, result.quorum], ["decided", "yes", 2]);
		assert.deepEqual(result.counts, [
			{ choice: "yes", votes: 2 },
			{ choice: "no", votes: 1 },
		]);
	});

	it("says who voted for what", async (t) => {
		const { id, output } = await run(t, jury(["yes", "no"]));
		assert.deepEqual((output as VoteResult).votes, [
			{ part: 0, id: `${id}.0`, type: "yes", choice: "yes" },
			{ part: 1, id: `${id}.1`, type: "no", choice: "no" },
		]);
	});

	it("is decided without voters that fail when the quorum is reached, and names them", async (t) => {
		const result = resultOf(await run(t, jury(["yes", "absent", "yes"])));
		assert.deepEqual([result.outcome, result.choice], ["decided", "yes"]);
		assert.deepEqual(
			result.missing.map(({ part, state, reason }) => [part, state, reason]),
			[[1, "failed", "not there"]],
		);
	});

	it("counts what is no vote, or for no possible choice, as missing", async (t) => {
		const { missing } = resultOf(await run(t, jury(["yes", "mute", "no"], { choices: ["yes", "perhaps"] })));
		assert.deepEqual(
			missing.map(({ type, state, reason }) => [type, state, reason]),
			["mute", "no"].map((type) => [type, "rejected", "it returned no vote"]),
		);
	});

	it("reads the choice as a subclass says", async (t) => {
		class Numbers extends QuorumVoteCoordinator {
			protected override choiceOf(output: Json): string | undefined {
				return typeof output === "number" ? `number ${output}` : undefined;
			}
		}
		assert.equal(resultOf(await run(t, jury(["mute", "mute", "yes"], {}, Numbers))).choice, "number 7");
	});

	it("that decides nothing is a result with a name", async (t) => {
		const result = resultOf(await run(t, jury(["yes", "no"])));
		assert.deepEqual([result.outcome, result.choice], ["tie", null]);
	});

	it("that decides nothing fails where it was asked to", async (t) => {
		const { error } = await run(t, jury(["yes", "no"], { onUndecided: "fail" }));
		assert.equal(error?.code, "E_DEPENDENCY_FAILED");
		assert.match(error?.message ?? "", /decided nothing \(tie\): yes 1, no 1/);
	});

	it("is refused without voters, and with a quorum above their number", () => {
		const isConfig = (error: unknown) => hasCode(error, "E_CONFIG_INVALID");
		assert.throws(() => jury([]), isConfig);
		assert.throws(() => jury(["yes"], { quorum: 2 }), isConfig);
	});
});

describe("the count of votes", () => {
	const cases: [votes: string, missing: number, quorum: number, outcome: string][] = [
		["aab", 0, 2, "decided a"],
		["aa", 3, 2, "decided a"],
		["aabb", 0, 2, "tie"],
		["aabb", 0, 3, "tie"],
		["aabb", 1, 3, "missing-votes"],
		["aabb", 1, 2, "missing-votes"],
		["aab", 2, 3, "missing-votes"],
		["", 3, 2, "missing-votes"],
		["aab", 1, 4, "no-quorum"],
		["aabc", 0, 3, "no-quorum"],
	];
	for (const [votes, missing, quorum, expected] of cases) {
		it(`"${votes}" with ${missing} missing and a quorum of ${quorum} is ${expected}`, () => {
			const { outcome, choice } = tally([...votes], missing, quorum);
			assert.equal(choice === null ? outcome : `${outcome} ${choice}`, expected);
		});
	}
});
