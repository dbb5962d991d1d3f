/**
 * JSON as CEL has it, and back. Whole numbers go in as BigInt, so every list and object that an expression reads is copied;
 * large ones that were copied of late are kept, since the items of a forEach often read the same.
 */
import type { Json } from "../json.ts";
import { pay, payAgain, priceOf } from "./cel-budget.ts";

/** Smaller ones are made anew as fast as found. */
const LEAST_KEPT = 64;
/** Values in all copies that are kept. */
const MOST_KEPT = 1_000_000;

interface Copy {
	made: unknown;
	ticks: number;
}

/** By what they are copies of, which nobody changes. */
let copies = new WeakMap<object, Copy>();
let kept = 0;

/** Objects that were copied in full; a longer path has nothing to add to them. */
const whole = new WeakSet<object>();
export const isWhole = (object: object): boolean => whole.has(object);

export function toCel(value: Json): unknown {
	if (typeof value !== "object" || value === null) return copyOf(value);
	const known = copies.get(value);
	if (known !== undefined) {
		payAgain(known.ticks);
		return known.made;
	}
	const copy = priceOf(() => copyOf(value));
	if (copy.ticks < LEAST_KEPT) return copy.made;
	kept += copy.ticks;
	if (kept > MOST_KEPT) {
		copies = new WeakMap();
		kept = copy.ticks;
	}
	copies.set(value, copy);
	return copy.made;
}

function copyOf(value: Json): unknown {
	pay(1);
	if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value)) return value.map(copyOf);
	const object: Record<string, unknown> = Object.create(null);
	for (const key of Object.keys(value)) {
		const member = value[key];
		if (member !== undefined) object[key] = copyOf(member);
	}
	whole.add(object);
	return object;
}

export function fromCel(value: unknown): unknown {
	if (typeof value === "bigint") {
		const number = Number(value);
		if (Number.isSafeInteger(number)) return number;
		throw Object.assign(new Error(`The result ${value} is too large for an exact number`), {
			hint: "Use string(...).",
		});
	}
	if (typeof value === "string") pay(1 + (value.length >>> 1));
	else pay(1);
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value)) return value.map(fromCel);
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype !== Object.prototype && prototype !== null) return value;
	return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fromCel(member)]));
}
