/** What a caller submits, checked and made into a task. Pure. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type Duration, toMs } from "../duration.ts";
import { MusterError } from "../errors.ts";
import { canonicalJson, copyJson, type Json, MAX_INPUT_BYTES } from "../json.ts";
import { explain } from "../schema.ts";
import { defaultRetry } from "./retry.ts";
import { type NewTask, type Priority, priorities, type RetryPolicy } from "./task.ts";

export interface RetrySpec {
	/** Attempts in all, the first one included; 1 means none after it. */
	maxAttempts?: number;
	/** Default 1s, 2, 30s, full; see `backoffMs`. */
	initial?: Duration;
	factor?: number;
	cap?: Duration;
	jitter?: "full" | "none";
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
	/** An attempt that shows no progress for this long ends. Default none. */
	idleTimeout?: Duration;
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
}

/** Most dependencies of one task, and most capabilities. */
const MAX_DEPENDENCIES = 10_000;
const MAX_CAPABILITIES = 32;

const duration = z.union([z.number(), z.string()]);
const time = z.union([z.number(), z.string()]);
const name = z
	.string()
	.max(64)
	.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "use letters, digits, dots, dashes, underscores and colons");

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
	group: z.string().max(128).optional(),
});

/** @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE; the message names the task when `where` is given */
export function toTask(spec: TaskSpec, id: string, now: number, where = ""): NewTask {
	const parsed = shape.safeParse(spec);
	if (!parsed.success) throw new MusterError("E_INPUT_INVALID", `${where}${explain(parsed.error)}`, { hint: HINT });
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
	if (given.deadline !== undefined) task.deadline = toTime(given.deadline, `${where}deadline`);
	if (given.runAt !== undefined) task.runAt = toTime(given.runAt, `${where}runAt`);
	if (given.delay !== undefined) task.runAt = Math.max(task.runAt ?? 0, now + toMs(given.delay, `${where}delay`));
	if (given.group !== undefined) task.group = given.group;
	if (given.idempotencyKey !== undefined) {
		task.idempotencyKey = given.idempotencyKey;
		task.fingerprint = fingerprint(given as TaskSpec, input);
	}
	return task;
}

const HINT =
	"A task has: type, input, priority, capabilities, dependsOn, retry, timeout, idleTimeout, deadline, runAt, delay, idempotencyKey, group.";

/** Its bytes as JSON. @throws E_INPUT_TOO_LARGE */
export function checkInputSize(input: Json, where: string): number {
	const bytes = Buffer.byteLength(JSON.stringify(input));
	if (bytes <= MAX_INPUT_BYTES) return bytes;
	throw new MusterError("E_INPUT_TOO_LARGE", `${where}input has ${bytes} bytes; ${MAX_INPUT_BYTES} are allowed`, {
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
