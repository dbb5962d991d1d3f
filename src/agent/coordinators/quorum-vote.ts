/** Asks several voters the same question and decides by count. */
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import type { SkillContext } from "../../skill/skill.ts";
import { type Delegate, taskFor } from "./delegate.ts";
import { type MissingPart, missingPart, namedInError } from "./failure-policy.ts";
import { checkCount, readStored } from "./reading.ts";
import { type CoordinatorOptions, type Rounds, RoundsCoordinator } from "./rounds.ts";

const MAX_VOTERS = 100;
const MAX_CHOICE_LENGTH = 200;

export interface QuorumVoteOptions extends CoordinatorOptions {
	/** At most 100; name one several times to ask several of its kind. Each gets the task's input. */
	voters: readonly Delegate[];
	/** A vote for anything else counts as missing. Default: every choice counts. */
	choices?: readonly string[];
	/** Votes that a choice needs. Default: more than half of the voters. */
	quorum?: number;
	/** `report` (default): the outcome says that nothing was decided. `fail`: the task fails. */
	onUndecided?: "report" | "fail";
}

/**
 * - `decided`: one choice has the quorum and more votes than any other
 * - `missing-votes`: none has, but the votes that are missing could have decided it
 * - `tie`: several choices lead with the same number of votes, and no vote is missing that could change it
 * - `no-quorum`: one choice leads, but below the quorum, and no vote is missing that could change it
 */
export type VoteOutcome = "decided" | "missing-votes" | "tie" | "no-quorum";

export type VoteResult = {
	outcome: VoteOutcome;
	/** What was decided, otherwise null. */
	choice: string | null;
	/** Most votes first. */
	counts: { choice: string; votes: number }[];
	votes: { part: number; id: string; type: string; choice: string }[];
	voters: number;
	quorum: number;
	/** Voters that did not complete, or did not return a vote. */
	missing: MissingPart[];
};

/** Any input, which is the question -> {@link VoteResult}. A voter returns its choice as a string, or `{ choice }`. */
export class QuorumVoteCoordinator extends RoundsCoordinator {
	readonly #voters: readonly Delegate[];
	readonly #choices: ReadonlySet<string> | undefined;
	readonly #quorum: number;
	readonly #onUndecided: "report" | "fail";

	/** @throws E_CONFIG_INVALID */
	constructor({ voters, choices, quorum, onUndecided = "report", ...options }: QuorumVoteOptions) {
		super(options);
		checkCount("voters", voters.length, 1, MAX_VOTERS);
		this.#voters = [...voters];
		this.#choices = choices && new Set(choices);
		this.#quorum = quorum ?? Math.floor(voters.length / 2) + 1;
		checkCount("quorum", this.#quorum, 1, voters.length);
		this.#onUndecided = onUndecided;
	}

	/** The choice in what a voter returned; undefined when there is none. Override it for voters that answer otherwise. */
	protected choiceOf(output: Json): string | undefined {
		const choice = output !== null && typeof output === "object" && !Array.isArray(output) ? output.choice : output;
		return typeof choice === "string" ? choice : undefined;
	}

	protected override async *rounds({ input }: Assignment, { artifacts }: SkillContext): Rounds<VoteResult> {
		const children = yield this.#voters.map((voter) => taskFor(voter, input));
		const votes: VoteResult["votes"] = [];
		const missing: MissingPart[] = [];
		for (const [part, child] of children.entries()) {
			const { id, type, state } = child;
			const choice =
				state === "completed" ? this.choiceOf(await readStored(child.output ?? null, artifacts)) : undefined;
			if (choice !== undefined && this.#isChoice(choice)) votes.push({ part, id, type, choice });
			else missing.push(missingPart(part, child, state === "completed" ? "it returned no vote" : undefined));
		}
		const choices = votes.map(({ choice }) => choice);
		const decision = tally(choices, missing.length, this.#quorum);
		if (decision.outcome !== "decided" && this.#onUndecided === "fail") throw undecided(decision, missing);
		return { ...decision, votes, voters: children.length, quorum: this.#quorum, missing };
	}

	#isChoice(choice: string): boolean {
		return choice.length <= MAX_CHOICE_LENGTH && (this.#choices?.has(choice) ?? true);
	}
}

/** What the votes decide when so many others are missing. Among equals the choice that was named first comes first. */
export function tally(
	votes: readonly string[],
	missing: number,
	quorum: number,
): Pick<VoteResult, "outcome" | "choice" | "counts"> {
	const byChoice = new Map<string, number>();
	for (const choice of votes) byChoice.set(choice, (byChoice.get(choice) ?? 0) + 1);
	const counts = [...byChoice].map(([choice, votes]) => ({ choice, votes })).sort((a, b) => b.votes - a.votes);
	const leading = counts[0]?.votes ?? 0;
	const tied = leading === counts[1]?.votes;
	if (leading >= quorum && !tied) return { outcome: "decided", choice: counts[0]?.choice ?? null, counts };
	if (missing > 0 && leading + missing >= quorum) return { outcome: "missing-votes", choice: null, counts };
	return { outcome: tied ? "tie" : "no-quorum", choice: null, counts };
}

function undecided({ outcome, counts }: Pick<VoteResult, "outcome" | "counts">, missing: readonly MissingPart[]) {
	const list = counts.map(({ choice, votes }) => `${choice} ${votes}`).join(", ") || "no votes";
	return new MusterError("E_DEPENDENCY_FAILED", `the vote decided nothing (${outcome}): ${list}`, {
		details: { outcome, counts, missing: namedInError(missing) },
	});
}
