/** Values of the command line: `key=value` pairs, and JSON where it is JSON. */
import { readFile } from "node:fs/promises";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";

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
