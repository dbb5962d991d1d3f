/** What a caller submits, checked and made into a task. Pure. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type Duration, toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import { canonicalJson, copyJson, type Json, lengthWithin, MAX_INPUT_BYTES } from "../json.ts";
import { explain } from "../schema.ts";
import { isOwnKey, OWN_KEYS } from "./own-keys.ts";
import { defaultRetry } from "./retry.ts";
import {
	type ConcurrencyLimit,
	type NewTask,
	type Priority,
	priorities,
	type RateLimit,
	type RetryPolicy,
} from "./task.ts";

export interface RetrySpec {
	/** Attempts in all, the first one included; 1 means none after it. */
	maxAttempts?: number;
	/** Default 1s, 2, 30s, full; see `backoffMs`. */
	initial?: Duration;
	factor?: number;
	cap?: Duration;
	jitter?: "full" | "none";
}

/** Tasks with the same key share a limit of how many of them run at the same time. */
export interface ConcurrencySpec {
	/** Any text without control characters, at most 128, that does not begin with `@muster:`. */
	key: string;
	/** Default 1. Each task goes by its own. */
	limit?: number;
	/**
	 * What happens beyond the limit. Default `queue`: the task waits for its turn. `reject`: a submit is refused while so many
	 * of the key are live (E_CONFLICT). `cancel-previous`: the oldest live ones are cancelled, so that the newest win.
	 */
	policy?: ConcurrencyLimit["policy"];
}

/** Tasks with the same key share a rate of starts: at most `limit` in `per`, evenly paced, the first of a new key at once. */
export interface RateSpec {
	/** Any text without control characters, at most 128. */
	key: string;
	limit: number;
	/** For example "1m". */
	per: Duration;
	/** How many may start at once after a quiet time. Default 1. */
	burst?: number;
}

/** A task as a caller writes it. Everything but `type` may be left out. */
export interface TaskSpec {
	/** The skill that does it, for example `research`. */
	type: string;
	/** JSON, at most 1 MiB. Default null. */
	input?: unknown;
	/** Default normal. */
	priority?: Priority;
	/** Capabilities the agent must have besides the type. */
	capabilities?: string[];
	/** Ids of tasks that must complete first; in `submitMany` also `#0`, `#1` ... for a task of the same batch. */
	dependsOn?: string[];
	/** Default: 3 attempts. `false`: one attempt. */
	retry?: RetrySpec | false;
	/** Hard limit of one attempt. Default none. */
	timeout?: Duration;
	/** An attempt whose skill calls nothing of its context for this long ends. Default none. */
	idleTimeout?: Duration;
	/**
	 * An attempt whose reported progress stands still for this long is warned of at half the time, then ended and offered
	 * again; when that does not help, the task fails (E_STALLED). Default none.
	 */
	stallTimeout?: Duration;
	/** After this time (RFC 3339, or milliseconds since 1970) the task fails. */
	deadline?: string | number;
	/** Not before this time. */
	runAt?: string | number;
	/** Not before this long from now. */
	delay?: Duration;
	/** The same key again gives the first task's id; with another content it is refused. At most 256 characters. */
	idempotencyKey?: string;
	/** Free text for people, at most 128 characters. */
	group?: string;
	/** A text is the key alone. */
	concurrency?: string | ConcurrencySpec;
	rate?: RateSpec;
	/** While a task of this type and key has not begun, a submit gives that task's id, whose input stays: one pending wake for a key. */
	coalesce?: string;
}

/** Most dependencies of one task, and most capabilities. */
const MAX_DEPENDENCIES = 10_000;
const MAX_CAPABILITIES = 32;
/** Most tasks of one concurrency key at the same time, and most starts of one rate key in its time. */
const MAX_LIMIT = 1_000_000;

const duration = z.union([z.number(), z.string()]);
const time = z.union([z.number(), z.string()]);
const name = z
	.string()
	.max(64)
	.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "use letters, digits, dots, dashes, underscores and colons");

/** Of a limit, a rate or a wake-up. */
const key = z
	.string()
	.min(1)
	.max(128)
	.regex(/^\P{Cc}+$/u, "use no control characters");
const concurrencyKey = key.refine((text) => !isOwnKey(text), `keys that begin with ${OWN_KEYS} are Muster's own`);

const shape = z.strictObject({
	type: name,
	input: z.unknown().optional(),
	priority: z.enum(priorities).optional(),
	capabilities: z.array(name).max(MAX_CAPABILITIES).optional(),
	dependsOn: z.array(z.string().min(1).max(256)).max(MAX_DEPENDENCIES).optional(),
	retry: z
		.union([
			z.literal(false),
			z.strictObject({
				maxAttempts: z.int().min(1).max(1_000).optional(),
				initial: duration.optional(),
				factor: z.number().min(1).max(100).optional(),
				cap: duration.optional(),
				jitter: z.enum(["full", "none"]).optional(),
			}),
		])
		.optional(),
	timeout: duration.optional(),
	idleTimeout: duration.optional(),
	deadline: time.optional(),
	runAt: time.optional(),
	delay: duration.optional(),
	idempotencyKey: z.string().min(1).max(256).optional(),
	stallTimeout: duration.optional(),
	concurrency: z
		.union([
			concurrencyKey,
			z.strictObject({
				key: concurrencyKey,
				limit: z.int().min(1).max(MAX_LIMIT).optional(),
				policy: z.enum(["queue", "cancel-previous", "reject"]).optional(),
			}),
		])
		.optional(),
	rate: z
		.strictObject({
			key,
			limit: z.int().min(1).max(MAX_LIMIT),
			per: duration,
			burst: z.int().min(1).max(MAX_LIMIT).optional(),
		})
		.optional(),
	coalesce: key.optional(),
	group: z.string().max(128).optional(),
});

/** @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE; the message names the task when `where` is given */
export function toTask(spec: TaskSpec, id: string, now: number, where = ""): NewTask {
	const parsed = shape.safeParse(spec);
	if (!parsed.success)
		throw new MusterError("E_INPUT_INVALID", `${where}${explain(parsed.error, shape, spec)}`, { hint: HINT });
	const given = parsed.data;
	const input = copyJson(given.input ?? null, `${where}input`, "E_INPUT_INVALID");
	const task: { -readonly [K in keyof NewTask]: NewTask[K] } = {
		id,
		type: given.type,
		input,
		priority: given.priority ?? "normal",
		submittedAt: now,
	};
	if (given.capabilities?.length) task.capabilities = [...new Set(given.capabilities)];
	if (given.dependsOn?.length) task.dependsOn = [...new Set(given.dependsOn)];
	if (given.retry === false) task.retry = null;
	else if (given.retry !== undefined) task.retry = toRetryPolicy(given.retry as RetrySpec, where);
	if (given.timeout !== undefined) task.timeoutMs = atLeastOne(toMs(given.timeout, `${where}timeout`));
	if (given.idleTimeout !== undefined) task.idleTimeoutMs = atLeastOne(toMs(given.idleTimeout, `${where}idleTimeout`));
	if (given.stallTimeout !== undefined)
		task.stallTimeoutMs = atLeastOne(toMs(given.stallTimeout, `${where}stallTimeout`));
	if (given.deadline !== undefined) task.deadline = toTime(given.deadline, `${where}deadline`);
	if (given.runAt !== undefined) task.runAt = toTime(given.runAt, `${where}runAt`);
	if (given.delay !== undefined) task.runAt = Math.max(task.runAt ?? 0, now + toMs(given.delay, `${where}delay`));
	if (given.group !== undefined) task.group = given.group;
	if (given.concurrency !== undefined)
		task.concurrency = toConcurrencyLimit(given.concurrency as string | ConcurrencySpec);
	if (given.rate !== undefined) task.rate = toRateLimit(given.rate as RateSpec, where);
	if (given.coalesce !== undefined) task.coalesceKey = given.coalesce;
	if (given.coalesce !== undefined && given.idempotencyKey !== undefined) {
		throw new MusterError("E_INPUT_INVALID", `${where}a task has a coalesce key or an idempotencyKey, not both`, {
			hint: "coalesce: at most one that has not begun. idempotencyKey: one for ever.",
		});
	}
	if (given.idempotencyKey !== undefined) {
		task.idempotencyKey = given.idempotencyKey;
		task.fingerprint = fingerprint(given as TaskSpec, input);
	}
	return task;
}

const HINT =
	"A task has: type, input, priority, capabilities, dependsOn, retry, timeout, idleTimeout, deadline, runAt, delay, idempotencyKey, group, concurrency, rate, coalesce, stallTimeout.";

/** Its bytes as JSON. @throws E_INPUT_TOO_LARGE */
export function checkInputSize(input: Json, where: string): number {
	// What is out of all proportion is not even written down.
	const isFar = lengthWithin(input, MAX_INPUT_BYTES) > MAX_INPUT_BYTES;
	const bytes = isFar ? Number.POSITIVE_INFINITY : Buffer.byteLength(JSON.stringify(input));
	if (bytes <= MAX_INPUT_BYTES) return bytes;
	const has = isFar ? `more than ${MAX_INPUT_BYTES} bytes` : `${bytes} bytes`;
	throw new MusterError("E_INPUT_TOO_LARGE", `${where}input has ${has}; ${MAX_INPUT_BYTES} are allowed`, {
		hint: "Put large data into a file or an artifact and pass its path or reference.",
	});
}

function toRetryPolicy(retry: RetrySpec, where: string): RetryPolicy {
	return {
		maxAttempts: retry.maxAttempts ?? defaultRetry.maxAttempts,
		initialMs: retry.initial === undefined ? defaultRetry.initialMs : toMs(retry.initial, `${where}retry.initial`),
		factor: retry.factor ?? defaultRetry.factor,
		capMs: retry.cap === undefined ? defaultRetry.capMs : toMs(retry.cap, `${where}retry.cap`),
		jitter: retry.jitter ?? defaultRetry.jitter,
	};
}

function toConcurrencyLimit(spec: string | ConcurrencySpec): ConcurrencyLimit {
	const { key, limit = 1, policy = "queue" } = typeof spec === "string" ? { key: spec } : spec;
	return { key, limit, policy };
}

function toRateLimit({ key, limit, per, burst }: RateSpec, where: string): RateLimit {
	return { key, limit, perMs: atLeastOne(toMs(per, `${where}rate.per`)), ...(burst !== undefined && { burst }) };
}

/** The last time that a Date can hold, less the longest delay. */
const LATEST_TIME = 8.64e15 - 10 * 366 * 86_400_000;

const atLeastOne = (ms: number): number => Math.max(1, ms);

function toTime(value: string | number, what: string): number {
	const ms = typeof value === "number" ? value : /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
	if (Number.isSafeInteger(ms) && ms >= 0 && ms <= LATEST_TIME) return ms;
	throw new MusterError("E_INPUT_INVALID", `${what} is ${JSON.stringify(value)}, which is not a time`, {
		hint: "Write RFC 3339, for example 2026-12-01T07:00:00Z, or milliseconds since 1970.",
	});
}

/** Equal for equal submits: what a second use of an idempotency key is compared with. */
function fingerprint(spec: TaskSpec, input: Json): string {
	const { idempotencyKey: _, ...rest } = spec;
	return createHash("sha256")
		.update(canonicalJson(copyJson({ ...rest, input }, "task", "E_INPUT_INVALID")))
		.digest("hex")
		.slice(0, 32);
}
