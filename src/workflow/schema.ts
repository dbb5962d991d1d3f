/**
 * The shape of a workflow file. The JSON Schema for editors and the tables of docs/workflow-format.md are made from it, so
 * each key has its description and default here. What the parts mean together is for `validate.ts`.
 */
import { z } from "zod";
import { didYouMean } from "../suggest.ts";
import { topic, webhookPath, workflowName } from "./names.ts";
import { type Path, type Problems, quoteName } from "./problems.ts";
import {
	expression,
	json,
	labels,
	limit,
	map,
	mapOf,
	name,
	number,
	oneOf,
	orJust,
	policies,
	text,
} from "./schema-values.ts";
import { type retry, running, step, steps } from "./step-schema.ts";

const input = map({
	type: oneOf(["string", "integer", "number", "boolean", "array", "object"]).describe("Type of the value."),
	description: text(2_000).optional().describe("What it is, for people."),
	format: oneOf(["path"])
		.optional()
		.describe(
			"The text names a file or folder; the default is relative to the workflow's file, a given one to who gives it.",
		),
	default: json.optional().describe("Value when none is given. Without it the input is required."),
	enum: z
		.array(json, { error: "must be a list" })
		.min(1, "must not be empty")
		.max(1_000)
		.optional()
		.describe("The values that are allowed."),
	minimum: number.optional().describe("Least number."),
	maximum: number.optional().describe("Greatest number."),
}).meta({ id: "input" });

const cron = map({
	expr: text(200).describe("Five or six fields."),
	timezone: text(64).optional().meta({ description: "IANA name, for example Europe/Berlin.", default: "UTC" }),
	overlap: oneOf(["skip", "queue", "cancel-previous", "allow"]).optional().meta({
		description: "When the run of the fire before is not over.",
		default: "skip",
	}),
	missed: oneOf(["skip", "last", "all"]).optional().meta({
		description: "Fires that passed while nothing ran.",
		default: "last",
	}),
});

const triggerEvent = map({
	type: name(topic).describe("Type of the event."),
	filter: expression.optional().describe("Expression over `event`; only an event for which it is true starts a run."),
});

const webhook = map({
	path: name(webhookPath).describe("Last part of the address that is called."),
	secret: text(200).describe("Reference to the HMAC secret: `${env:NAME}` or `${file:PATH}`."),
});

const trigger = map({
	cron: cron.optional().describe("At times."),
	event: orJust("type", triggerEvent).optional().describe("At each event of a type. A text is the type."),
	webhook: webhook.optional().describe("At each signed call of an address."),
	with: mapOf(json)
		.optional()
		.describe(
			"Inputs of the run: templates that see `trigger.dueAt` (cron) or `event` (event and webhook; `event.data` is the body).",
		),
}).meta({ id: "trigger", oneOf: ["cron", "event", "webhook"].map((kind) => ({ required: [kind] })) });

const group = map({
	group: text(1_000).describe("Runs with the same group share the limit; a template over `inputs`."),
	limit: limit.describe("Most runs of the group at the same time."),
	policy: oneOf(policies)
		.default("queue")
		.describe(
			"When the limit is reached. `queue`: the run waits. `cancel-previous`: the oldest is cancelled. `reject`: the run is refused.",
		),
});

export const workflowSchema = map(
	{
		apiVersion: z.literal("muster/v1", { error: 'must be "muster/v1"' }).describe("Version of this format."),
		kind: z.literal("Workflow", { error: 'must be "Workflow"' }).describe("What the file holds."),
		name: name(workflowName).describe("By which it is started; the name of its file without the ending."),
		version: z
			.string("must be a text: put it in quotes")
			.min(1, "must not be empty")
			.max(64, "must have at most 64 characters")
			.optional()
			.describe("For people; runs are pinned to the content, not to this."),
		description: text(2_000).optional().describe("What it does, for people."),
		labels: labels.optional().describe("Free labels."),
		engine: z
			.literal("embedded", { error: 'must be "embedded"; another engine is not supported by this version' })
			.optional()
			.meta({ description: "What runs it.", default: "embedded" }),
		inputs: mapOf(input).default({}).describe("What a run is given, by name: `inputs.NAME` in expressions."),
		defaults: map(running).default({}).describe("For every `skill` step at any depth that does not say otherwise."),
		steps: steps.describe("What is done. A step without `needs` starts at once."),
		onFailure: steps
			.optional()
			.describe("Steps that run when the run has failed, after compensation. Not after a cancel."),
		finally: steps
			.optional()
			.describe("Steps that run at the end of every run, completed or failed. Not after a cancel."),
		outputs: mapOf(json)
			.default({})
			.describe("What a completed run gives, by name; templates over `inputs` and `steps`."),
		triggers: z
			.array(trigger, { error: "must be a list of triggers" })
			.max(100, "must have at most 100 triggers")
			.optional()
			.describe("What starts runs by itself, once the workflow is enabled."),
		concurrency: group.optional().describe("Limits how many runs of a group go on at the same time."),
	},
	"A workflow file is a map with apiVersion, kind, name and steps",
);

export type WorkflowFile = z.output<typeof workflowSchema>;
export type DefaultsFile = WorkflowFile["defaults"];
export type RetryFile = z.output<typeof retry>;

/** Keys of the format that this version does not know yet; they get a clearer message than a misspelt one. */
const planned = new Map<unknown, string[]>([
	[workflowSchema, ["budget", "agents"]],
	[step, ["agent", "budget", "model"]],
	[workflowSchema.shape.defaults.def.innerType, ["model", "budget"]],
]);

/** The keys that are known, and those that are planned, at a place of the file. */
function keysAt(path: readonly PropertyKey[]): { known: string[]; planned: string[] } {
	let at = mapIn(workflowSchema);
	for (const part of path) {
		if (typeof part === "number") continue;
		if (at instanceof z.ZodObject) at = mapIn(at.shape[part as string]);
		else if (at instanceof z.ZodRecord) at = mapIn(at.valueType);
	}
	return at instanceof z.ZodObject
		? { known: Object.keys(at.shape), planned: planned.get(at) ?? [] }
		: { known: [], planned: [] };
}

/** Tells of a key that the map at the path does not have. */
export function addUnknownKey(problems: Problems, path: Path, key: string): void {
	const { known, planned } = keysAt(path);
	if (planned.includes(key)) {
		problems.add([...path, key], `"${key}" is not supported by this version`, undefined, { atKey: true });
		return;
	}
	const hint = () => didYouMean(key, known) ?? `Known here: ${known.join(", ")}.`;
	problems.add([...path, key], `unknown key "${quoteName(key)}"`, hint, { atKey: true });
}

/** The map (or record) that stands behind what is optional, has a default, may be written shorter or is a list. */
function mapIn(schema: unknown): unknown {
	if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return mapIn(schema.def.innerType);
	if (schema instanceof z.ZodPipe) return mapIn(schema.def.out);
	if (schema instanceof z.ZodArray) return mapIn(schema.def.element);
	if (schema instanceof z.ZodLazy) return mapIn(schema.def.getter());
	return schema;
}
