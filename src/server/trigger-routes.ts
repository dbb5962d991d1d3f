/** Routes of what starts work by itself: schedules, enabled workflows, events and webhooks. Each answers when it is durable. */
import { z } from "zod";
import type { ScheduleSpec } from "../orchestrator/schedule-spec.ts";
import type { EventSpec } from "../orchestrator/waits.ts";
import type { App } from "./app.ts";
import { readBody, readBytes, readJson } from "./body.ts";
import { definitionOf, workflowRequest } from "./work-routes.ts";

/** Who calls a webhook has no token, so less is read of it. */
const MAX_WEBHOOK_BYTES = 1024 * 1024;

const enableRequest = z.strictObject({
	workflow: workflowRequest,
	inputs: z.record(z.string(), z.unknown()).optional(),
});
const ENABLE_HINT = 'It has the form {"workflow": "content-creation", "inputs": {"topic": "..."}}.';

export function addTriggerRoutes(app: App): void {
	app.get("/v1/schedules", (context) => context.json({ items: context.var.orchestrator.schedules() }));
	app.post("/v1/schedules", async (context) => {
		const { orchestrator } = context.var;
		const id = await orchestrator.schedule((await readJson(context)) as ScheduleSpec);
		return context.json(orchestrator.schedules().find((schedule) => schedule.id === id) ?? { id }, 201);
	});
	app.delete("/v1/schedules/:id", async (context) => {
		const id = context.req.param("id");
		await context.var.orchestrator.unschedule(id);
		return context.json({ id, deleted: true });
	});
	app.get("/v1/triggers", async (context) =>
		context.json({ items: await context.var.orchestrator.enabledWorkflows() }),
	);
	app.post("/v1/triggers", async (context) => {
		const { workflow, inputs = {} } = await readBody(context, enableRequest, ENABLE_HINT);
		return context.json(await context.var.orchestrator.enableWorkflow(definitionOf(workflow), { inputs }), 201);
	});
	app.delete("/v1/triggers/:name", async (context) => {
		const name = context.req.param("name");
		await context.var.orchestrator.disableWorkflow(name);
		return context.json({ workflow: name, enabled: false });
	});
	app.post("/v1/events", async (context) => {
		return context.json(await context.var.orchestrator.sendEvent((await readJson(context)) as EventSpec), 202);
	});
	app.post("/hooks/*", async (context) => {
		const body = await readBytes(context, MAX_WEBHOOK_BYTES);
		const path = context.req.path.slice("/hooks/".length);
		const header = (name: string): string | undefined => context.req.header(name);
		return context.json(await context.var.orchestrator.webhook({ path, body, header }), 202);
	});
}
