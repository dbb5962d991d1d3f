/** What happened: the events of a task and of a run, and counts over time. */
import { z } from "@hono/zod-openapi";
import type { HistoryPage } from "../../orchestrator/history.ts";
import { type Route, route } from "../route.ts";
import { activity, type EventsView, events } from "../schemas/history.ts";
import { byId, limitOf, word } from "./fields.ts";

const query = z.strictObject({
	limit: limitOf(1_000),
	cursor: z
		.string()
		.regex(/^[0-9]{1,15}$/)
		.optional()
		.openapi({ description: "`nextCursor` of the page before, or the number of an event: what came after it." }),
});

const asked = ({ limit, cursor }: z.output<typeof query>) => ({
	limit,
	...(cursor !== undefined && { after: Number(cursor) }),
});

const viewOf = ({ items, next, complete }: HistoryPage): EventsView => ({
	...{ items, complete },
	...(next !== undefined && { nextCursor: String(next) }),
});

const ofTask = route(
	{
		...{ name: "taskEvents", method: "get", path: "/v1/tasks/{id}/events", role: "viewer", tag: "tasks" },
		summary: "What was told of a task, in the order of the journal",
		params: byId,
		query,
		answers: { 200: events },
		problems: ["E_TASK_UNKNOWN", "E_INPUT_INVALID"],
	},
	async ({ orchestrator, params: { id }, query }) => {
		return { status: 200, body: viewOf(await orchestrator.taskEvents(id, asked(query))) };
	},
);

const ofRun = route(
	{
		...{ name: "runEvents", method: "get", path: "/v1/runs/{id}/events", role: "viewer", tag: "runs" },
		summary: "What was told of a run and its steps, in the order of the journal",
		params: byId,
		query,
		answers: { 200: events },
		problems: ["E_RUN_UNKNOWN", "E_INPUT_INVALID"],
	},
	async ({ orchestrator, params: { id }, query }) => {
		return { status: 200, body: viewOf(await orchestrator.runEvents(id, asked(query))) };
	},
);

const counts = route(
	{
		...{ name: "activity", method: "get", path: "/v1/activity", role: "viewer", tag: "fleet" },
		summary: "How many tasks were submitted, started and ended in each bucket of time",
		query: z.strictObject({
			since: z.iso
				.datetime({ offset: true })
				.optional()
				.openapi({ description: "Default: the last hour; 48 hours are kept." }),
			bucket: z
				.string()
				.regex(/^[1-9][0-9]{0,3}m$/)
				.optional()
				.openapi({ description: "Whole minutes, default `1m`." }),
			type: word.optional(),
		}),
		answers: { 200: activity },
		problems: ["E_INPUT_INVALID"],
	},
	({ orchestrator, query }) => ({ status: 200, body: orchestrator.activity(query) }),
);

export const historyRoutes: readonly Route[] = [ofTask, ofRun, counts];
