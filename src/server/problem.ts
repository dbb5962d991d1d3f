/** Errors as RFC 9457 problems. Nothing of the inside goes out: an unknown error becomes one sentence, the log has it. */
import {
	type ErrorCode,
	type ErrorData,
	type ErrorOptions,
	errorTable,
	hasCode,
	MusterError,
	toErrorData,
} from "../errors.ts";

/** The body of every answer that is not a success; `application/problem+json`. */
export interface Problem {
	type: string;
	title: string;
	status: number;
	detail: string;
	/** The path that was asked for. */
	instance?: string;
	code: ErrorData["code"];
	retryable: boolean;
	hint?: string;
	details?: Record<string, unknown>;
	/** What does not fit the schema of the request, place by place. */
	errors?: Misfit[];
}

export interface Misfit {
	/** A JSON pointer into the body, or `query/limit` and so on. */
	pointer: string;
	message: string;
}

/** An error where HTTP has a better status than the code's own. */
export class Refused extends MusterError {
	readonly status: number;
	readonly errors: Misfit[] | undefined;

	constructor(status: number, code: ErrorCode, message: string, options: ErrorOptions & { errors?: Misfit[] } = {}) {
		super(code, message, options);
		this.name = "Refused";
		this.status = status;
		this.errors = options.errors;
	}
}

export interface ProblemOptions {
	status?: number;
	instance?: string;
	headers?: Record<string, string>;
}

export function problemResponse(thrown: unknown, { status, instance, headers = {} }: ProblemOptions = {}): Response {
	const error = toErrorData(hasCode(thrown) ? thrown : hidden(), "E_INTERNAL");
	const { status: own, errors } = thrown instanceof Refused ? thrown : {};
	const kind = errorTable[error.code];
	const problem: Problem = {
		type: `urn:muster:error:${error.code}`,
		title: kind.title,
		status: status ?? own ?? kind.status,
		detail: error.message,
		...(instance !== undefined && { instance: instance.slice(0, MAX_INSTANCE) }),
		code: error.code,
		retryable: error.retryable,
		...(error.hint !== undefined && { hint: error.hint }),
		...(error.details !== undefined && { details: error.details }),
		...(errors !== undefined && { errors }),
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

const MAX_INSTANCE = 500;

const hidden = (): MusterError =>
	new MusterError("E_INTERNAL", "something went wrong inside the server", {
		hint: "Its log is muster.log in the data folder.",
	});
