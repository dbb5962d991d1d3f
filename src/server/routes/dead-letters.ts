/** Tasks that failed for good: listed, submitted again, put away. */
import { z } from "@hono/zod-openapi";
import type { RetriedDead } from "../../orchestrator/queue-controls.ts";
import { type Route, route } from "../route.ts";
import { errorData } from "../schemas/error.ts";
import { count, exactly } from "../schemas/exactly.ts";
import { task } from "../schemas/task.ts";
import { cursor, id, limitOf, pageOf, word } from "./fields.ts";

const tag = "dead letters";

const filter = z
	.strictObject({
		type: word.optional(),
		code: word.optional().openapi({ example: "E_TIMEOUT" }),
		limit: z.int().min(1).max(1_000).optional(),
		ids: z.array(id).min(1).max(1_000).optional().openapi({ description: "These and no others." }),
	})
	.openapi("DeadLetterFilter", { description: "Nothing given: all of them.", example: { code: "E_TIMEOUT" } });

const retried = exactly<RetriedDead>()(
	z
		.strictObject({
			ids: z.array(z.string()).openapi({ description: "The new tasks." }),
			left: count.openapi({ description: "How many are not submitted again alone." }),
			refused: z.array(z.strictObject({ id: z.string(), error: errorData })),
		})
		.openapi("RetriedDeadLetters"),
);

const list = route(
	{
		...{ name: "deadLetters", method: "get", path: "/v1/dead-letters", role: "viewer", tag },
		summary: "Failed tasks that were neither submitted again nor put away, newest first",
		query: z.strictObject({ limit: limitOf(1_000), cursor, type: word.optional(), code: word.optional() }),
		answers: { 200: pageOf(task, "DeadLetter") },
		problems: ["E_TASK_UNKNOWN"],
		etag: true,
	},
	({ orchestrator, query: { limit = 100, cursor, ...rest } }) => {
		const items = orchestrator.deadLetters({ ...rest, limit, after: cursor });
		const last = items.length < limit ? undefined : items.at(-1)?.id;
		return { status: 200, body: { items, ...(last !== undefined && { nextCursor: last }) } };
	},
);

const retry = route(
	{
		...{ name: "retryDeadLetters", method: "post", path: "/v1/dead-letters/retry", role: "operator", tag },
		summary: "Submit dead letters again, each once",
		subject: ({ ids }, answer) => answer?.ids ?? ids,
		body: filter,
		answers: { 200: retried },
		problems: ["E_TASK_UNKNOWN", "E_INPUT_INVALID", "E_QUEUE_FULL", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body }) => ({ status: 200, body: await orchestrator.retryDead(body) }),
);

const drop = route(
	{
		...{ name: "dropDeadLetters", method: "post", path: "/v1/dead-letters/drop", role: "operator", tag },
		summary: "Put dead letters away: they are kept, and listed no more",
		subject: ({ ids }) => ids,
		body: filter,
		answers: { 200: z.strictObject({ dropped: count }).openapi("Dropped") },
		problems: ["E_TASK_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body }) => ({ status: 200, body: { dropped: await orchestrator.dropDead(body) } }),
);

export const deadLetterRoutes: readonly Route[] = [list, retry, drop];
