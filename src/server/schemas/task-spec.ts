/** What callers submit. What a schema can say is refused with 400; what only its meaning tells, with 422. */
import { z } from "@hono/zod-openapi";
import type { ScheduleSpec } from "../../orchestrator/schedule-spec.ts";
import type { EventSpec } from "../../orchestrator/waits.ts";
import type { TaskSpec } from "../../task/spec.ts";
import { priorities } from "../../task/task.ts";
import { exactly } from "./exactly.ts";

const LONGEST_MS = 10 * 365 * 86_400_000;
/** Beyond it no date can be written. */
const LATEST_MS = 8_000_000_000_000_000;
const MAX_LIMIT = 1_000_000;

/** Each unit with as many digits as ten years have of it. */
const DURATION =
	/^([0-9]{1,11}ms|([0-9]{1,8}(\.[0-9]{1,3})?s)|([0-9]{1,6}(\.[0-9]{1,3})?m)|([0-9]{1,4}(\.[0-9]{1,3})?h)|([0-9]{1,3}(\.[0-9]{1,3})?d))$/;

export const duration = z
	.union([z.number().min(0).max(LONGEST_MS), z.string().regex(DURATION)])
	.openapi("Duration", { description: "Milliseconds, or a text such as 500ms, 2s, 5m, 24h or 7d.", example: "30s" });

const moment = z
	.union([z.int().min(0).max(LATEST_MS), z.iso.datetime({ offset: true })])
	.openapi("Time", { description: "RFC 3339, or milliseconds since 1970.", example: "2026-12-01T07:00:00Z" });

const name = z
	.string()
	.max(64)
	.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/);

/** Without control characters. */
const key = z
	.string()
	.min(1)
	.max(128)
	// biome-ignore lint/suspicious/noControlCharactersInRegex: readers of JSON Schema do not know classes such as Cc
	.regex(/^[^\u0000-\u001f\u007f-\u009f]+$/);

const limit = z.int().min(1).max(MAX_LIMIT);

export const taskSpec = exactly<TaskSpec>()(
	z
		.strictObject({
			type: name.openapi({ description: "The skill that does it.", example: "research" }),
			input: z.unknown().optional().openapi({ description: "JSON, at most 1 MiB. Default null." }),
			priority: z.enum(priorities).optional().openapi({ description: "Default normal." }),
			capabilities: z.array(name).max(32).optional(),
			dependsOn: z
				.array(z.string().min(1).max(256))
				.max(10_000)
				.optional()
				.openapi({ description: "Ids of tasks that must complete first; in a batch also `#0`, `#1` ..." }),
			retry: z
				.union([
					z.literal(false),
					z.strictObject({
						maxAttempts: z.int().min(1).max(1_000).optional(),
						initial: duration.optional(),
						factor: z.number().min(1).max(100).optional(),
						cap: duration.optional(),
						jitter: z.enum(["full", "none"]).optional(),
					}),
				])
				.optional()
				.openapi({ description: "Default: 3 attempts. `false`: one." }),
			timeout: duration.optional(),
			idleTimeout: duration.optional(),
			stallTimeout: duration.optional(),
			deadline: moment.optional(),
			runAt: moment.optional(),
			delay: duration.optional(),
			idempotencyKey: z.string().min(1).max(256).optional(),
			group: z.string().max(128).optional(),
			concurrency: z
				.union([
					key,
					z.strictObject({
						key,
						limit: limit.optional(),
						policy: z.enum(["queue", "cancel-previous", "reject"]).optional(),
					}),
				])
				.optional(),
			rate: z.strictObject({ key, limit, per: duration, burst: limit.optional() }).optional(),
			coalesce: key.optional(),
		})
		.openapi("TaskSpec", { example: { type: "research", input: { topic: "tidal power" } } }),
);

export const scheduleSpec = exactly<ScheduleSpec>()(
	z
		.strictObject({
			cron: z.string().min(1).max(200).openapi({ example: "0 7 * * 1-5" }),
			timezone: z.string().min(1).max(64).optional().openapi({ description: "IANA name. Default UTC." }),
			task: taskSpec,
			id: z
				.string()
				.max(64)
				.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
				.optional(),
			overlap: z.enum(["skip", "queue", "cancel-previous", "allow"]).optional(),
			missed: z.enum(["skip", "last", "all"]).optional(),
			note: z.string().max(500).optional(),
		})
		.openapi("ScheduleSpec", { example: { id: "nightly", cron: "0 3 * * *", task: { type: "collect" } } }),
);

export const eventSpec = exactly<EventSpec>()(
	z
		.strictObject({
			type: z.string().min(1).max(200),
			data: z.unknown().optional(),
			id: z.string().min(1).max(200).optional(),
			source: z.string().max(500).optional(),
		})
		.openapi("EventSpec", { example: { type: "com.example.order.paid", data: { order: 17 } } }),
);
