/**
 * The effect ledger: `intended` is durable before the effect, its result after it. See `Effect` in `skill/skill.ts` for
 * what a later attempt does with each state it may find.
 */
import type { Clock } from "../clock.ts";
import { hasCode, MusterError, toErrorData } from "../errors.ts";
import { copyJson, type Json } from "../json.ts";
import type { Effect } from "../skill/skill.ts";
import type { Attempt } from "./attempt.ts";
import type { Emit, Ledger } from "./ledger.ts";

const MAX_EFFECTS = 10_000;
const MAX_KEY = 512;
const MAX_RESULT_LENGTH = 256 * 1024;

/** Keys are members of an object in the journal: not those that every object has. */
const isKey = (key: unknown): boolean =>
	typeof key === "string" && key.length > 0 && key.length <= MAX_KEY && !(key in Object.prototype);

/** One effect of an attempt at a time: a second call with the same key gets the first one's result. */
export function runEffect<Result extends Json>(
	ledger: Ledger,
	clock: Clock,
	attempt: Attempt,
	effect: Effect<Result>,
): Promise<Result> {
	const underWay = attempt.effects.get(effect.key) as Promise<Result> | undefined;
	if (underWay !== undefined) return underWay;
	const begun = perform(ledger, clock, attempt, effect).finally(() => attempt.effects.delete(effect.key));
	attempt.effects.set(effect.key, begun);
	return begun;
}

async function perform<Result extends Json>(
	ledger: Ledger,
	clock: Clock,
	attempt: Attempt,
	effect: Effect<Result>,
): Promise<Result> {
	const { task } = attempt;
	/** Deterministic over attempts and crashes: what systems that take a key are given. */
	const key = `${task.effectsOf ?? task.id}/${effect.key}`;
	const record = (write: (emit: Emit) => void): Promise<void> => {
		mayRecord(attempt);
		return ledger.transact(write);
	};
	const done = async (result: Result): Promise<Result> => {
		const stored = copyJson(result, `the result of effect ${effect.key}`, "E_OUTPUT_INVALID") as Result;
		if (JSON.stringify(stored).length > MAX_RESULT_LENGTH) {
			throw new MusterError("E_OUTPUT_INVALID", `the result of effect ${effect.key} is too large to be kept`, {
				hint: `Return at most ${MAX_RESULT_LENGTH} characters of JSON; store more as an artifact.`,
			});
		}
		await record((emit) =>
			emit({ type: "effect.done", at: clock.now(), id: task.id, key: effect.key, result: stored }),
		);
		return stored;
	};

	mayAct(attempt);
	if (!isKey(effect.key)) {
		throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(effect.key)} cannot be the key of an effect`, {
			hint: `Use a text of 1 to ${MAX_KEY} characters that is the same in every attempt.`,
		});
	}
	const known = task.effects?.[effect.key];
	if (known?.state === "done") return known.result as Result;
	if (known === undefined && Object.keys(task.effects ?? {}).length >= MAX_EFFECTS) {
		throw new MusterError("E_INPUT_INVALID", `a task may have ${MAX_EFFECTS} effects`, { hint: "Split the task." });
	}
	if (known !== undefined && known.state !== "failed") {
		// An earlier attempt began it. Ask the world before anything is done again.
		const found = await effect.verify?.(key);
		if (found !== undefined) return done(found);
		if (effect.verify === undefined && effect.idempotent !== true) {
			await record((emit) => emit({ type: "effect.ambiguous", at: clock.now(), id: task.id, key: effect.key }));
			throw new MusterError("E_EFFECT_AMBIGUOUS", `an earlier attempt may have done this: ${effect.describe}`, {
				hint: "Look whether it happened; submit a new task if it did not.",
				details: { effect: effect.key },
			});
		}
	}
	const { describe } = effect;
	await record((emit) => emit({ type: "effect.intended", at: clock.now(), id: task.id, key: effect.key, describe }));
	mayAct(attempt); // a cancel may have come while it was stored
	let result: Result;
	try {
		result = await effect.run(key);
	} catch (thrown) {
		// Only this code says that it certainly did not happen. After anything else `intended` stays, and the next attempt
		// asks the world.
		if (hasCode(thrown, "E_EFFECT_FAILED") && !attempt.closed) {
			const error = toErrorData(thrown);
			await record((emit) => emit({ type: "effect.failed", at: clock.now(), id: task.id, key: effect.key, error }));
		}
		throw thrown;
	}
	return done(result);
}

/** After its end an attempt records nothing. */
function mayRecord(attempt: Attempt): void {
	if (attempt.closed) throw new MusterError("E_CANCELLED", "this attempt has ended; its effects are refused");
}

/** After its abort it begins nothing either. */
function mayAct(attempt: Attempt): void {
	mayRecord(attempt);
	attempt.signal.throwIfAborted();
}
