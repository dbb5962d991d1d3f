/** Holds a schema and the type of a view together: where they differ, the schema does not compile. */
import { z } from "@hono/zod-openapi";
import type { Json } from "../../json.ts";

/** What JSON can tell apart: no `readonly`, no difference between absent and undefined. */
type Plain<T> = [Json] extends [T]
	? unknown extends T
		? T
		: Json
	: T extends object
		? { -readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> }
		: T;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The members that differ, so that the compiler names them. */
type Differing<A, B> = {
	[K in keyof A | keyof B]: K extends keyof A & keyof B ? (Same<A[K], B[K]> extends true ? never : K) : K;
}[keyof A | keyof B];

/** `exactly<TaskView>()(schema)` is the schema, whose output is a `TaskView` member by member. */
export const exactly =
	<View>() =>
	<S extends z.ZodType>(
		schema: Same<Plain<z.output<S>>, Plain<View>> extends true
			? S
			: { differing: Differing<Plain<z.output<S>>, Plain<View>> },
	): z.ZodType<View> =>
		schema as unknown as z.ZodType<View>;

/** Any JSON. */
export const json = z.unknown() as unknown as z.ZodType<Json>;
export const jsonObject = z.record(z.string(), json);

/** A text of RFC 3339 in UTC with milliseconds. */
export const time = z.iso.datetime().openapi({ example: "2026-11-24T07:00:00.000Z" });
export const count = z.int().min(0);
