/**
 * One look at something, and what is new in it since the look before: a file, a folder, a log, a web address, a program,
 * or a file of records. A pass, not a loop: who wants to watch starts the next pass with the cursor of the last.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { hasCode, MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type ArtifactRef, defineSkill, type Skill, type SkillContext } from "../skill.ts";
import { fetchBounded } from "../web.ts";
import { type ActPolicy, createGuard, type Guard, nothingAllowed } from "./act-policy.ts";
import { runCommand } from "./command.ts";
import {
	dataCursor,
	fileCursor,
	folderCursor,
	observeData,
	observeFile,
	observeFolder,
	type Pass,
} from "./monitor-files.ts";
import { logCursor, observeLog } from "./monitor-log.ts";
import { artifactRef, inlineOrStored, json, record } from "./monitor-output.ts";

const MAX_RECORDS = 100_000;
const MAX_TEXT = 10_000;

const path = z.string().min(1).max(4_096);

const watch = z.union([
	z.strictObject({ file: path.describe("A file: whether it changed.") }),
	z.strictObject({ folder: path.describe("A folder: which files came, changed or went.") }),
	z.strictObject({
		log: path.describe("A file that grows: its new lines."),
		pattern: z.string().optional().describe("Only the lines that match; its named groups become fields."),
	}),
	z.strictObject({ url: z.string().describe("A web address: whether its answer changed.") }),
	z.strictObject({
		command: z
			.array(z.string())
			.min(1)
			.max(1_000)
			.describe("A program with its arguments, as far as `allow.commands` lets it: whether what it prints changed."),
	}),
	z.strictObject({ data: path.describe("NDJSON, or a JSON array of objects: its new records.") }),
]);

const answerCursor = z.strictObject({ kind: z.enum(["url", "command"]), hash: z.string() });
const cursor = z.union([fileCursor, folderCursor, logCursor, answerCursor, dataCursor]);

const input = z.strictObject({
	watch: watch.describe("What to look at."),
	since: json.optional().describe("The cursor of an earlier pass over the same thing."),
	limit: z.number().int().min(1).max(MAX_RECORDS).default(MAX_RECORDS).describe("Most observations of one pass."),
});

const output = z.strictObject({
	kind: z.enum(["file", "folder", "log", "url", "command", "data"]).describe("What was looked at."),
	target: z.string().describe("Its path, address or command line."),
	observations: z
		.union([z.array(record), artifactRef])
		.describe("What is new since the last pass; a reference to a JSON array when it is long."),
	count: z.number().describe("How many there are."),
	changed: z.boolean().describe("Whether there are any."),
	more: z.boolean().describe("The limit was reached: there is more to see."),
	malformed: z.number().describe("Parts of the data that are no records and were left out."),
	gap: z.boolean().describe("A log was truncated, or replaced and its old file is gone: lines may have been missed."),
	cursor: z.union([json, artifactRef]).describe("For `since` of the next pass."),
});

type Input = z.infer<typeof input>;
type Output = z.infer<typeof output>;
type Kind = Output["kind"];
type Cursor<K extends Kind> = Extract<z.infer<typeof cursor>, { kind: K }>;
type AnswerCursor = z.infer<typeof answerCursor>;

/** @param policy only its commands count here. @throws E_CONFIG_INVALID */
export function createMonitorSkill(policy: ActPolicy = nothingAllowed): Skill<Input, Output> {
	const guard = createGuard(policy);
	return defineSkill<Input, Output>({
		name: "monitor",
		description: "Looks at a file, folder, log, web address, program or data file and reports what is new.",
		pool: "monitoring",
		input,
		output,
		// A thread finds the skill by its module and so without this policy; one that may run commands stays here.
		...(policy.commands.length === 0 ? { thread: import.meta.url } : {}),
		async run({ watch, since, limit }, context) {
			const [kind, target] = named(watch);
			const before = await readCursor(since, kind, context);
			const pass = await look(watch, before, limit, guard, context);
			return {
				kind,
				target,
				observations: (await inlineOrStored(pass.observations, "observations.json", context)) as Output["observations"],
				count: pass.observations.length,
				changed: pass.observations.length > 0,
				more: pass.more,
				malformed: pass.malformed ?? 0,
				gap: pass.gap ?? false,
				cursor: await inlineOrStored(pass.cursor, "cursor.json", context),
			};
		},
	});
}

/** Runs no commands. What the thread pool finds. */
export const monitor = createMonitorSkill();

function named(watch: Input["watch"]): [Kind, string] {
	if ("file" in watch) return ["file", watch.file];
	if ("folder" in watch) return ["folder", watch.folder];
	if ("log" in watch) return ["log", watch.log];
	if ("url" in watch) return ["url", withoutSecrets(watch.url)];
	if ("command" in watch) return ["command", watch.command.join(" ")];
	return ["data", watch.data];
}

async function readCursor(
	since: Json | undefined,
	kind: Kind,
	{ artifacts }: SkillContext,
): Promise<z.infer<typeof cursor> | undefined> {
	if (since === undefined || since === null) return undefined;
	const parsed = cursor.safeParse(await artifacts.json(since as Json | ArtifactRef));
	if (parsed.success && parsed.data.kind === kind) return parsed.data;
	throw new MusterError("E_INPUT_INVALID", `\`since\` is no cursor for a ${kind}`, {
		hint: "Give the `cursor` that an earlier pass over the same thing returned, or leave it out.",
	});
}

function look(
	watch: Input["watch"],
	since: z.infer<typeof cursor> | undefined,
	limit: number,
	guard: Guard,
	{ signal }: SkillContext,
): Promise<Pass> {
	if ("file" in watch) return observeFile(watch.file, since as Cursor<"file">, signal);
	if ("folder" in watch) return observeFolder(watch.folder, since as Cursor<"folder">, { limit, signal });
	if ("log" in watch) return observeLog(watch.log, since as Cursor<"log">, { pattern: watch.pattern, limit, signal });
	if ("data" in watch) return observeData(watch.data, since as Cursor<"data">, limit);
	const answer = "url" in watch ? askUrl(watch.url, signal) : askCommand(watch.command, guard, signal);
	return answer.then((fields) => answered("url" in watch ? "url" : "command", fields, since as AnswerCursor));
}

type Fields = { [key: string]: Json };

function answered(kind: "url" | "command", fields: Fields, since: AnswerCursor | undefined): Pass {
	const hash = createHash("sha256").update(JSON.stringify(fields)).digest("hex");
	const same = since?.hash === hash;
	return {
		observations: same ? [] : [{ id: `${kind}-${hash.slice(0, 12)}`, ...fields }],
		cursor: { kind, hash },
		more: false,
	};
}

/** That an address does not answer, or answers with an error, is what a monitor is there to see. */
async function askUrl(url: string, signal: AbortSignal): Promise<Fields> {
	const shown = withoutSecrets(url);
	try {
		const { status, bytes, contentType } = await fetchBounded(url, { signal });
		const sha256 = createHash("sha256").update(bytes).digest("hex");
		const isText = /^(text\/|application\/([\w.+-]*\+)?(json|xml))/.test(contentType);
		const text = isText ? { text: new TextDecoder().decode(bytes.subarray(0, MAX_TEXT)) } : {};
		return { url: shown, reachable: true, status, contentType, size: bytes.byteLength, sha256, ...text };
	} catch (error) {
		const status = hasCode(error, "E_FETCH_FAILED") ? error.details?.status : undefined;
		if (typeof status === "number") return { url: shown, reachable: true, status };
		if (hasCode(error, "E_FETCH_FAILED") && error.retryable)
			return { url: shown, reachable: false, problem: error.message };
		throw error;
	}
}

async function askCommand(argv: readonly string[], guard: Guard, signal: AbortSignal): Promise<Fields> {
	const result = await runCommand(await guard.command(argv), { signal, maxBytes: MAX_TEXT });
	return { command: argv.join(" "), ...result };
}

function withoutSecrets(url: string): string {
	const parsed = URL.parse(url);
	if (parsed === null) return url;
	parsed.username = "";
	parsed.password = "";
	return parsed.href;
}
