/** Runs of workflows as they are answered. */
import { z } from "@hono/zod-openapi";
import type { RunView, StepView } from "../../orchestrator/view.ts";
import { runStates } from "../../workflow/run.ts";
import { errorData } from "./error.ts";
import { count, exactly, json, jsonObject, time } from "./exactly.ts";

const until = time.optional();

const wait = z
	.union([
		z.strictObject({ kind: z.literal("signal"), name: z.string(), until }),
		z.strictObject({ kind: z.literal("event"), type: z.string(), until }),
		z.strictObject({ kind: z.literal("duration"), until }),
		z.strictObject({
			kind: z.literal("approval"),
			title: z.string(),
			content: json,
			hash: z.string(),
			labels: z.record(z.string(), z.string()).optional(),
			until,
		}),
	])
	.openapi("Wait");

const step = exactly<StepView>()(
	z
		.strictObject({
			id: z.string().openapi({ description: "Its path: `edit`, or `edit.2.review` inside of `edit`." }),
			state: z.enum(["running", "completed", "failed", "skipped", "cancelled", "waiting", "not-started"]),
			total: count,
			done: count,
			failed: count,
			fraction: z.number(),
			message: z.string().optional(),
			waiting: z.string().optional().openapi({ description: "Why it has not begun, or why nothing of it runs." }),
			wait: wait.optional(),
			missing: z.array(z.strictObject({ index: count, code: z.string(), message: z.string() })).optional(),
			startedAt: time.optional(),
			endedAt: time.optional(),
			error: errorData.optional(),
		})
		.openapi("Step"),
);

const waiting = exactly<NonNullable<RunView["waiting"]>>()(
	z
		.strictObject({
			reason: z.enum(["group", "misfit", "paused"]),
			text: z.string(),
			holders: z.array(z.string()).optional(),
		})
		.openapi("RunWaiting"),
);

export const run = exactly<RunView>()(
	z
		.strictObject({
			id: z.string(),
			workflow: z.string(),
			hash: z.string().openapi({ description: "Of the definition it is pinned to." }),
			state: z.enum(runStates),
			waiting: waiting.optional(),
			inputs: jsonObject,
			createdAt: time,
			startedAt: time.optional().openapi({ description: "When its concurrency group let it begin." }),
			endedAt: time.optional(),
			steps: z.array(step),
			parent: z.strictObject({ run: z.string(), step: z.string(), index: count }).optional(),
			trigger: z
				.strictObject({
					kind: z.enum(["cron", "event", "webhook"]),
					id: z.string(),
					dueAt: z.number().optional(),
				})
				.optional(),
			fork: z.strictObject({ run: z.string(), step: z.string().optional() }).optional(),
			group: z.string().optional(),
			outputs: jsonObject.optional(),
			error: errorData.optional(),
		})
		.openapi("Run"),
);
