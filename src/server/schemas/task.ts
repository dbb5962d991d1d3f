/** Tasks as they are answered. */
import { z } from "@hono/zod-openapi";
import type { AskView, AttemptView, TaskView } from "../../orchestrator/view.ts";
import { priorities, taskStates } from "../../task/task.ts";
import { errorData } from "./error.ts";
import { count, exactly, json, time } from "./exactly.ts";

export const id = z.string().min(1).max(256);

const attempt = exactly<AttemptView>()(
	z
		.strictObject({ agent: z.string(), startedAt: time, endedAt: time.optional(), error: errorData.optional() })
		.openapi("Attempt"),
);

type WaitingView = NonNullable<TaskView["waiting"]>;

const waiting = exactly<WaitingView>()(
	z
		.strictObject({
			reason: z.enum([
				...([
					"dependency",
					"delay",
					"back-off",
					"paused",
					"limit",
					"rate",
					"no-capable-agent",
					"no-free-slot",
				] as const),
				...(["starting", "children", "approval", "storage-full", "elsewhere", "stopping"] as const),
			]),
			text: z.string().openapi({ description: "A sentence for a person." }),
			scope: z.string().optional().openapi({ description: "What is paused or limited, for example `type:research`." }),
			since: z.number().optional().openapi({ description: "Since when it is paused, milliseconds since 1970." }),
			holders: z.array(z.string()).optional().openapi({ description: "What it waits for; at most 10 ids." }),
			until: z
				.number()
				.optional()
				.openapi({ description: "When it goes on at the earliest, milliseconds since 1970." }),
			estimateMs: z.number().optional().openapi({ description: "About how long until it starts." }),
		})
		.openapi("TaskWaiting"),
);

const ask = exactly<AskView>()(
	z
		.strictObject({
			title: z.string(),
			content: json,
			hash: z.string(),
			labels: z.record(z.string(), z.string()).optional(),
			askedAt: time,
			until: time.optional(),
			onTimeout: z.enum(["deny", "fail"]),
			answer: z
				.strictObject({
					approved: z.boolean(),
					by: z.string().optional(),
					comment: z.string().optional(),
					at: time,
					expired: z.literal(true).optional(),
				})
				.optional(),
		})
		.openapi("Ask"),
);

const effect = z
	.strictObject({
		state: z.enum(["intended", "done", "failed", "ambiguous"]),
		describe: z.string(),
		at: time,
		result: json.optional(),
		error: errorData.optional(),
	})
	.openapi("Effect");

export const task = exactly<TaskView>()(
	z
		.strictObject({
			id: z.string(),
			type: z.string().openapi({ example: "research" }),
			state: z.enum(taskStates),
			priority: z.enum(priorities),
			input: json,
			submittedAt: time,
			endedAt: time.optional(),
			attempts: count.openapi({ description: "How often it was started." }),
			history: z.array(attempt).openapi({ description: "The last attempts, oldest first." }),
			progress: z.strictObject({ fraction: z.number(), message: z.string().optional() }).optional(),
			signs: z
				.strictObject({ aliveMsAgo: count, activeMsAgo: count, progressMsAgo: count, stuck: z.boolean() })
				.optional()
				.openapi({ description: "While it runs: how long ago it was alive, active and progressing." }),
			output: json.optional(),
			error: errorData.optional(),
			waiting: waiting.optional().openapi({ description: "Why it does not run, while it does not." }),
			dependsOn: z.array(z.string()).optional(),
			children: z.array(z.string()).optional(),
			parent: z.string().optional(),
			run: z.strictObject({ id: z.string(), step: z.string(), index: count }).optional(),
			group: z.string().optional(),
			idempotencyKey: z.string().optional(),
			concurrency: z
				.strictObject({ key: z.string(), limit: count, policy: z.enum(["queue", "cancel-previous", "reject"]) })
				.optional(),
			rate: z.strictObject({ key: z.string(), limit: count, perMs: z.number(), burst: count.optional() }).optional(),
			coalesceKey: z.string().optional(),
			stallTimeoutMs: z.number().optional(),
			retryOf: z.string().optional(),
			crashes: count.optional(),
			losses: count.optional(),
			stalls: count.optional(),
			asks: z.record(z.string(), ask).optional(),
			effects: z.record(z.string(), effect).optional(),
		})
		.openapi("Task"),
);

export interface WhyView {
	id: string;
	state: TaskView["state"];
	/** A sentence for a person. */
	why: string;
	waiting?: WaitingView;
}

export const why = exactly<WhyView>()(
	z
		.strictObject({ id: z.string(), state: z.enum(taskStates), why: z.string(), waiting: waiting.optional() })
		.openapi("Why"),
);
