/** What may go over the bus: data and headers are checked, copied once and frozen, so that all readers can share them. */
import { MusterError } from "../errors.ts";
import { copyJson, type Json, MAX_INPUT_BYTES } from "../json.ts";
import type { Headers } from "./bus.ts";
import { weigh } from "./record.ts";

/** Largest data of one message, about its bytes of JSON. */
export const MAX_DATA_BYTES = MAX_INPUT_BYTES;
const MAX_HEADERS = 64;
const MAX_HEADER_BYTES = 16 * 1024;
export const NO_HEADERS: Headers = Object.freeze({});

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const NO_HEADER_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** A frozen copy and about its size. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export function takeData(value: unknown): { data: Json; size: number } {
	const data = copyJson(value, "data", "E_INPUT_INVALID");
	const size = weigh(data);
	if (size > MAX_DATA_BYTES) {
		throw new MusterError("E_INPUT_TOO_LARGE", `the message has about ${size} bytes of at most ${MAX_DATA_BYTES}`, {
			hint: "Store it as an artifact and send its reference.",
		});
	}
	return { data: frozen(data), size };
}

/** Frozen all the way down, in place. What is frozen already was frozen here. */
export function frozen(value: Json): Json {
	if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
	if (Array.isArray(value)) for (const item of value) frozen(item);
	else for (const key in value) frozen(value[key] as Json);
	Object.freeze(value);
	return value;
}

/** A frozen copy. Names are tokens as in HTTP, values text without line breaks. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
export function checkHeaders(given: Headers | undefined): Headers {
	if (given === undefined) return NO_HEADERS;
	if (typeof given !== "object" || given === null) throw new MusterError("E_INPUT_INVALID", "headers are no object");
	const names = Object.keys(given);
	if (names.length > MAX_HEADERS) throw tooMany(`${names.length} headers of at most ${MAX_HEADERS}`);
	const headers: { [name: string]: string } = {};
	let size = 0;
	for (const name of names) {
		const value: unknown = given[name];
		if (value === undefined) continue;
		if (!HEADER_NAME.test(name) || name === "__proto__" || typeof value !== "string" || NO_HEADER_VALUE.test(value)) {
			throw new MusterError("E_INPUT_INVALID", `the header ${JSON.stringify(name.slice(0, 80))} is not allowed`, {
				hint: "Names are letters, digits and dashes; values are text without line breaks.",
			});
		}
		size += name.length + value.length;
		headers[name] = value;
	}
	if (size > MAX_HEADER_BYTES) throw tooMany(`${size} bytes of headers of at most ${MAX_HEADER_BYTES}`);
	return Object.freeze(headers);
}

const tooMany = (what: string): MusterError => new MusterError("E_INPUT_TOO_LARGE", `the message has ${what}`);
