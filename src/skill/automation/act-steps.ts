/** What `act` can do: the shape of each action, and how one becomes an effect that survives a crash. */
import { z } from "zod";
import { MusterError, toErrorData } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Effect, SkillContext } from "../skill.ts";
import { fetchBounded } from "../web.ts";
import { appendOnce, hasContent, LineFinder, writeWhole } from "./act-files.ts";
import type { Guard } from "./act-policy.ts";
import { runCommand } from "./command.ts";
import { json } from "./monitor-output.ts";

/** Kept of what a program or a server says. */
const RESULT_BYTES = 4_000;

const key = z
	.string()
	.regex(/^[\w.:@/+-]{1,200}$/, "use letters, digits and . : @ / + - _")
	.optional()
	.describe(
		"Names the effect for ever: a line or request with the same key is the same one, in whichever task. Default: task and index.",
	);
export const path = z.string().min(1).max(4_096);
const line = z
	.string()
	.max(64_000)
	.regex(/^[^\r\n\0]*$/, "is more than one line");

const repeatable = z.boolean().default(false).describe("Doing it twice does no harm.");

export const action = z.discriminatedUnion("kind", [
	z.strictObject({
		kind: z.literal("write-file"),
		path: path.describe("Where, below one of `allow.folders` or the outbox of the data folder."),
		content: z.string().describe("What it holds."),
		overwrite: z.boolean().default(false).describe("Replace what another task wrote there."),
		key,
	}),
	z.strictObject({
		kind: z.literal("append-line"),
		path: path.describe("Where, below one of `allow.folders` or the outbox of the data folder."),
		line: line.describe("One line, without its end."),
		key,
	}),
	z.strictObject({
		kind: z.literal("command"),
		argv: z
			.array(z.string().max(32_000))
			.min(1)
			.max(1_000)
			.describe("The program and its arguments, as `allow.commands` lets them."),
		repeatable,
		key,
	}),
	z.strictObject({
		kind: z.literal("webhook"),
		url: z.string().describe("Address that gets a POST; its origin is one of `allow.webhooks`."),
		body: json.describe("JSON that is sent."),
		repeatable,
		key,
	}),
]);

export type Action = z.infer<typeof action>;

export const keyOf = (action: Action, index: number): string => action.key ?? String(index);

/** One action, checked and ready: what it touches, and how. */
export interface Step {
	kind: Action["kind"];
	target: string;
	key: string;
	effect: Effect<Json>;
	/** What the recorded result says went wrong, if anything. */
	failure?(result: Json): string | undefined;
}

export const failed = (
	target: string,
	key: string,
	problem: string,
	options: { retryable: boolean; retryAfterMs?: number | undefined; cause?: unknown },
): MusterError => new MusterError("E_EFFECT_FAILED", `${target} ${problem}`, { ...options, details: { key } });

export async function planned(
	each: Action,
	index: number,
	guard: Guard,
	context: SkillContext,
	finders: Map<string, LineFinder>,
): Promise<Step> {
	const key = keyOf(each, index);
	const ledgerKey = `act/${key}`;
	const mark = each.key ?? `${context.task.id}/${index}`;
	switch (each.kind) {
		case "write-file": {
			const target = await guard.target(each.path);
			const result = { bytes: Buffer.byteLength(each.content) };
			const owner = `${context.task.id}/${key}`;
			const effect: Effect<Json> = {
				key: ledgerKey,
				describe: `write ${each.path}`,
				run: () => writeWhole(target, each.content, { overwrite: each.overwrite, owner }).then(() => result),
				verify: async () => ((await hasContent(target, each.content, owner)) ? result : undefined),
			};
			return { kind: each.kind, target: target.path, key, effect };
		}
		case "append-line": {
			const target = await guard.target(each.path);
			const marked = markLine(each.line, mark);
			const finder = finders.get(target.path) ?? new LineFinder();
			finders.set(target.path, finder);
			finder.want(marked.ending);
			const result = { bytes: Buffer.byteLength(marked.line) + 1 };
			const effect: Effect<Json> = {
				key: ledgerKey,
				describe: `append to ${each.path}`,
				run: () => appendOnce(target, marked.line).then(() => result),
				verify: async () => ((await finder.has(target, marked.ending)) ? result : undefined),
			};
			return { kind: each.kind, target: target.path, key, effect };
		}
		case "command":
			return commandStep(each, key, await guard.command(each.argv), context.signal);
		case "webhook":
			return webhookStep(each, key, mark, guard, context.signal);
	}
}

/** The line with its key, and the end by which it is known again: a member `key` in a JSON object, else two spaces and `[key]`. */
export function markLine(line: string, mark: string): { line: string; ending: string } {
	const object = line.trim();
	if (isJsonObject(object)) {
		const ending = `"key":${JSON.stringify(mark)}}`;
		const body = object.slice(0, -1).trimEnd(); // by text, as parsing would change large numbers
		return { line: `${body}${body === "{" ? "" : ","}${ending}`, ending };
	}
	const ending = `  [${mark}]`;
	return { line: `${line}${ending}`, ending };
}

function isJsonObject(text: string): boolean {
	if (!text.startsWith("{")) return false;
	try {
		const value: unknown = JSON.parse(text);
		if (!Object.hasOwn(value as object, "key")) return true;
	} catch {
		return false;
	}
	throw new MusterError("E_INPUT_INVALID", 'a line to append has a member "key" of its own', {
		hint: "Rename the member: act adds one of this name.",
	});
}

const commandResult = z.object({ exitCode: z.number().nullable(), stopped: z.string().nullable(), stderr: z.string() });

function commandStep(
	each: Action & { kind: "command" },
	key: string,
	argv: readonly string[],
	signal: AbortSignal,
): Step {
	const target = each.argv.map((part) => (/^[\w./:=@+-]+$/.test(part) ? part : JSON.stringify(part))).join(" ");
	const failure = (result: Json): string | undefined => {
		const { exitCode, stopped, stderr } = commandResult.parse(result);
		if (stopped !== null) return `was stopped (${stopped})`;
		return exitCode === 0 ? undefined : `ended with exit code ${exitCode}: ${stderr.slice(0, 500)}`;
	};
	const effect: Effect<Json> = {
		key: `act/${key}`,
		describe: `run ${target}`,
		idempotent: each.repeatable,
		async run() {
			const result = { ...(await runCommand(argv, { signal, maxBytes: RESULT_BYTES })) };
			const problem = failure(result);
			// What may be done twice is not recorded when it failed, so that the next attempt does it again.
			if (problem !== undefined && each.repeatable) throw failed(target, key, problem, { retryable: true });
			return result;
		},
	};
	return { kind: "command", target, key, effect, failure };
}

function webhookStep(
	each: Action & { kind: "webhook" },
	key: string,
	mark: string,
	guard: Guard,
	signal: AbortSignal,
): Step {
	const url = guard.webhook(each.url);
	const target = `${url.origin}${url.pathname}`; // a query may hold a secret
	const isText = typeof each.body === "string";
	const body = isText ? String(each.body) : JSON.stringify(each.body);
	const headers = {
		"idempotency-key": mark,
		"content-type": isText ? "text/plain; charset=utf-8" : "application/json",
	};
	const effect: Effect<Json> = {
		key: `act/${key}`,
		describe: `post to ${target}`,
		idempotent: each.repeatable,
		async run() {
			try {
				const answer = await fetchBounded(url.href, { signal, method: "POST", headers, body, maxBytes: 1024 * 1024 });
				return { status: answer.status, body: new TextDecoder().decode(answer.bytes.subarray(0, RESULT_BYTES)) };
			} catch (error) {
				signal.throwIfAborted();
				throw notPosted(error, target, key, each.repeatable);
			}
		},
	};
	return { kind: "webhook", target, key, effect };
}

/** Nothing was sent: there was nobody to send it to. */
const NOT_CONNECTED = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

/** E_EFFECT_FAILED tells the ledger that it certainly was not done; after silence or a 5xx nobody knows. */
function notPosted(error: unknown, target: string, key: string, repeatable: boolean): MusterError {
	const { message, retryable, retryAfterMs, details } = toErrorData(error);
	const status = Number(details?.status ?? 0);
	const connected = !NOT_CONNECTED.includes(String((error as { cause?: { code?: string } }).cause?.code));
	if ((status >= 400 && status < 500) || !connected)
		return failed(target, key, `was not posted to: ${message}`, { retryable, retryAfterMs, cause: error });
	return new MusterError("E_FETCH_FAILED", message, {
		retryable: repeatable && retryable,
		retryAfterMs,
		details: { key, target },
		hint: repeatable ? undefined : "Whether the server acted on it is unknown, so it is not posted again unasked.",
		cause: error,
	});
}
