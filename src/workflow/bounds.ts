/** How much a run may make, and how much of it at a time. Pure. */
import { MusterError } from "../errors.ts";
import { type Json, lengthWithin } from "../json.ts";

/** Bytes of the inputs of all that a run begins between two rests: they go into the journal at once. */
export const MAX_STEP_INPUT_BYTES = 64 * 1024 * 1024;
/** Longest output of a group, a round or a run, and of what a person is asked, in characters of JSON. */
export const MAX_OUTPUT = 4 * 1024 * 1024;
/** The same of all groups, rounds and inner runs of one run, and of all that it asks: its record is read as a whole at a start. */
export const MAX_MADE = 64 * 1024 * 1024;

/** How much one answer of `decide` does: commands, and work of expressions. */
export interface WaveLimits {
	commands: number;
	work: number;
}

export const waveLimits: WaveLimits = { commands: 1_000, work: 300_000 };

/** Work of the expressions of one step of a main list and of all inside of it, in one process: some ten seconds. */
export const MAX_STEP_WORK = 100_000_000;

/** How much all runs together do in one turn of the event loop; what one answer of `decide` holds may come on top. */
export const MAX_TURN_EVENTS = 2_000;
export const MAX_TURN_WORK = 300_000;
export const MAX_TURN_LENGTH = 16 * 1024 * 1024;

/** Runs inside of an outermost run, at any depth: at the same time, in all, and the length of the inputs of all of them. */
export const MAX_INNER_LIVE = 10_000;
export const MAX_INNER_RUNS = 100_000;
export const MAX_INNER_INPUTS = 256 * 1024 * 1024;

/**
 * Of a value that is to be kept with a run that has made so much already.
 *
 * @returns its length @throws E_OUTPUT_TOO_LARGE
 */
export function checkOutput(what: string, value: Json, made = 0): number {
	const length = lengthWithin(value, MAX_OUTPUT);
	if (length > MAX_OUTPUT) {
		throw tooLarge(`${what}: more than ${MAX_OUTPUT} characters of JSON, or nested too deep`);
	}
	if (made + length <= MAX_MADE) return length;
	throw tooLarge(
		`${what}: what a run asks, and what its groups, rounds and inner runs give, may have ${MAX_MADE} together`,
	);
}

const tooLarge = (message: string): MusterError =>
	new MusterError("E_OUTPUT_TOO_LARGE", message, {
		hint: "Give less: write an output that names what is read further on, and store what is large as an artifact.",
	});
