/**
 * What zod found, for people. Where several forms are allowed, zod says little: here the form that was meant is guessed from
 * the keys and the kind of what was given, and what is wrong with that form is said, and which forms there are.
 */
import { z } from "zod";
import { didYouMean } from "./suggest.ts";

const MAX_ISSUES = 5;
const MAX_LISTED = 20;
/** What zod says of a value that fits none of several forms, unless the schema has words of its own. */
const OF_ZOD = "Invalid input";

type Schema = z.core.$ZodTypes;
type Path = readonly PropertyKey[];

/** One thing that is wrong; the hint says what would be right. */
export interface Found {
	path: Path;
	/** A key of the map at the path that should not be there. */
	key?: string;
	problem: string;
	hint?: string | undefined;
}

/**
 * One line: `path: problem; path: problem (hint)`.
 * @param schema with `value`: what was checked, and against what; without them less can be said
 */
export function explain(error: z.ZodError, schema?: z.ZodType, value?: unknown): string {
	const lines = findings(error, schema, value).map(lineOf);
	const more = lines.length - MAX_ISSUES;
	return lines.slice(0, MAX_ISSUES).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** The same one by one. */
export function findings({ issues }: z.ZodError, schema?: z.ZodType, value?: unknown): Found[] {
	const found = issues.flatMap((issue) => foundIn(issue, schema && bare(schema), value, []));
	// A form with several mistakes is met once for each of them.
	return [...new Map(found.map((one) => [lineOf(one), one])).values()];
}

function lineOf({ path, problem, hint }: Found): string {
	const place = path.length === 0 ? "" : `${path.map(String).join(".")}: `;
	return `${place}${problem}${hint === undefined ? "" : ` (${hint})`}`;
}

/** @param above where the value stands in the whole */
function foundIn(issue: z.core.$ZodIssue, schema: Schema | undefined, value: unknown, above: Path): Found[] {
	let at = schema;
	let given = value;
	for (const [depth, part] of issue.path.entries()) {
		if (at?._zod.def.type === "union")
			return foundInUnion(at._zod.def, given, [...above, ...issue.path.slice(0, depth)]);
		at = at && inside(at, part);
		given = memberOf(given, part);
	}
	const path = [...above, ...issue.path];
	if (at?._zod.def.type === "union")
		return foundInUnion(at._zod.def, given, path, issue.code === "invalid_union" ? issue.message : OF_ZOD);
	if (issue.code !== "unrecognized_keys")
		return [
			{
				path,
				problem:
					given === undefined && issue.code === "invalid_type" && at !== undefined ? "is required" : issue.message,
			},
		];
	const known = at === undefined ? [] : keysOf(at);
	return issue.keys.map((key) => ({ path, key, ...unknownName("key", key, known) }));
}

/** @param message what the schema itself says of it */
function foundInUnion(
	union: z.core.$ZodUnionDef & { discriminator?: string },
	value: unknown,
	path: Path,
	message = OF_ZOD,
): Found[] {
	const { options, discriminator } = union;
	const forms = options.map(bare);
	const meant = meantForm(forms, value);
	const error = meant && z.safeParse(meant, value).error;
	if (error !== undefined) {
		const found = error.issues.flatMap((issue) => foundIn(issue, meant, value, path));
		const last = found.at(-1);
		if (last !== undefined && last.hint === undefined)
			last.hint = `allowed: ${listed(discriminator === undefined ? forms : [meant as Schema])}`;
		return found;
	}
	if (message !== OF_ZOD) return [{ path, problem: message }];
	const kind = discriminator && memberOf(value, discriminator);
	if (typeof discriminator === "string" && typeof kind === "string") {
		const kinds = forms.flatMap((form) => literalsOf(inside(form, discriminator))).map(String);
		return [{ path, ...unknownName(discriminator, kind, kinds) }];
	}
	const hint = `allowed: ${listed(forms)}`;
	if (value === undefined) return [{ path, problem: "is required", hint }];
	const keys = forms.flatMap(keysOf);
	const given = isMap(value) ? Object.keys(value) : [];
	const stray = given.find((key) => !keys.includes(key));
	if (stray !== undefined) {
		const better = didYouMean(stray, keys);
		return [
			{ path, key: stray, problem: `unknown key "${stray}"`, hint: better === undefined ? hint : `${better} ${hint}` },
		];
	}
	const mixed = given.length > 1 && discriminator === undefined;
	return [{ path, problem: mixed ? `no form has ${given.join(" and ")}` : "fits none of the forms", hint }];
}

/** The form that shares most keys with what is given; of what is no map, the only one of its kind. */
function meantForm(forms: readonly Schema[], value: unknown): Schema | undefined {
	if (!isMap(value)) {
		const kind = Array.isArray(value) ? "array" : typeof value;
		const alike = forms.filter(({ _zod }) => _zod.def.type === kind);
		return alike.length === 1 ? alike[0] : undefined;
	}
	const scored = forms.map((form) => ({ form, score: likeness(form, value) })).sort((a, b) => b.score - a.score);
	const [first, second] = scored;
	return first !== undefined && first.score > 0 && first.score > (second?.score ?? 0) ? first.form : undefined;
}

function likeness(form: Schema, value: object): number {
	if (form._zod.def.type !== "object") return form._zod.def.type === "record" ? 0.1 : 0;
	let score = 0;
	for (const [key, member] of Object.entries(form._zod.def.shape)) {
		const literals = literalsOf(bare(member));
		const given = memberOf(value, key);
		if (given === undefined) score -= isOptional(member as Schema) ? 0 : 0.1;
		else if (literals.length === 0) score += 1;
		else score += literals.includes(given) ? 10 : -10;
	}
	return score;
}

function listed(forms: readonly Schema[]): string {
	const texts = [...new Set(forms.map(formOf))];
	const last = texts.length > 1 ? ` or ${texts.pop()}` : "";
	return `${texts.join(", ")}${last}`;
}

function formOf(schema: Schema): string {
	const { def } = schema._zod;
	const literals = literalsOf(schema);
	if (literals.length > 0) return literals.map((literal) => JSON.stringify(literal)).join(", ");
	if (def.type !== "object") return names[def.type] ?? z.globalRegistry.get(schema)?.description ?? def.type;
	const keys = Object.entries(def.shape).map(([key, member]) => {
		const [literal] = literalsOf(bare(member));
		return `${key}${isOptional(member as Schema) ? "?" : ""}${literal === undefined ? "" : `: ${JSON.stringify(literal)}`}`;
	});
	return keys.length === 0 ? "a map" : `{ ${keys.join(", ")} }`;
}

const names: Partial<Record<Schema["_zod"]["def"]["type"], string>> = {
	...{ string: "a text", number: "a number", boolean: "true or false", null: "null" },
	...{ array: "a list", record: "a map", union: "one of several forms" },
};

function unknownName(what: string, name: string, known: readonly string[]): Pick<Found, "problem" | "hint"> {
	const all = `known here: ${known.slice(0, MAX_LISTED).join(", ")}${known.length > MAX_LISTED ? " ..." : ""}`;
	return {
		problem: `unknown ${what} "${name}"`,
		hint: didYouMean(name, known) ?? (known.length > 0 ? all : undefined),
	};
}

const isOptional = ({ _zod: { optin, def } }: Schema): boolean =>
	optin === "optional" || def.type === "default" || def.type === "prefault";

const keysOf = ({ _zod: { def } }: Schema): string[] => (def.type === "object" ? Object.keys(def.shape) : []);

/** The values of what can be nothing else. */
function literalsOf(schema: Schema | undefined): unknown[] {
	const def = schema?._zod.def;
	return def?.type === "literal" ? def.values : def?.type === "enum" ? Object.values(def.entries) : [];
}

const isMap = (value: unknown): value is { [key: string]: unknown } =>
	typeof value === "object" && value !== null && !Array.isArray(value);

const memberOf = (value: unknown, part: PropertyKey): unknown =>
	typeof value === "object" && value !== null && Object.hasOwn(value, part)
		? (value as { [part: PropertyKey]: unknown })[part]
		: undefined;

/** Without what only makes it optional, gives a default or waits for its name. */
function bare(schema: unknown): Schema {
	const { def } = (schema as Schema)._zod;
	if ("innerType" in def) return bare(def.innerType);
	if (def.type === "lazy") return bare(def.getter());
	if (def.type === "pipe") return bare((def.in as Schema)._zod.def.type === "transform" ? def.out : def.in);
	return schema as Schema;
}

function inside({ _zod: { def } }: Schema, part: PropertyKey): Schema | undefined {
	if (def.type === "object") return Object.hasOwn(def.shape, part) ? bare(def.shape[part as string]) : undefined;
	if (def.type === "array") return bare(def.element);
	return def.type === "record" ? bare(def.valueType) : undefined;
}
