/** JSON as data that crosses the journal: what is allowed, how large, and how it is copied. */
import { MusterError } from "./errors.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Deepest nesting of an input or output. Deeper data has no use here and can overflow a recursive reader. */
export const MAX_JSON_DEPTH = 100;
/** Largest input of a task in bytes of UTF-8 JSON. */
export const MAX_INPUT_BYTES = 1024 * 1024;
/** Keys that could reach an object's prototype in careless code further on. */
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);
export const isAllowedKey = (key: string): boolean => !FORBIDDEN_KEYS.has(key);

/**
 * A copy of `value` that shares nothing with it, or an error that names the first place that is not JSON.
 * Members that are `undefined` are left out, as JSON.stringify does; an `undefined` value itself is refused.
 *
 * @param what how the value is called in an error, for example "input"
 * @param code the code of that error
 */
export function copyJson(value: unknown, what: string, code: "E_INPUT_INVALID" | "E_OUTPUT_INVALID"): Json {
	try {
		return copy(value, 0);
	} catch (error) {
		if (!(error instanceof NotJson)) throw error;
		const place = error.path.length > MAX_PATH ? `...${error.path.slice(-MAX_PATH)}` : error.path;
		throw new MusterError(code, `${what}${place} ${error.message}`, { hint: error.hint });
	}
}

/** A copy of data that is JSON already, such as what the state holds; many times quicker than structuredClone. */
export function cloneJson<T>(value: T): T {
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value)) return value.map(cloneJson) as T;
	const copied: { [key: string]: unknown } = {};
	for (const key of Object.keys(value)) copied[key] = cloneJson((value as { [key: string]: unknown })[key]);
	return copied as T;
}

const MAX_PATH = 120;

/** Its path grows while the error climbs out of the value, so that a right value pays nothing for it. */
class NotJson extends Error {
	path = "";
	readonly hint: string | undefined;

	constructor(problem: string, hint?: string) {
		super(problem);
		this.hint = hint;
	}
}

function copy(item: unknown, depth: number): Json {
	switch (typeof item) {
		case "string":
		case "boolean":
			return item;
		case "number":
			if (Number.isFinite(item)) return item;
			throw new NotJson(`is ${item}, which JSON cannot hold`, "Use null or a string.");
		case "object":
			break;
		case "bigint":
			throw new NotJson("is a BigInt, which JSON cannot hold", "Use a string.");
		default:
			throw new NotJson(`is ${item === undefined ? "undefined" : `a ${typeof item}`}, which JSON cannot hold`);
	}
	if (item === null) return null;
	if (depth >= MAX_JSON_DEPTH) throw new NotJson(`is nested deeper than ${MAX_JSON_DEPTH} levels`);
	if (Array.isArray(item)) return copyList(item, depth);
	const prototype: unknown = Object.getPrototypeOf(item);
	if (prototype === Object.prototype || prototype === null) return copyObject(item as Record<string, unknown>, depth);
	if (!(item instanceof Date)) throw new NotJson(`is a ${item.constructor?.name ?? "class"}, not plain data`);
	if (Number.isNaN(item.getTime())) throw new NotJson("is an invalid date");
	return item.toJSON();
}

function copyList(list: readonly unknown[], depth: number): Json[] {
	const copied: Json[] = new Array(list.length);
	let i = 0;
	try {
		for (; i < list.length; i++) copied[i] = copy(list[i], depth + 1);
	} catch (error) {
		throw at(`[${i}]`, error);
	}
	return copied;
}

function copyObject(object: Record<string, unknown>, depth: number): { [key: string]: Json } {
	const copied: { [key: string]: Json } = {};
	let key = "";
	try {
		for (key of Object.keys(object)) {
			const member = object[key];
			if (!isAllowedKey(key)) throw new NotJson("is a key that is not allowed");
			if (member !== undefined) copied[key] = copy(member, depth + 1);
		}
	} catch (error) {
		throw at(`.${key}`, error);
	}
	return copied;
}

function at(step: string, error: unknown): unknown {
	if (error instanceof NotJson) error.path = step + error.path;
	return error;
}

/**
 * How long a value is as JSON, in characters and escapes aside; Infinity when that is more than `most`, or when it is nested too
 * deep. Counting ends there: a value that holds one part again and again costs no more than it may have.
 */
export function lengthWithin(value: Json, most: number): number {
	const left = leftAfter(value, most, 0);
	return left < 0 ? Number.POSITIVE_INFINITY : most - left;
}

function leftAfter(value: Json | undefined, most: number, depth: number): number {
	if (typeof value === "string") return most - value.length - 2;
	if (typeof value === "number") return most - 8;
	if (typeof value !== "object" || value === null) return most - 4;
	if (depth >= MAX_JSON_DEPTH) return -1;
	let left = most - 2;
	if (Array.isArray(value)) {
		for (let i = 0; i < value.length && left >= 0; i++) left = leftAfter(value[i], left - 1, depth + 1);
		return left;
	}
	for (const key in value) {
		if (left < 0) break;
		left = leftAfter(value[key], left - key.length - 4, depth + 1);
	}
	return left;
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
