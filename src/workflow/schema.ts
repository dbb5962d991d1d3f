/** The shape of a workflow file, and the intermediate form it compiles to. What the parts mean is for `validate.ts`. */
import { z } from "zod";
import { toMs } from "../duration.ts";
import type { Json } from "../json.ts";
import { defaultRetry } from "../task/retry.ts";
import { priorities } from "../task/task.ts";
import {
	type InputSpec,
	MAX_STEPS,
	type RetryDefinition,
	type StepDefinition,
	type WorkflowDefinition,
} from "./definition.ts";

const text = (max: number) =>
	z
		.string({ error: (issue) => (issue.input === undefined ? "is missing" : "must be a text") })
		.min(1, "must not be empty")
		.max(max, `must have at most ${max} characters`);
const number = z.number({ error: "must be a number" });
const json = z.unknown().transform((value) => value as Json);
const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
	z.enum(names, { error: `must be one of ${names.join(", ")}` });
const texts = z.array(text(200), { error: "must be a text or a list of texts" }).max(MAX_STEPS);
const textOrTexts = z.preprocess((value) => (typeof value === "string" ? [value] : value), texts);
const noMap = { error: "must be a map of names to values" };

const duration = z
	.union([z.string(), z.number()], { error: "must be a duration such as 500ms, 2s or 5m" })
	.transform((value, context) => {
		try {
			return toMs(value, "it");
		} catch {
			context.addIssue({ code: "custom", message: "must be a duration such as 500ms, 2s, 5m, 24h or 7d" });
			return z.NEVER;
		}
	});

const retry = z.strictObject(
	{
		max: z.int("must be a whole number").min(1, "must be at least 1").max(100, "must be at most 100").optional(),
		backoff: oneOf(["exponential", "fixed"]).optional(),
		initial: duration.optional(),
		factor: number.min(1, "must be at least 1").max(100, "must be at most 100").optional(),
		cap: duration.optional(),
		jitter: oneOf(["full", "none"]).optional(),
	},
	noMap,
);

/** What `defaults` and a step have in common. */
const running = {
	priority: oneOf(priorities).optional(),
	timeout: duration.optional(),
	idleTimeout: duration.optional(),
	retry: retry.optional(),
};

const input = z.strictObject(
	{
		type: oneOf(["string", "integer", "number", "boolean", "array", "object"]),
		description: text(2_000).optional(),
		format: oneOf(["path"]).optional(),
		default: json.optional(),
		enum: z.array(json, { error: "must be a list" }).min(1, "must not be empty").max(1_000).optional(),
		minimum: number.optional(),
		maximum: number.optional(),
	},
	noMap,
);

const forEach = z.strictObject({ in: json, as: text(64).default("item") }, { error: "must be a map with in and as" });

const step = z.strictObject(
	{
		id: text(64),
		skill: text(64),
		needs: textOrTexts.default([]),
		if: z.union([z.string(), z.boolean().transform(String)], { error: "must be an expression" }).optional(),
		forEach: forEach.optional(),
		with: json.default({}),
		capabilities: textOrTexts.optional(),
		...running,
	},
	{ error: "must be a map with id and skill" },
);

export const workflowSchema = z.strictObject(
	{
		apiVersion: z.literal("muster/v1", { error: 'must be "muster/v1"' }),
		kind: z.literal("Workflow", { error: 'must be "Workflow"' }),
		name: text(64),
		version: z
			.string("must be a text: put it in quotes")
			.min(1, "must not be empty")
			.max(64, "must have at most 64 characters")
			.optional(),
		description: text(2_000).optional(),
		labels: z.record(z.string(), text(200), noMap).optional(),
		inputs: z.record(z.string(), input, noMap).default({}),
		defaults: z.strictObject(running, noMap).default({}),
		steps: z
			.array(step, { error: (issue) => (issue.input === undefined ? "is missing" : "must be a list of steps") })
			.min(1, "must have at least one step")
			.max(MAX_STEPS, `must have at most ${MAX_STEPS} steps`),
		outputs: z.record(z.string(), json, noMap).default({}),
	},
	{ error: "A workflow file is a map with apiVersion, kind, name and steps" },
);

export type WorkflowFile = z.output<typeof workflowSchema>;

/** Keys of the format that this version does not know yet; they get a clearer message than a misspelt one. */
const planned = {
	workflow: ["engine", "budget", "agents", "onFailure", "triggers", "concurrency"],
	step: ["loop", "wait", "agent", "output", "budget", "model"],
	forEach: ["parallel", "need"],
	defaults: ["model", "budget"],
};

/** The keys that are known, and those that are planned, at a place of the file. */
export function keysAt(path: readonly PropertyKey[]): { known: string[]; planned: string[] } {
	const last = path.at(-1);
	if (last === "retry") return { known: Object.keys(retry.shape), planned: [] };
	if (last === "forEach") return { known: Object.keys(forEach.shape), planned: planned.forEach };
	if (last === "defaults") return { known: Object.keys(running), planned: planned.defaults };
	if (path[0] === "steps") return { known: Object.keys(step.shape), planned: planned.step };
	if (path[0] === "inputs") return { known: Object.keys(input.shape), planned: [] };
	return { known: Object.keys(workflowSchema.shape), planned: planned.workflow };
}

/** The intermediate form: defaults merged into each step, nothing that is undefined. */
export function compile(file: WorkflowFile): WorkflowDefinition {
	return {
		name: file.name,
		...defined({ version: file.version, description: file.description, labels: file.labels }),
		inputs: mapValues(file.inputs, (spec) => defined(spec) as InputSpec),
		steps: file.steps.map((item) => compileStep(item, file.defaults)),
		outputs: file.outputs,
	};
}

function compileStep(item: WorkflowFile["steps"][number], defaults: WorkflowFile["defaults"]): StepDefinition {
	const merged = { ...defaults, ...defined(item) } as typeof item;
	const policy = item.retry || defaults.retry ? { ...defaults.retry, ...item.retry } : undefined;
	return {
		id: item.id,
		skill: item.skill,
		needs: [...new Set(item.needs)],
		with: item.with,
		...defined({
			if: item.if,
			forEach: item.forEach,
			capabilities: item.capabilities,
			priority: merged.priority,
			timeoutMs: merged.timeout,
			idleTimeoutMs: merged.idleTimeout,
			retry: policy && compileRetry(policy),
		}),
	};
}

function compileRetry(policy: z.output<typeof retry>): RetryDefinition {
	const initialMs = policy.initial ?? defaultRetry.initialMs;
	const fixed = policy.backoff === "fixed";
	return {
		maxAttempts: policy.max ?? defaultRetry.maxAttempts,
		initialMs,
		factor: fixed ? 1 : (policy.factor ?? defaultRetry.factor),
		capMs: Math.max(initialMs, policy.cap ?? defaultRetry.capMs),
		jitter: policy.jitter ?? (fixed ? "none" : defaultRetry.jitter),
	};
}

type Defined<Members> = { [Name in keyof Members]?: Exclude<Members[Name], undefined> };

/** The members that are not undefined: an absent member and an undefined one must give the same hash. */
function defined<Members extends object>(members: Members): Defined<Members> {
	return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<Members>;
}

function mapValues<From, To>(record: Record<string, From>, convert: (value: From) => To): Record<string, To> {
	return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, convert(value)]));
}
