/** What starts work by itself: schedules, enabled workflows, events and webhooks. Each answers when it is durable. */
import { z } from "@hono/zod-openapi";
import { type Route, route } from "../route.ts";
import { eventSpec, scheduleSpec } from "../schemas/task-spec.ts";
import { delivery, enabled, schedule, started } from "../schemas/workflow.ts";
import { byId, definitionOf, inputs, LOCATION, listOf, workflowRequest } from "./fields.ts";

/** Who calls a webhook has no token, so less is read of it. */
const MAX_WEBHOOK_BYTES = 1024 * 1024;

const schedules = route(
	{
		...{ name: "schedules", method: "get", path: "/v1/schedules", role: "viewer", tag: "schedules" },
		summary: "Schedules, in the order of their next fires",
		answers: { 200: listOf(schedule, "Schedule") },
		etag: true,
	},
	({ orchestrator }) => ({ status: 200, body: { items: orchestrator.schedules() } }),
);

const setSchedule = route(
	{
		...{ name: "schedule", method: "post", path: "/v1/schedules", role: "operator", tag: "schedules" },
		summary: "Submit a task at times",
		description: "The same id again changes nothing, or takes the place of the schedule before.",
		body: scheduleSpec,
		answers: { 201: schedule },
		sends: LOCATION,
		problems: ["E_INPUT_INVALID", "E_INPUT_TOO_LARGE", "E_QUEUE_FULL", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body }) => {
		const id = await orchestrator.schedule(body);
		const view = orchestrator.schedules().find((one) => one.id === id);
		if (view === undefined) throw new Error(`the schedule ${id} is not among the schedules`);
		return { status: 201, body: view, headers: { location: `/v1/schedules/${encodeURIComponent(id)}` } };
	},
);

const unschedule = route(
	{
		...{ name: "unschedule", method: "delete", path: "/v1/schedules/{id}", role: "operator", tag: "schedules" },
		summary: "Delete a schedule; what it started goes on",
		params: byId,
		answers: { 200: z.strictObject({ id: z.string(), deleted: z.literal(true) }).openapi("Deleted") },
		problems: ["E_SCHEDULE_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params: { id } }) => {
		await orchestrator.unschedule(id);
		return { status: 200, body: { id, deleted: true as const } };
	},
);

const triggers = route(
	{
		...{ name: "enabledWorkflows", method: "get", path: "/v1/triggers", role: "viewer", tag: "triggers" },
		summary: "Workflows whose triggers start runs",
		answers: { 200: listOf(enabled, "EnabledWorkflow") },
		etag: true,
	},
	async ({ orchestrator }) => ({ status: 200, body: { items: await orchestrator.enabledWorkflows() } }),
);

const enable = route(
	{
		...{ name: "enableWorkflow", method: "post", path: "/v1/triggers", role: "operator", tag: "triggers" },
		summary: "From now on the triggers of a workflow start runs",
		subject: (_, answer) => answer?.workflow,
		body: z
			.strictObject({ workflow: workflowRequest, inputs })
			.openapi("EnableWorkflow", { example: { workflow: "content-creation", inputs: { topic: "tidal power" } } }),
		hint: 'It has the form {"workflow": "content-creation", "inputs": {"topic": "..."}}.',
		answers: { 201: enabled },
		problems: [
			...(["E_WORKFLOW_UNKNOWN", "E_WORKFLOW_INVALID", "E_FILE_UNREADABLE", "E_INPUT_INVALID"] as const),
			...(["E_CONFLICT", "E_QUEUE_FULL", "E_STORAGE_FULL"] as const),
		],
	},
	async ({ orchestrator, body: { workflow, inputs = {} } }) => {
		return { status: 201, body: await orchestrator.enableWorkflow(definitionOf(workflow), { inputs }) };
	},
);

const disable = route(
	{
		...{ name: "disableWorkflow", method: "delete", path: "/v1/triggers/{name}", role: "operator", tag: "triggers" },
		summary: "The triggers of a workflow start nothing any more; runs go on",
		params: z.object({ name: z.string().min(1).max(256).openapi({ example: "content-creation" }) }),
		answers: { 200: z.strictObject({ workflow: z.string(), enabled: z.literal(false) }).openapi("Disabled") },
		problems: ["E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params: { name } }) => {
		await orchestrator.disableWorkflow(name);
		return { status: 200, body: { workflow: name, enabled: false as const } };
	},
);

const sendEvent = route(
	{
		...{ name: "sendEvent", method: "post", path: "/v1/events", role: "operator", tag: "triggers" },
		summary: "An event for whoever waits for it",
		subject: ({ type }) => type,
		description: "Ends every open wait that it fits, and starts a run of each enabled workflow that it triggers.",
		body: eventSpec,
		answers: { 202: delivery },
		problems: ["E_INPUT_INVALID", "E_INPUT_TOO_LARGE", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body }) => ({ status: 202, body: await orchestrator.sendEvent(body) }),
);

const webhook = route(
	{
		...{ name: "webhook", method: "post", path: "/hooks/{path}", role: "anyone", tag: "triggers" },
		summary: "Call a webhook of an enabled workflow",
		description: "Without a token; signed as https://www.standardwebhooks.com says. The path may have several parts.",
		params: z.object({ path: z.string().min(1).max(1_000).openapi({ example: "orders" }) }),
		headers: z.object({
			"webhook-id": z.string().optional().openapi({ description: "Of this call; the same id starts a run once." }),
			"webhook-timestamp": z.string().optional().openapi({ description: "Seconds since 1970." }),
			"webhook-signature": z
				.string()
				.optional()
				.openapi({ description: "`v1,` and HMAC-SHA256 of `id.timestamp.body`." }),
		}),
		bytes: MAX_WEBHOOK_BYTES,
		answers: { 202: started },
		problems: ["E_UNAUTHORIZED", "E_INPUT_INVALID", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, bytes, context }) => {
		const path = context.req.path.slice("/hooks/".length);
		const header = (name: string): string | undefined => context.req.header(name);
		return { status: 202, body: await orchestrator.webhook({ path, body: bytes, header }) };
	},
);

export const scheduleRoutes: readonly Route[] = [schedules, setSchedule, unschedule];
export const triggerRoutes: readonly Route[] = [triggers, enable, disable, sendEvent, webhook];
