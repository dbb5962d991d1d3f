/** What was told of tasks and runs, and counts over time. */
import { z } from "@hono/zod-openapi";
import type { StoredEvent } from "../../events.ts";
import type { Activity } from "../../orchestrator/activity.ts";
import { count, exactly, time } from "./exactly.ts";

/** Each type has members of its own beside these; they are those of the journal. */
const event = z.looseObject({ seq: count, type: z.string(), at: z.number() }).openapi("Event", {
	example: { seq: 17, type: "task.started", at: 1_796_000_000_000 },
}) as unknown as z.ZodType<StoredEvent>;

export interface EventsView {
	items: StoredEvent[];
	nextCursor?: string;
	complete: boolean;
}

export const events: z.ZodType<EventsView> = z
	.strictObject({
		items: z.array(event),
		nextCursor: z.string().optional().openapi({ description: "There may be more; a page may be short and go on." }),
		complete: z.boolean().openapi({ description: "False when the oldest part is not in the journal any more." }),
	})
	.openapi("EventPage") as unknown as z.ZodType<EventsView>;

const counts = { submitted: count, started: count, completed: count, failed: count, retried: count };

export const activity = exactly<Activity>()(
	z
		.strictObject({
			bucketMs: z.number(),
			buckets: z.array(z.strictObject({ from: time, ...counts, types: z.record(z.string(), z.strictObject(counts)) })),
		})
		.openapi("Activity"),
);
