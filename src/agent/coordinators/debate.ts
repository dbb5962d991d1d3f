/** Debaters take turns, a judge decides; it ends early when the judge is satisfied. */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import { explain } from "../../schema.ts";
import type { ChildResult, SkillContext } from "../../skill/skill.ts";
import { type Delegate, taskFor } from "./delegate.ts";
import { type FailurePolicy, type MissingPart, missingPart, requireEnough, requirePossible } from "./failure-policy.ts";
import { checkCount, readStored } from "./reading.ts";
import { type CoordinatorOptions, oneTask, type Rounds, RoundsCoordinator } from "./rounds.ts";

const MAX_ROUNDS = 20;
const MAX_DEBATERS = 10;

export interface DebateOptions extends CoordinatorOptions {
	/** Who speaks, by name, in this order; 2 to 10. Each turn gets a {@link TurnInput}. */
	debaters: Readonly<Record<string, Delegate>>;
	/** Asked after each round with a {@link JudgeInput}; returns `{ satisfied, verdict }`. */
	judge: Delegate;
	/** Most rounds, in each of which every debater has one turn; at most 20. Default 3. */
	rounds?: number;
	/** About the turns of one round. A judge that fails always fails the whole. Default `fail`. */
	onFailure?: FailurePolicy;
}

/** One turn that was taken. */
export type Turn = {
	/** From 1. */
	round: number;
	speaker: string;
	said: Json;
};

/** What a debater gets. */
export type TurnInput = {
	question: Json;
	speaker: string;
	round: number;
	/** All that was said before, by everybody. */
	transcript: Turn[];
};

/** What the judge gets. */
export type JudgeInput = {
	question: Json;
	round: number;
	/** There is no further round: this verdict stands, satisfied or not. */
	last: boolean;
	transcript: Turn[];
};

export type DebateResult = {
	verdict: Json;
	/** False: the rounds were used up, and the verdict is the best the judge could say. */
	satisfied: boolean;
	rounds: number;
	transcript: Turn[];
	/** Turns that were not taken; `part` counts all turns from 0. */
	missing: (MissingPart & { round: number; speaker: string })[];
};

const judgement = z.object({ satisfied: z.boolean(), verdict: z.unknown() });

/** Any input, which is the question -> {@link DebateResult}. */
export class DebateCoordinator extends RoundsCoordinator {
	readonly #debaters: readonly (readonly [string, Delegate])[];
	readonly #judge: Delegate;
	readonly #rounds: number;
	readonly #onFailure: FailurePolicy;

	/** @throws E_CONFIG_INVALID */
	constructor({ debaters, judge, rounds = 3, onFailure = "fail", ...options }: DebateOptions) {
		super(options);
		this.#debaters = Object.entries(debaters);
		checkCount("debaters", this.#debaters.length, 2, MAX_DEBATERS);
		checkCount("rounds", rounds, 1, MAX_ROUNDS);
		requirePossible(onFailure, this.#debaters.length, "E_CONFIG_INVALID");
		this.#judge = judge;
		this.#rounds = rounds;
		this.#onFailure = onFailure;
	}

	protected override async *rounds({ input: question }: Assignment, context: SkillContext): Rounds<DebateResult> {
		const transcript: Turn[] = [];
		const missing: DebateResult["missing"] = [];
		for (let round = 1; ; round++) {
			yield* this.#takeTurns(question, round, transcript, missing);
			const last = round === this.#rounds;
			const asked: JudgeInput = { question, round, last, transcript };
			const judge = yield* oneTask(taskFor(this.#judge, asked));
			const { satisfied, verdict } = await readJudgement(judge, context);
			if (satisfied || last) return { verdict, satisfied, rounds: round, transcript, missing };
		}
	}

	/** One after the other, so that each answers the one before. */
	async *#takeTurns(question: Json, round: number, transcript: Turn[], missing: DebateResult["missing"]): Rounds<void> {
		const before = missing.length;
		for (const [i, [speaker, delegate]] of this.#debaters.entries()) {
			const asked: TurnInput = { question, speaker, round, transcript };
			const child = yield* oneTask(taskFor(delegate, asked));
			if (child.state === "completed") transcript.push({ round, speaker, said: child.output ?? null });
			else {
				const part = (round - 1) * this.#debaters.length + i;
				missing.push({ ...missingPart(part, child), round, speaker });
			}
			requireEnough(this.#onFailure, this.#debaters.length, missing.slice(before));
		}
	}
}

/** @throws E_DEPENDENCY_FAILED, E_OUTPUT_INVALID */
async function readJudgement(
	child: ChildResult,
	{ artifacts }: SkillContext,
): Promise<{ satisfied: boolean; verdict: Json }> {
	if (child.state !== "completed") {
		const why = child.error?.message ?? `it was ${child.state}`;
		throw new MusterError("E_DEPENDENCY_FAILED", `the judge gave no verdict; ${child.id}: ${why}`);
	}
	const parsed = judgement.safeParse(await readStored(child.output ?? null, artifacts));
	if (parsed.success) return { satisfied: parsed.data.satisfied, verdict: (parsed.data.verdict ?? null) as Json };
	throw new MusterError("E_OUTPUT_INVALID", `the judge ${child.id} returned no verdict: ${explain(parsed.error)}`, {
		hint: "A judge returns { satisfied: boolean, verdict: ... }.",
	});
}
