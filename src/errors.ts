/**
 * The one error class and the one table of codes.
 *
 * A code is stable and crosses threads, the journal, HTTP and the command line, so nothing ever tests
 * with `instanceof` across those borders: compare `code`. Expected refusals that are part of normal
 * work (a stale token, for example) are return values, not errors.
 */

export interface ErrorKind {
	/** HTTP status. */
	status: number;
	/** Exit code of the command line. */
	exit: number;
	/** Whether the same call may succeed later without a change. */
	retryable: boolean;
	/** One sentence, the same for every error of this code. */
	title: string;
}

const kind = (status: number, exit: number, retryable: boolean, title: string): ErrorKind => ({
	status,
	exit,
	retryable,
	title,
});

export const errorTable = {
	E_USAGE: kind(400, 2, false, "The command or call was not understood"),
	E_INPUT_INVALID: kind(400, 2, false, "The input does not fit what was asked for"),
	E_INPUT_TOO_LARGE: kind(413, 2, false, "The input is larger than allowed"),
	E_CONFIG_INVALID: kind(400, 3, false, "The configuration is not valid"),
	E_WORKFLOW_INVALID: kind(400, 3, false, "The workflow definition is not valid"),
	E_WORKFLOW_UNKNOWN: kind(404, 4, false, "No workflow has this name"),
	E_TASK_UNKNOWN: kind(404, 4, false, "No task has this id"),
	E_RUN_UNKNOWN: kind(404, 4, false, "No run has this id"),
	E_SCHEDULE_UNKNOWN: kind(404, 4, false, "No schedule has this id"),
	E_APPROVAL_UNKNOWN: kind(404, 4, false, "Nobody asks for approval under this id"),
	E_AGENT_UNKNOWN: kind(404, 4, false, "No agent has this name"),
	E_ARTIFACT_UNKNOWN: kind(404, 4, false, "No artifact has this reference"),
	E_STREAM_UNKNOWN: kind(404, 4, false, "No stream has this name or keeps this subject"),
	E_CONSUMER_UNKNOWN: kind(404, 4, false, "The stream has no consumer of this name"),
	E_TOKEN_UNKNOWN: kind(404, 4, false, "No token has this name"),
	E_FILE_UNREADABLE: kind(400, 2, false, "A file or folder cannot be read"),
	E_DEPENDENCY_UNKNOWN: kind(400, 2, false, "A task depends on an id that does not exist"),
	E_DEPENDENCY_CYCLE: kind(400, 2, false, "The dependencies form a cycle"),
	E_DEPENDENCY_FAILED: kind(409, 1, false, "A task this one depends on did not complete"),
	E_IDEMPOTENCY_CONFLICT: kind(422, 5, false, "The idempotency key was used with another task"),
	E_CONFLICT: kind(409, 5, false, "The present state does not allow this"),
	E_QUEUE_FULL: kind(429, 1, true, "The queue holds as many tasks as it may"),
	E_BUS_FULL: kind(429, 1, true, "The bus holds as much as it may"),
	E_NO_RESPONDERS: kind(503, 6, true, "Nobody listens on this subject"),
	E_SERVICE_FAILED: kind(502, 1, true, "A service on the bus answered that it failed"),
	E_STARTING: kind(503, 6, true, "The orchestrator is still reading its data folder"),
	E_STOPPED: kind(503, 6, true, "The orchestrator is stopping or stopped"),
	E_UNREACHABLE: kind(503, 6, true, "No running server could be reached"),
	E_UNAUTHORIZED: kind(401, 7, false, "The token is missing or wrong"),
	E_FORBIDDEN: kind(403, 7, false, "The request's host or origin, or the role of its token, does not allow it"),
	E_RATE_LIMITED: kind(429, 7, true, "Too many wrong tokens came from this address"),
	E_WAIT_TIMEOUT: kind(504, 8, true, "The wait ended before the work did"),
	E_CANCELLED: kind(409, 9, false, "The work was cancelled"),
	E_TIMEOUT: kind(504, 1, true, "The attempt took longer than its timeout"),
	E_IDLE_TIMEOUT: kind(504, 1, true, "The attempt gave no sign of activity for its idle timeout"),
	E_STALLED: kind(504, 1, true, "The attempt's progress stood still"),
	E_DEADLINE: kind(504, 1, false, "The deadline passed"),
	E_AGENT_LOST: kind(500, 1, true, "The agent showed no life and its task was offered again"),
	E_CRASH_LOOP: kind(500, 1, false, "The process died too often while this task ran"),
	E_SKILL_FAILED: kind(500, 1, true, "The skill threw an error"),
	E_SKILL_THREAD: kind(500, 1, true, "The thread that ran the skill ended"),
	E_OUTPUT_INVALID: kind(500, 1, false, "The skill returned something that is not its declared output"),
	E_OUTPUT_TOO_LARGE: kind(500, 1, false, "An output is larger than allowed"),
	E_RULE_REFUSED: kind(403, 1, false, "A rule does not allow this effect"),
	E_EFFECT_FAILED: kind(502, 1, true, "An effect on the outside world failed"),
	E_EFFECT_AMBIGUOUS: kind(409, 1, false, "An earlier attempt may have done this effect; it is not repeated unasked"),
	E_FETCH_FAILED: kind(502, 1, true, "A web address could not be read"),
	E_EXPRESSION: kind(400, 1, false, "An expression could not be evaluated"),
	E_WAIT_EXPIRED: kind(504, 1, false, "What was waited for did not come in time"),
	E_DENIED: kind(403, 1, false, "A person denied it"),
	E_STEP_FAILED: kind(500, 1, false, "A step of the run failed"),
	E_RUN_MISFIT: kind(500, 70, false, "The run does not fit its definition"),
	E_DATA_FOLDER: kind(500, 6, false, "The data folder cannot be used"),
	E_DATA_FOLDER_LOCKED: kind(409, 5, true, "Another process owns the data folder"),
	E_DATA_FOLDER_NEWER: kind(409, 5, false, "The data folder was written by a newer version"),
	E_STORAGE_FULL: kind(507, 6, true, "The disk is full"),
	E_JOURNAL_CORRUPT: kind(500, 70, false, "The journal is damaged"),
	E_JOURNAL_TRUNCATED: kind(500, 70, false, "The journal ends before what was stored"),
	E_AUDIT_CORRUPT: kind(500, 70, false, "The audit is damaged"),
	E_JOURNAL_FAILED: kind(500, 70, false, "The journal could not be written"),
	E_SQLITE_VERSION: kind(500, 70, false, "The SQLite inside this Node is too old"),
	E_INTERNAL: kind(500, 70, false, "Something that should be impossible happened"),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

/** A delay that the failing side asked for is honoured up to this: a hostile value parks no task and no rate for ever. */
export const LONGEST_ASKED_DELAY_MS = 24 * 3_600_000;

/** An error as data: what the journal, HTTP and other threads carry. */
export interface ErrorData {
	code: ErrorCode;
	message: string;
	retryable: boolean;
	/** Milliseconds to wait before the next attempt, where the failing side said so; 0 to {@link LONGEST_ASKED_DELAY_MS}. */
	retryAfterMs?: number;
	/** What to do next, for a person. */
	hint?: string;
	/** Facts about this case (ids, paths, limits); JSON. */
	details?: Record<string, unknown>;
	cause?: { name?: string; message: string };
}

export interface ErrorOptions {
	hint?: string | undefined;
	details?: Record<string, unknown> | undefined;
	cause?: unknown;
	/** Overrides the code's own setting. */
	retryable?: boolean | undefined;
	retryAfterMs?: number | undefined;
}

export class MusterError extends Error {
	readonly code: ErrorCode;
	readonly retryable: boolean;
	readonly retryAfterMs: number | undefined;
	readonly hint: string | undefined;
	readonly details: Record<string, unknown> | undefined;

	constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = "MusterError";
		this.code = code;
		this.retryable = options.retryable ?? errorTable[code].retryable;
		this.retryAfterMs = options.retryAfterMs;
		this.hint = options.hint;
		this.details = options.details;
	}
}

/** Thrown by a skill: try again, if wanted after a delay of its own. */
export class RetryableError extends MusterError {
	constructor(message: string, options: { afterMs?: number; cause?: unknown } = {}) {
		super("E_SKILL_FAILED", message, { retryable: true, retryAfterMs: options.afterMs, cause: options.cause });
		this.name = "RetryableError";
	}
}

/** Thrown by a skill: no further attempt can help. */
export class TerminalError extends MusterError {
	constructor(message: string, options: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {}) {
		super("E_SKILL_FAILED", message, { ...options, retryable: false });
		this.name = "TerminalError";
	}
}

const isCode = (value: unknown): value is ErrorCode => typeof value === "string" && Object.hasOwn(errorTable, value);

/** True for a MusterError, also one from another realm or thread. */
export function hasCode(error: unknown, code?: ErrorCode): error is MusterError {
	const found = (error as { code?: unknown } | null | undefined)?.code;
	return code === undefined ? isCode(found) : found === code;
}

const MESSAGE_LIMIT = 4_000;

const clip = (text: string): string => (text.length > MESSAGE_LIMIT ? `${text.slice(0, MESSAGE_LIMIT)} ...` : text);

/**
 * What was thrown, as data. Anything that is not a MusterError becomes `fallback`. Never carries a stack, is bounded,
 * and never throws: skills throw what they like, also what cannot be read or is no JSON.
 */
export function toErrorData(thrown: unknown, fallback: ErrorCode = "E_SKILL_FAILED"): ErrorData {
	try {
		return readError(thrown, fallback);
	} catch {
		const { retryable } = errorTable[fallback];
		return { code: fallback, message: "threw something that cannot be read", retryable };
	}
}

function readError(thrown: unknown, fallback: ErrorCode): ErrorData {
	const error = thrown as Partial<MusterError> | null | undefined;
	const code = isCode(error?.code) ? error.code : fallback;
	const message =
		typeof error?.message === "string" && error.message !== "" ? error.message : `threw ${describe(thrown)}`;
	const data: ErrorData = {
		code,
		message: clip(message),
		retryable: typeof error?.retryable === "boolean" ? error.retryable : errorTable[code].retryable,
	};
	if (Number.isFinite(error?.retryAfterMs)) {
		data.retryAfterMs = Math.min(LONGEST_ASKED_DELAY_MS, Math.max(0, error?.retryAfterMs as number));
	}
	if (typeof error?.hint === "string") data.hint = clip(error.hint);
	const details = readDetails(error?.details);
	if (details !== undefined) data.details = details;
	const cause = error?.cause as { name?: unknown; message?: unknown } | undefined;
	if (typeof cause?.message === "string") {
		data.cause = {
			message: clip(cause.message),
			...(typeof cause.name === "string" ? { name: clip(cause.name) } : {}),
		};
	}
	return data;
}

const DETAILS_LIMIT = 32_000;

/** The details as plain JSON; what is too large or no JSON is left out, and that is said. */
function readDetails(details: unknown): Record<string, unknown> | undefined {
	if (typeof details !== "object" || details === null) return undefined;
	try {
		const text = JSON.stringify(details);
		if (text.length <= DETAILS_LIMIT) return JSON.parse(text) as Record<string, unknown>;
		return { leftOut: `details of ${text.length} characters` };
	} catch (error) {
		return { leftOut: `details that are no JSON: ${clip(String((error as Error).message))}` };
	}
}

/** The way back from {@link toErrorData}. */
export function fromErrorData(data: ErrorData): MusterError {
	const { code, message, ...options } = data;
	return new MusterError(isCode(code) ? code : "E_INTERNAL", message, options);
}

function describe(value: unknown): string {
	if (value === null || value === undefined) return String(value);
	return typeof value === "string" ? JSON.stringify(clip(value)) : `a ${typeof value} without a message`;
}
