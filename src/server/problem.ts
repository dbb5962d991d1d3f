/** Errors as RFC 9457 problems. Nothing of the inside goes out: an unknown error becomes one sentence, the log has it. */
import { type ErrorData, errorTable, hasCode, MusterError, toErrorData } from "../errors.ts";

/** The body of every answer that is not a success; `application/problem+json`. */
export interface Problem {
	type: string;
	title: string;
	status: number;
	detail: string;
	code: ErrorData["code"];
	retryable: boolean;
	hint?: string;
	details?: Record<string, unknown>;
}

export interface ProblemOptions {
	/** Where HTTP has a better status than the code's own. */
	status?: number;
	headers?: Record<string, string>;
}

export function problemResponse(thrown: unknown, { status, headers = {} }: ProblemOptions = {}): Response {
	const error = toErrorData(hasCode(thrown) ? thrown : hidden(), "E_INTERNAL");
	const kind = errorTable[error.code];
	const problem: Problem = {
		type: `urn:muster:error:${error.code}`,
		title: kind.title,
		status: status ?? kind.status,
		detail: error.message,
		code: error.code,
		retryable: error.retryable,
		...(error.hint !== undefined && { hint: error.hint }),
		...(error.details !== undefined && { details: error.details }),
	};
	const wait = error.retryAfterMs ?? (problem.status === 503 || problem.status === 429 ? 1_000 : undefined);
	return new Response(JSON.stringify(problem), {
		status: problem.status,
		headers: {
			"content-type": "application/problem+json",
			...(wait !== undefined && { "retry-after": String(Math.ceil(wait / 1_000)) }),
			...headers,
		},
	});
}

const hidden = (): MusterError =>
	new MusterError("E_INTERNAL", "something went wrong inside the server", {
		hint: "Its log is muster.log in the data folder.",
	});
