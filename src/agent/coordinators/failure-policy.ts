/** What becomes of the whole when parts of it do not complete. Whatever is decided, the result names what is missing. */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { ChildResult } from "../../skill/skill.ts";

/**
 * - `fail`: every part is needed
 * - `continue`: no part is needed
 * - `best-effort`: at least one part is needed
 * - `{ quorum: n }`: at least n parts are needed
 */
export type FailurePolicy = "fail" | "continue" | "best-effort" | { quorum: number };

/** For a policy that comes with a task's input. */
export const failurePolicySchema: z.ZodType<FailurePolicy> = z.union(
	[z.enum(["fail", "continue", "best-effort"]), z.strictObject({ quorum: z.int().min(1) })],
	{ error: 'use "fail", "continue", "best-effort" or { "quorum": n }' },
);

/** A part whose result is not there, and why. */
export type MissingPart = {
	/** Its place among the parts, from 0. */
	part: number;
	/** The task that was the last to be asked for it. */
	id: string;
	type: string;
	/** `rejected`: it completed with something that was not accepted. */
	state: "failed" | "cancelled" | "skipped" | "rejected";
	reason: string;
};

/** Most missing parts that an error names, and most characters of each reason; a result names all. */
const MAX_NAMED = 20;
const MAX_REASON = 500;

/** A child that brings nothing: it did not complete, or what it brought was rejected for the given reason. */
export function missingPart(part: number, { id, type, state, error }: ChildResult, rejected?: string): MissingPart {
	const reason = rejected ?? error?.message ?? `it was ${state}`;
	return { part, id, type, state: state === "completed" ? "rejected" : state, reason };
}

/** Of children that are one part each, those that did not complete. */
export function missingParts(children: readonly ChildResult[]): MissingPart[] {
	return children.flatMap((child, i) => (child.state === "completed" ? [] : [missingPart(i, child)]));
}

/**
 * Refuses a quorum that so many parts cannot reach, before any of them runs.
 * @throws the given code, which says whose mistake it is: that of the input or of the options
 */
export function requirePossible(
	policy: FailurePolicy,
	total: number,
	code: "E_INPUT_INVALID" | "E_CONFIG_INVALID",
): void {
	const needed = neededOf(policy, total);
	if (needed <= total) return;
	throw new MusterError(code, `a quorum of ${needed} cannot be reached by ${total} parts`);
}

/** Call it as soon as parts are known to be missing: what can no longer succeed need not go on. @throws E_DEPENDENCY_FAILED */
export function requireEnough(policy: FailurePolicy, total: number, missing: readonly MissingPart[]): void {
	const needed = neededOf(policy, total);
	const [first] = missing;
	if (first === undefined || total - missing.length >= needed) return;
	throw new MusterError(
		"E_DEPENDENCY_FAILED",
		`${missing.length} of ${total} parts did not complete; ${first.id}: ${first.reason}`,
		{ details: { parts: total, needed, missing: namedInError(missing) } },
	);
}

/** As many of them as the details of an error can hold. */
export function namedInError(missing: readonly MissingPart[]): MissingPart[] {
	return missing.slice(0, MAX_NAMED).map((part) => ({ ...part, reason: part.reason.slice(0, MAX_REASON) }));
}

function neededOf(policy: FailurePolicy, total: number): number {
	if (policy === "fail") return total;
	if (policy === "continue") return 0;
	return policy === "best-effort" ? Math.min(1, total) : policy.quorum;
}
