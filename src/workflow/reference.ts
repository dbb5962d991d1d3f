/**
 * References: what a workflow in TypeScript has in place of the values that only a run knows.
 *
 * A workflow is data (hashed, pinned, replayed), so the functions that define it run once, before any run. What they get are
 * proxies: reading a member makes a longer path, and anything that would need the value throws. Only whether a reference
 * is there (`if (ref)`, `ref ? a : b`, `!ref`) cannot be caught: JavaScript asks no object about it.
 */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { forbiddenNames, identifier } from "./names.ts";

declare const stands: unique symbol;

/** Stands for a value of this type; exists only while a workflow is defined. */
export interface Reference<out Value> {
	readonly [stands]: Value;
}

// biome-ignore lint/suspicious/noExplicitAny: any member of it is a reference too, and no other type says that without noise
export type Untyped = any;

/** A reference with the members of its value; of a value without a type, any. */
export type Ref<Value> = [Value] extends [never]
	? Untyped
	: unknown extends Value
		? Untyped
		: Json extends Value
			? Untyped
			: Reference<Value> & Members<NonNullable<Value>>;

type Members<Value> = Value extends readonly (infer Item)[]
	? { readonly [index: number]: Ref<Item> }
	: Value extends object
		? { readonly [Name in keyof Value]-?: Ref<Exclude<Value[Name], undefined>> }
		: unknown;

/** A value, any part of which may be a reference; for any JSON, anything. */
export type Templated<Value> = Json extends Value ? unknown : Reference<Value> | Literal<Value>;

type Literal<Value> = Value extends readonly (infer Item)[]
	? readonly Templated<Item>[]
	: Value extends object
		? { readonly [Name in keyof Value]: Templated<Value[Name]> }
		: Value;

/** The type that a value with references in it comes to. */
export type Resolved<Given> = unknown extends Given
	? Untyped
	: Given extends Reference<infer Value>
		? [Value] extends [never]
			? Untyped
			: Value
		: Given extends object
			? { -readonly [Name in keyof Given]: Resolved<Given[Name]> }
			: Given;

/** A name that only some places know, such as the item of a `forEach`. Each place has its own, whatever it is called. */
export interface Binding {
	readonly name: string;
}

/** What a reference says in CEL, or as a template when it is a `text`. */
export interface Spoken {
	readonly kind: "path" | "expression" | "text";
	readonly text: string;
	/** Of a `text`: its words as they are, and what it refers to. */
	readonly parts?: readonly (string | Spoken)[];
	readonly bindings: ReadonlySet<Binding>;
}

const spoken = new WeakMap<object, Spoken>();
const none: ReadonlySet<Binding> = new Set();

/** The reference to a name that every place knows. */
export const root = (name: string): Untyped => referTo({ kind: "path", text: name, bindings: none });

/** The reference to a name that only some places know. */
export const bound = (binding: Binding): Untyped =>
	referTo({ kind: "path", text: binding.name, bindings: new Set([binding]) });

/** What stands behind a reference; undefined for any other value. */
export const spokenBy = (value: unknown): Spoken | undefined =>
	typeof value === "function" ? spoken.get(value) : undefined;

/** A call, a key or a loop over a reference would need its value. */
const forbidden = [Symbol.toPrimitive, Symbol.iterator, Symbol.asyncIterator, "toJSON"] as const;

export function referTo(said: Spoken): Untyped {
	const refuse = (): never => {
		throw misuse(said);
	};
	// The target is a function so that a call comes here too: items.map(...) is a likely mistake.
	const reference = new Proxy(() => undefined, {
		get(_, member) {
			if ((forbidden as readonly unknown[]).includes(member)) return refuse();
			if (typeof member === "symbol") return undefined;
			return said.kind === "text" ? refuse() : referTo(memberOf(said, member));
		},
		apply: refuse,
		has: refuse,
		ownKeys: refuse,
		set: refuse,
		defineProperty: refuse,
		deleteProperty: refuse,
	});
	spoken.set(reference, said);
	return reference;
}

function memberOf({ kind, text, bindings }: Spoken, member: string): Spoken {
	const owner = kind === "path" ? text : `(${text})`;
	if (/^\d{1,9}$/.test(member)) return { kind: "path", text: `${owner}[${member}]`, bindings };
	const plain = identifier.pattern.test(member) && !forbiddenNames.has(member);
	return { kind: "path", text: plain ? `${owner}.${member}` : `${owner}[${JSON.stringify(member)}]`, bindings };
}

const misuse = ({ kind, text }: Spoken): MusterError =>
	new MusterError(
		"E_WORKFLOW_INVALID",
		`${kind === "text" ? "the text" : "the reference"} "${text}" has no value while the workflow is defined`,
		{
			hint: "Only a run knows it. Write expr`${a} >= 0.8` to calculate or compare, and text`On ${a}` for a text around it.",
		},
	);
