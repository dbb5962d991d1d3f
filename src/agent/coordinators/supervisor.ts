/** Looks at every result, and hands what failed or was rejected to the next candidate. */
import { z } from "zod";
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import type { ChildResult, SkillContext } from "../../skill/skill.ts";
import { type Delegate, taskFor } from "./delegate.ts";
import { type FailurePolicy, type MissingPart, requireEnough, requirePossible } from "./failure-policy.ts";
import { checkCount, readInput, readStored } from "./reading.ts";
import { type CoordinatorOptions, type Rounds, RoundsCoordinator } from "./rounds.ts";

const MAX_CANDIDATES = 100;
/** Together they stay within the 10,000 children that a task may have. */
const MAX_PARTS = 1_000;
const MAX_TRIES = 10;

/**
 * Why a result is not good enough; undefined accepts it. It is asked again at every look, so the same result must get the
 * same answer.
 */
export type ResultCheck = (output: Json, part: Json) => string | undefined | Promise<string | undefined>;

export interface SupervisorOptions extends CoordinatorOptions {
	/** Who may do a part, the preferred one first. */
	candidates: readonly Delegate[];
	/** Default: what completes is good. */
	check?: ResultCheck;
	/** How often a part is handed out, at most 10; beyond the last candidate the first one is next. Default: once to each. */
	maxTries?: number;
	/** About parts that nobody did well enough. Default `fail`. */
	onFailure?: FailurePolicy;
}

/** One try at a part: who, and what came of it. */
export type SupervisedTry = {
	id: string;
	type: string;
	verdict: "accepted" | "rejected" | "failed" | "cancelled" | "skipped";
	/** Why it was not accepted. */
	reason?: string;
};

export type SupervisedPart = {
	part: number;
	/** The result that was accepted, as its task returned it. */
	output?: Json;
	/** All tries in order; an accepted one is the last. */
	tries: SupervisedTry[];
};

export type SupervisorResult = {
	parts: SupervisedPart[];
	completed: number;
	missing: MissingPart[];
};

const inputSchema = z.strictObject({ parts: z.array(z.unknown()).min(1).max(MAX_PARTS) });

/** `{ parts: [...] }`, at most 1,000 -> {@link SupervisorResult}. A part that somebody cancelled is not handed on. */
export class SupervisorCoordinator extends RoundsCoordinator {
	readonly #options: Required<Pick<SupervisorOptions, "candidates" | "check" | "maxTries" | "onFailure">>;

	/** @throws E_CONFIG_INVALID */
	constructor({ candidates, check = () => undefined, maxTries, onFailure = "fail", ...options }: SupervisorOptions) {
		super(options);
		checkCount("candidates", candidates.length, 1, MAX_CANDIDATES);
		const bound = maxTries ?? Math.min(candidates.length, MAX_TRIES);
		checkCount("maxTries", bound, 1, MAX_TRIES);
		this.#options = { candidates: [...candidates], check, maxTries: bound, onFailure };
	}

	/** What a candidate gets. Override it to tell it what became of the tries before. */
	protected partInput(part: Json, _tries: readonly SupervisedTry[]): Json {
		return part;
	}

	protected override async *rounds(assignment: Assignment, context: SkillContext): Rounds<SupervisorResult> {
		const { candidates, maxTries, onFailure } = this.#options;
		const inputs = readInput(inputSchema, assignment).parts as Json[];
		requirePossible(onFailure, inputs.length, "E_INPUT_INVALID");
		const parts = inputs.map((_, part): SupervisedPart => ({ part, tries: [] }));
		let open = parts;
		for (let round = 0; round < maxTries && open.length > 0; round++) {
			const candidate = candidates[round % candidates.length] as Delegate;
			const inputOf = ({ part, tries }: SupervisedPart) => this.partInput(inputs[part] as Json, tries);
			const children = yield open.map((part) => taskFor(candidate, inputOf(part)));
			for (const [i, child] of children.entries()) {
				const supervised = open[i] as SupervisedPart;
				const done = await this.#look(child, inputs[supervised.part] as Json, context);
				supervised.tries.push(done);
				if (done.verdict === "accepted") supervised.output = child.output ?? null;
			}
			open = open.filter(({ tries }) => isOpen(tries));
		}
		const missing = parts.flatMap(missingOf);
		requireEnough(onFailure, parts.length, missing);
		return { parts, completed: parts.length - missing.length, missing };
	}

	async #look(child: ChildResult, part: Json, { artifacts }: SkillContext): Promise<SupervisedTry> {
		const { id, type, state, error } = child;
		if (state !== "completed") return { id, type, verdict: state, reason: error?.message ?? `it was ${state}` };
		const reason = await this.#options.check(await readStored(child.output ?? null, artifacts), part);
		return reason === undefined ? { id, type, verdict: "accepted" } : { id, type, verdict: "rejected", reason };
	}
}

function isOpen(tries: readonly SupervisedTry[]): boolean {
	const verdict = tries.at(-1)?.verdict;
	return verdict === "failed" || verdict === "rejected";
}

function missingOf({ part, tries }: SupervisedPart): MissingPart[] {
	const { id, type, verdict, reason = "" } = tries.at(-1) as SupervisedTry;
	return verdict === "accepted" ? [] : [{ part, id, type, state: verdict, reason }];
}
