/** Values of the command line: `key=value` pairs, JSON where it is JSON, and the short forms of limits. */
import { readFile } from "node:fs/promises";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { didYouMean } from "../suggest.ts";
import type { TaskSpec } from "../task/spec.ts";

/** `["a=1", "b=x=y"]` as `{a: "1", b: "x=y"}`. @throws E_USAGE */
export function readPairs(pairs: readonly string[]): Record<string, string> {
	const texts: Record<string, string> = Object.create(null);
	for (const pair of pairs) {
		const at = pair.indexOf("=");
		if (at < 1) {
			throw new MusterError("E_USAGE", `"${pair}" is not a key and a value`, {
				hint: "Write -i key=value, and quote it when the value has spaces.",
			});
		}
		const key = pair.slice(0, at).trim();
		if (key in texts) throw new MusterError("E_USAGE", `the input "${key}" is given twice`);
		texts[key] = pair.slice(at + 1);
	}
	return { ...texts };
}

/** Numbers, true, false, null, lists and objects as JSON reads them; anything else is text. */
export function readValue(text: string): Json {
	try {
		return JSON.parse(text) as Json;
	} catch {
		return text;
	}
}

/** @throws E_USAGE when it is not JSON */
export function parseJson(text: string, what: string): Json {
	try {
		return JSON.parse(text) as Json;
	} catch (error) {
		throw new MusterError("E_USAGE", `${what} is not JSON: ${(error as Error).message}`);
	}
}

/** A JSON object from a file. @throws E_FILE_UNREADABLE, E_USAGE */
export async function readObject(file: string): Promise<Record<string, Json>> {
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (cause) {
		throw new MusterError("E_FILE_UNREADABLE", `${file} cannot be read: ${(cause as Error).message}`, { cause });
	}
	const value = parseJson(text, file);
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
	throw new MusterError("E_USAGE", `${file} does not hold a JSON object of inputs`);
}

/** The input of a task: `-i` pairs, the whole as JSON, or both; undefined when neither is given. @throws E_USAGE */
export function readInput({ input, inputJson }: { input?: string[]; inputJson?: string }): Json | undefined {
	const pairs = Object.entries(readPairs(input ?? [])).map(([key, text]) => [key, readValue(text)] as const);
	if (inputJson === undefined) return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
	const whole = parseJson(inputJson, "--input-json");
	if (pairs.length === 0) return whole;
	if (typeof whole === "object" && whole !== null && !Array.isArray(whole))
		return { ...whole, ...Object.fromEntries(pairs) };
	throw new MusterError("E_USAGE", "-i adds members to an object, and --input-json is not one");
}

/** `KEY`, `KEY:LIMIT` or `KEY:LIMIT:POLICY`. A key that has colons itself has to have its limit behind it. @throws E_USAGE */
export function readConcurrency(text: string): NonNullable<TaskSpec["concurrency"]> {
	if (!text.includes(":")) return text;
	const [, key, limit, policy] = /^(.+?):(\d+)(?::([\w-]+))?$/.exec(text) ?? [];
	if (key === undefined) {
		throw new MusterError("E_USAGE", `"${text}" does not say how many of the key may run at a time`, {
			hint: "Write KEY, KEY:LIMIT or KEY:LIMIT:POLICY; where the key has colons the limit has to be there, for example db:x:1.",
		});
	}
	const known = policies.find((name) => name === policy);
	if (policy !== undefined && known === undefined) {
		const hint = didYouMean(policy, policies) ?? `There are: ${policies.join(", ")}.`;
		throw new MusterError("E_USAGE", `"${policy}" is not a policy of a concurrency key`, { hint });
	}
	return { key, limit: Number(limit), ...(known !== undefined && { policy: known }) };
}

const policies = ["queue", "cancel-previous", "reject"] as const;

/** `KEY:LIMIT/PER`, for example `api:10/1m`; a unit alone is one of it. @throws E_USAGE */
export function readRate(text: string): NonNullable<TaskSpec["rate"]> {
	const [, key, limit, per] = /^(.+):(\d+)\/([\w.]+)$/.exec(text) ?? [];
	if (key !== undefined && per !== undefined) return { key, limit: Number(limit), per: per.replace(/^\D/, "1$&") };
	throw new MusterError("E_USAGE", `"${text}" is not a rate`, { hint: "Write KEY:LIMIT/PER, for example api:10/1m." });
}
