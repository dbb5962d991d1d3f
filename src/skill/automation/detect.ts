/** Finds what stands out among observations: by rules for each one, and by statistics over all of them. */
import { z } from "zod";
import { toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { type ArtifactRef, defineSkill, type SkillContext } from "../skill.ts";
import { judge, type Method } from "./detect-statistics.ts";
import { artifactRef, inlineOrStored, json, record } from "./monitor-output.ts";
import { compilePattern } from "./monitor-pattern.ts";

const MAX_OBSERVATIONS = 100_000;
const MAX_ANOMALIES = 10_000;
const MAX_BUCKETS = 100_000;
const MAX_NOTES = 20;
const MAX_INCIDENTS = 60;
const MAX_INCIDENT_TEXT = 160;

const severity = z.enum(["info", "warning", "critical"]);
const ruleId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "use lower-case letters, digits and dashes");
const field = z.string().min(1).max(200);

const rule = z.strictObject({
	id: ruleId.describe("Its name in the anomalies."),
	field: field.describe("Member of the observation, with dots for inner ones."),
	op: z
		.enum([">", ">=", "<", "<=", "==", "!=", "contains", "matches", "missing", "changed"])
		.describe("How its value is compared."),
	value: json.optional().describe("With what; not for `missing` and `changed`."),
	severity: severity.default("warning").describe("Of the anomalies that it finds."),
	describe: z
		.string()
		.max(1_000)
		.optional()
		.describe("`{field}` is replaced by the observation's value; `{value}` and `{expected}` by the anomaly's."),
});

const statistic = z.strictObject({
	id: ruleId.describe("Its name in the anomalies."),
	field: field.describe("Member of the observation, with dots for inner ones."),
	method: z.enum(["zscore", "mad", "iqr", "ewma"]).describe("How what stands out is found."),
	threshold: z.number().positive().optional().describe("From where on it stands out, in the measure of the method."),
	by: field.optional().describe("One series for each value of this field."),
	time: field.optional().describe("The field that holds the time: milliseconds or ISO 8601."),
	bucket: z
		.union([z.string(), z.number()])
		.optional()
		.describe("Judge how many observations have the field in each stretch of time, not its values."),
	severity: severity.default("warning").describe("Of the anomalies that it finds."),
	describe: z.string().max(1_000).optional().describe("Text of an anomaly, as for rules."),
});

export const anomaly = z.object({
	id: z.string(),
	rule: z.string(),
	severity,
	observation: record,
	value: json,
	expected: z.string(),
	text: z.string(),
});

/** One anomaly to respond to, or several of the same severity where there are many. */
const incident = z.object({
	id: z.string(),
	severity,
	count: z.number(),
	text: z.string(),
	/** A JSON array of them, for `act`. */
	anomalies: artifactRef,
});
type Incident = z.infer<typeof incident>;

type Observation = Record<string, Json>;
type Rule = z.infer<typeof rule>;
type Statistic = z.infer<typeof statistic>;
export type Anomaly = z.infer<typeof anomaly>;

const input = z
	.strictObject({
		observations: json
			.optional()
			.describe("A list, a reference to one, or the output of `monitor`. Default: what the task before this one gave."),
		rules: z.array(rule).max(100).default([]).describe("Conditions for each observation by itself."),
		statistics: z.array(statistic).max(20).default([]).describe("What stands out among all of them."),
	})
	.refine(({ rules, statistics }) => rules.length + statistics.length > 0, "give at least one rule or statistic")
	.refine(({ rules, statistics }) => {
		const ids = [...rules, ...statistics].map(({ id }) => id);
		return new Set(ids).size === ids.length;
	}, "two rules have the same id");

const output = z.strictObject({
	checked: z.number().describe("Observations looked at."),
	anomalies: z
		.union([z.array(anomaly), artifactRef])
		.describe("In order of the rules, then of the observations; a reference when they are many."),
	incidents: z
		.array(incident)
		.describe("The same in parts, the most severe first: at most 60, one for each anomaly where there are no more."),
	counts: z
		.record(z.string(), z.number())
		.describe("How many each rule found, also those beyond what `anomalies` holds."),
	notes: z.array(z.string()).describe("What could not be judged, and why."),
});

type Output = z.infer<typeof output>;

export const detect = defineSkill<z.infer<typeof input>, Output>({
	name: "detect",
	description: "Finds observations that break a rule or stand out statistically.",
	pool: "monitoring",
	thread: import.meta.url,
	input,
	output,
	async run({ observations: given, rules, statistics }, context) {
		const observations = await readObservations(given ?? context.previous.at(-1), context);
		const found = findAnomalies(observations, rules, statistics);
		const kept = found.anomalies.slice(0, MAX_ANOMALIES);
		if (found.notes.length > MAX_NOTES) found.notes.splice(MAX_NOTES, Infinity, "and more of the same kind");
		if (kept.length < found.anomalies.length)
			found.notes.push(`${found.anomalies.length} anomalies were found, the first ${MAX_ANOMALIES} are listed`);
		const anomalies = (await inlineOrStored(kept, "anomalies.json", context)) as Anomaly[] | ArtifactRef;
		return { ...found, anomalies, incidents: await incidentsOf(kept, context) };
	},
});

async function incidentsOf(anomalies: readonly Anomaly[], { artifacts }: SkillContext): Promise<Incident[]> {
	const size = Math.max(1, Math.ceil(anomalies.length / (MAX_INCIDENTS - severity.options.length)));
	const incidents: Incident[] = [];
	for (const level of severity.options.toReversed()) {
		const alike = anomalies.filter((each) => each.severity === level);
		for (let from = 0; from < alike.length; from += size) {
			const part = alike.slice(from, from + size);
			const [first] = part as [Anomaly];
			const text = part.length === 1 ? first.text : `${part.length} anomalies, the first: ${first.text}`;
			incidents.push({
				...{ id: first.id, severity: level, count: part.length, text: text.slice(0, MAX_INCIDENT_TEXT) },
				anomalies: await artifacts.put("incident.json", JSON.stringify(part), "application/json"),
			});
		}
	}
	return incidents;
}

async function readObservations(given: Json | undefined, context: SkillContext): Promise<Observation[]> {
	let list = await context.artifacts.json(given ?? null);
	const inside = (list as { observations?: Json } | null)?.observations;
	if (inside !== undefined) list = await context.artifacts.json(inside);
	if (!Array.isArray(list))
		throw new MusterError("E_INPUT_INVALID", "there are no observations to look at", {
			hint: "Give `observations`, or let the task depend on one of the skill `monitor`.",
		});
	if (list.length > MAX_OBSERVATIONS)
		throw new MusterError("E_INPUT_TOO_LARGE", `${list.length} observations are more than ${MAX_OBSERVATIONS}`);
	const wrong = list.findIndex((item) => item === null || typeof item !== "object" || Array.isArray(item));
	if (wrong !== -1) throw new MusterError("E_INPUT_INVALID", `observation ${wrong} is not an object`);
	return list as Observation[];
}

/** Pure: the same observations and rules give the same anomalies with the same ids. */
export function findAnomalies(
	observations: readonly Observation[],
	rules: readonly Rule[],
	statistics: readonly Statistic[],
): { checked: number; anomalies: Anomaly[]; counts: Record<string, number>; notes: string[] } {
	const anomalies: Anomaly[] = [];
	const counts: Record<string, number> = {};
	const notes: string[] = [];
	const collect = (id: string, found: Anomaly[]): void => {
		counts[id] = found.length;
		for (const item of found) anomalies.push(item);
	};
	for (const each of rules) collect(each.id, byRule(observations, each));
	for (const each of statistics) collect(each.id, byStatistic(observations, each, notes));
	return { checked: observations.length, anomalies, counts, notes };
}

/** A member of that very name, else the way through nested objects that its dots describe. */
export function valueAt(observation: Observation, field: string): Json | undefined {
	if (Object.hasOwn(observation, field)) return observation[field];
	let value: Json | undefined = observation;
	for (const part of field.split(".")) {
		if (value === null || typeof value !== "object" || Array.isArray(value) || !Object.hasOwn(value, part))
			return undefined;
		value = value[part];
	}
	return value;
}

function byRule(observations: readonly Observation[], each: Rule): Anomaly[] {
	const breaks = testOf(each);
	let before: Json | undefined;
	return observations.flatMap((observation, index) => {
		const value = valueAt(observation, each.field) ?? null;
		const broken = breaks(value, before);
		const expected = each.op === "changed" ? `still ${show(before ?? null)}` : expectation(each);
		if (value !== null) before = value;
		return broken ? [anomalyOf(each, observation, index, value, expected)] : [];
	});
}

type Test = (value: Json, before: Json | undefined) => boolean;

/** A value that is not there, or of another type than the rule's, breaks no rule but `missing` and `!=`. */
function testOf({ id, op, value: wanted }: Rule): Test {
	const needs = (right: boolean, what: string): void => {
		if (!right) throw new MusterError("E_INPUT_INVALID", `rule "${id}" needs ${what} as its value`);
	};
	const compared = (holds: (order: number) => boolean): Test => {
		needs(typeof wanted === "number" || typeof wanted === "string", "a number or a text");
		return (value) => {
			if (wanted === undefined || wanted === null || value === null || typeof value !== typeof wanted) return false;
			return holds(value > wanted ? 1 : value < wanted ? -1 : 0);
		};
	};
	switch (op) {
		case ">":
			return compared((order) => order > 0);
		case ">=":
			return compared((order) => order >= 0);
		case "<":
			return compared((order) => order < 0);
		case "<=":
			return compared((order) => order <= 0);
		case "==":
		case "!=": {
			needs(wanted !== undefined, "something");
			const text = JSON.stringify(wanted);
			return (value) => (JSON.stringify(value) === text) === (op === "==");
		}
		case "contains":
			needs(wanted !== undefined, "something");
			return (value) =>
				Array.isArray(value)
					? value.some((item) => item === wanted)
					: typeof value === "string" && value.includes(String(wanted));
		case "matches": {
			needs(typeof wanted === "string", "a pattern");
			const pattern = compilePattern(String(wanted));
			return (value) => typeof value === "string" && pattern.test(value);
		}
		case "missing":
			return (value) => value === null || value === "";
		case "changed":
			return (value, before) =>
				value !== null && before !== undefined && JSON.stringify(value) !== JSON.stringify(before);
	}
}

const opposite: Record<Exclude<Rule["op"], "changed">, string> = {
	">": "at most",
	">=": "below",
	"<": "at least",
	"<=": "above",
	"==": "not",
	"!=": "",
	contains: "without",
	matches: "not matching",
	missing: "present",
};

const expectation = ({ op, value }: Rule): string =>
	op === "changed" ? "" : `${opposite[op]} ${op === "missing" ? "" : show(value ?? null)}`.trim();

function byStatistic(observations: readonly Observation[], each: Statistic, notes: string[]): Anomaly[] {
	if (each.bucket !== undefined && each.time === undefined)
		throw new MusterError("E_INPUT_INVALID", `statistic "${each.id}" has a bucket but no time`, {
			hint: 'Name the field that holds the time, for example "time": "time".',
		});
	return seriesOf(observations, each).flatMap(({ name, observations: members }) => {
		const points = each.bucket === undefined ? valuesOf(members, each) : countsOf(members, each, name);
		const method: Method = each.method;
		const { outliers, note } = judge(
			points.map(({ value }) => value),
			method,
			each.threshold,
		);
		if (note !== undefined) notes.push(`${each.id}${name === "" ? "" : ` for ${name}`}: ${note}`);
		return outliers.flatMap(({ index, value, expected }) => {
			const point = points[index];
			return point === undefined ? [] : [anomalyOf(each, point.observation, point.index, value, expected)];
		});
	});
}

interface Member {
	observation: Observation;
	index: number;
}

function seriesOf(observations: readonly Observation[], { by }: Statistic): { name: string; observations: Member[] }[] {
	const members = observations.map((observation, index) => ({ observation, index }));
	if (by === undefined) return [{ name: "", observations: members }];
	const groups = Map.groupBy(members, ({ observation }) => show(valueAt(observation, by) ?? null));
	return [...groups].map(([name, group]) => ({ name, observations: group }));
}

function valuesOf(members: Member[], { field, time }: Statistic): (Member & { value: number })[] {
	const points = members.flatMap((member) => {
		const value = valueAt(member.observation, field);
		return typeof value === "number" ? [{ ...member, value }] : [];
	});
	if (time === undefined) return points;
	return points
		.flatMap((point) => {
			const at = timeOf(point.observation, time);
			return at === undefined ? [] : [{ ...point, at }];
		})
		.sort((a, b) => a.at - b.at || a.index - b.index);
}

/** The count of each bucket, empty ones too, but not of the first and the last: those are cut by where the data begin and end. */
function countsOf(members: Member[], each: Statistic, name: string): (Member & { value: number })[] {
	const width = toMs(each.bucket ?? 0, `bucket of "${each.id}"`);
	if (width < 1) throw new MusterError("E_INPUT_INVALID", `bucket of "${each.id}" is no time at all`);
	const counts = new Map<number, number>();
	for (const { observation } of members) {
		const at = timeOf(observation, each.time ?? "");
		if (at === undefined || valueAt(observation, each.field) === undefined) continue;
		const bucket = Math.floor(at / width);
		counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
	}
	const buckets = [...counts.keys()];
	const [first, last] = [
		buckets.reduce((a, b) => Math.min(a, b), Infinity),
		buckets.reduce((a, b) => Math.max(a, b), -Infinity),
	];
	if (last - first > MAX_BUCKETS)
		throw new MusterError("E_INPUT_TOO_LARGE", `"${each.id}" would have more than ${MAX_BUCKETS} buckets`, {
			hint: "Use longer buckets.",
		});
	const points: (Member & { value: number })[] = [];
	for (let bucket = first + 1; bucket < last; bucket++) {
		const time = new Date(bucket * width).toISOString();
		const value = counts.get(bucket) ?? 0;
		const compact = time.replace(/:|\.000/g, ""); // may become a file name
		const id = name === "" ? compact : `${compact}/${name}`;
		const observation = {
			id,
			time,
			bucket: String(each.bucket),
			count: value,
			...(each.by === undefined ? {} : { [each.by]: name }),
		};
		points.push({ observation, index: points.length, value });
	}
	return points;
}

function timeOf(observation: Observation, field: string): number | undefined {
	const value = valueAt(observation, field);
	const ms = typeof value === "number" ? value : typeof value === "string" ? Date.parse(value) : Number.NaN;
	return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : undefined;
}

function anomalyOf(
	each: Rule | Statistic,
	observation: Observation,
	index: number,
	value: Json,
	expected: string,
): Anomaly {
	const { id } = observation;
	const name = typeof id === "string" || typeof id === "number" ? String(id) : `#${index}`;
	const filled = each.describe?.replace(/\{([^{}]{1,200})\}/g, (_, field: string) => {
		if (field === "value") return show(value);
		return field === "expected" ? expected : show(valueAt(observation, field) ?? null);
	});
	const text = filled ?? `${each.field} is ${show(value)}, expected ${expected}`;
	return { id: `${each.id}.${name}`, rule: each.id, severity: each.severity, observation, value, expected, text };
}

const show = (value: Json): string =>
	typeof value === "string" ? value : value === null ? "missing" : JSON.stringify(value);
