/** JSON as data that crosses the journal: what is allowed, how large, and how it is copied. */
import { MusterError } from "./errors.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Deepest nesting of an input or output. Deeper data has no use here and can overflow a recursive reader. */
export const MAX_JSON_DEPTH = 100;
/** Largest input of a task in bytes of UTF-8 JSON. */
export const MAX_INPUT_BYTES = 1024 * 1024;
/** Keys that could reach an object's prototype in careless code further on. */
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/**
 * A copy of `value` that shares nothing with it, or an error that names the first place that is not JSON.
 * Members that are `undefined` are left out, as JSON.stringify does; an `undefined` value itself is refused.
 *
 * @param what how the value is called in an error, for example "input"
 * @param code the code of that error
 */
export function copyJson(value: unknown, what: string, code: "E_INPUT_INVALID" | "E_OUTPUT_INVALID"): Json {
	const refuse = (path: string, problem: string, hint?: string): never => {
		throw new MusterError(code, `${what}${path} ${problem}`, { hint });
	};
	const copy = (item: unknown, path: string, depth: number): Json => {
		switch (typeof item) {
			case "string":
			case "boolean":
				return item;
			case "number":
				return Number.isFinite(item)
					? item
					: refuse(path, `is ${item}, which JSON cannot hold`, "Use null or a string.");
			case "object":
				break;
			case "bigint":
				return refuse(path, "is a BigInt, which JSON cannot hold", "Use a string.");
			default:
				return refuse(path, `is ${item === undefined ? "undefined" : `a ${typeof item}`}, which JSON cannot hold`);
		}
		if (item === null) return null;
		if (depth >= MAX_JSON_DEPTH) return refuse(path.slice(0, 80), `is nested deeper than ${MAX_JSON_DEPTH} levels`);
		if (Array.isArray(item)) {
			const list: Json[] = new Array(item.length);
			for (let i = 0; i < item.length; i++) list[i] = copy(item[i], `${path}[${i}]`, depth + 1);
			return list;
		}
		const prototype: unknown = Object.getPrototypeOf(item);
		if (prototype !== Object.prototype && prototype !== null) {
			if (item instanceof Date) return item.toJSON() ?? refuse(path, "is an invalid date");
			return refuse(path, `is a ${(item as object).constructor?.name ?? "class"}, not plain data`);
		}
		const object: { [key: string]: Json } = {};
		for (const key of Object.keys(item)) {
			if (FORBIDDEN_KEYS.has(key)) refuse(path, `has the key "${key}", which is not allowed`);
			const member = (item as Record<string, unknown>)[key];
			if (member !== undefined) object[key] = copy(member, `${path}.${key}`, depth + 1);
		}
		return object;
	};
	return copy(value, "", 0);
}

/** JSON with the members of every object in order of their names: the same data gives the same text. */
export function canonicalJson(value: Json): string {
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	if (value === null || typeof value !== "object") return JSON.stringify(value);
	const members = Object.keys(value)
		.sort()
		.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
	return `{${members.join(",")}}`;
}
