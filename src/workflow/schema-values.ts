/** What the values of a workflow file are made of: texts, numbers, durations, maps, with what is said when they do not fit. */
import { z } from "zod";
import { toMs } from "../duration.ts";
import type { Json } from "../json.ts";
import type { NamePattern } from "./names.ts";

export const text = (max: number) =>
	z
		.string({ error: (issue) => (issue.input === undefined ? "is missing" : "must be a text") })
		.min(1, "must not be empty")
		.max(max, `must have at most ${max} characters`);
/** The pattern is for editors; `validate.ts` checks it, and says more when a name does not fit. */
export const name = ({ longest, pattern }: NamePattern) => text(longest).meta({ pattern: pattern.source });
export const number = z.number({ error: "must be a number" });
export const whole = (low: number, high: number) =>
	z.int("must be a whole number").min(low, `must be at least ${low}`).max(high, `must be at most ${high}`);
export const json = z.custom<Json>();
export const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
	z.enum(names, { error: `must be one of ${names.join(", ")}` });
export const mapOf = <Value extends z.ZodType>(value: Value) =>
	z.record(z.string(), value, { error: "must be a map of names to values" });
export const map = <Shape extends z.ZodRawShape>(shape: Shape, error = "must be a map of names to values") =>
	z.strictObject(shape, { error });

/** A map of which one member says so much that it can be written in place of the map. */
export function orJust<Map extends z.ZodObject>(member: string & keyof Map["shape"], shape: Map) {
	const whole = z.preprocess((value) => (typeof value === "string" ? { [member]: value } : value), shape);
	return whole.meta({ orText: true });
}

export const textOrTexts = (item: z.ZodType<string, string>, most: number) => {
	const texts = z
		.array(item, { error: "must be a text or a list of texts" })
		.max(most, `must have at most ${most} items`);
	return z.preprocess((value) => (typeof value === "string" ? [value] : value), texts).meta({ orText: true });
};

const UNITS = "500ms, 2s, 5m, 24h or 7d";
const durationPattern = "^\\d{1,12}(\\.\\d{1,6})?(ms|s|m|h|d)$";

function readDuration(value: string | number, context: z.RefinementCtx): number {
	try {
		return toMs(value, "it");
	} catch {
		context.addIssue({ code: "custom", message: `must be a duration such as ${UNITS}` });
		return z.NEVER;
	}
}

const durationText = z.union([z.string().meta({ pattern: durationPattern }), z.number().min(0)], {
	error: `must be a duration such as ${UNITS}`,
});
export const duration = durationText
	.transform(readDuration)
	.meta({ id: "duration", description: `A text such as ${UNITS}, or a number of milliseconds.` });
export const timeLimit = duration.refine((ms) => ms > 0, "must be longer than 0");
export const durationOrTemplate = z
	.union([z.string(), z.number().min(0)], { error: `must be a duration such as ${UNITS}` })
	.transform((value, context) =>
		typeof value === "string" && value.includes("${{") ? value : readDuration(value, context),
	);

export const expression = text(4_200);
export const labels = mapOf(text(200));

/** Most tasks or runs that one limit may let through. */
export const MAX_LIMIT = 100_000;
export const limit = whole(1, MAX_LIMIT).default(1);
export const policies = ["queue", "cancel-previous", "reject"] as const;
