/** Workflows and what starts them by itself, as they are answered. */
import { z } from "@hono/zod-openapi";
import type { ScheduleView } from "../../orchestrator/schedule-view.ts";
import type { EnabledView, Started } from "../../orchestrator/triggers.ts";
import type { ApprovalView, Delivery } from "../../orchestrator/waits.ts";
import type { KnownWorkflow } from "../../workflow/catalog.ts";
import type { InputSpec, WorkflowDefinition } from "../../workflow/definition.ts";
import type { WorkflowView } from "../workflow-view.ts";
import { count, exactly, json, jsonObject, time } from "./exactly.ts";

const inputSpec = exactly<InputSpec>()(
	z
		.strictObject({
			type: z.enum(["string", "integer", "number", "boolean", "array", "object"]),
			description: z.string().optional(),
			format: z.literal("path").optional(),
			default: json.optional(),
			enum: z.array(json).optional(),
			minimum: z.number().optional(),
			maximum: z.number().optional(),
		})
		.openapi("WorkflowInput"),
);
const inputs = z.record(z.string(), inputSpec);

export const workflow = exactly<WorkflowView>()(
	z
		.strictObject({
			name: z.string(),
			file: z.string().optional(),
			version: z.string().optional(),
			description: z.string().optional(),
			hash: z.string().optional(),
			inputs: inputs.optional(),
			steps: z
				.array(
					z.strictObject({
						id: z.string(),
						kind: z.enum(["skill", "workflow", "wait", "loop", "steps"]),
						skill: z.string().optional(),
						workflow: z.string().optional(),
						needs: z.array(z.string()),
					}),
				)
				.optional(),
			error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
		})
		.openapi("Workflow"),
);

/** Described by a schema of its own, `muster workflows schema`. */
const definition = z.looseObject({ name: z.string() }) as unknown as z.ZodType<WorkflowDefinition>;

export const knownWorkflow = exactly<KnownWorkflow>()(
	z.strictObject({ definition, hash: z.string(), file: z.string().optional() }).openapi("WorkflowDefinition"),
);

export interface ValidationView {
	valid: boolean;
	/** Of one that is valid. */
	name?: string;
	hash?: string;
	problems: { line?: number; column?: number; path?: string; message: string; hint?: string }[];
}

export const validation = exactly<ValidationView>()(
	z
		.strictObject({
			valid: z.boolean(),
			name: z.string().optional(),
			hash: z.string().optional(),
			problems: z.array(
				z.strictObject({
					line: count.optional(),
					column: count.optional(),
					path: z.string().optional(),
					message: z.string(),
					hint: z.string().optional(),
				}),
			),
		})
		.openapi("Validation"),
);

export const schedule = exactly<ScheduleView>()(
	z
		.strictObject({
			id: z.string(),
			cron: z.string(),
			timezone: z.string(),
			overlap: z.enum(["skip", "queue", "cancel-previous", "allow"]),
			missed: z.enum(["skip", "last", "all"]),
			task: z.string().optional(),
			workflow: z.string().optional(),
			note: json.optional(),
			createdAt: time,
			nextAt: time.optional(),
			last: z.strictObject({ dueAt: time, as: z.string(), over: z.boolean() }).optional(),
			fired: count,
			skipped: count,
			lastSkip: z.strictObject({ at: time, reason: z.string(), detail: z.string().optional() }).optional(),
			paused: z.string().optional(),
		})
		.openapi("Schedule"),
);

export const enabled = exactly<EnabledView>()(
	z
		.strictObject({
			workflow: z.string(),
			hash: z.string(),
			enabledAt: time,
			inputs: jsonObject,
			triggers: z.array(
				z.union([
					z.strictObject({ cron: z.string(), timezone: z.string(), schedule: z.string() }),
					z.strictObject({ event: z.string(), filter: z.string().optional() }),
					z.strictObject({ webhook: z.string(), problem: z.string().optional() }),
				]),
			),
		})
		.openapi("EnabledWorkflow"),
);

const refused = z.array(z.strictObject({ workflow: z.string(), code: z.string(), message: z.string() }));

export const started = exactly<Started>()(z.strictObject({ runs: z.array(z.string()), refused }).openapi("Started"));

export const delivery = exactly<Delivery>()(
	z.strictObject({ waits: count, runs: z.array(z.string()), refused }).openapi("Delivery"),
);

export const approval = exactly<ApprovalView>()(
	z
		.strictObject({
			id: z.string(),
			title: z.string(),
			content: json,
			hash: z.string().openapi({ description: "SHA-256 of what is asked; an answer may name it." }),
			labels: z.record(z.string(), z.string()),
			askedAt: time,
			until: time.optional(),
			onTimeout: z.enum(["deny", "fail", "continue"]).optional(),
			run: z.string().optional(),
			workflow: z.string().optional(),
			step: z.string().optional(),
			task: z.string().optional(),
			type: z.string().optional(),
		})
		.openapi("Approval"),
);
