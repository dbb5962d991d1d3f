/** Routes that change something. Each answers when what it did is durable. */
import { z } from "zod";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { TaskSpec } from "../task/spec.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { parseWorkflow } from "../workflow/yaml.ts";
import type { App } from "./app.ts";
import { readBody, readJson } from "./body.ts";
import { checkName } from "./read-routes.ts";

/** A name, or the text of a file with the name it has in messages. */
export const workflowRequest = z.union([
	z.string().min(1),
	z.strictObject({ yaml: z.string(), file: z.string().min(1).max(4_096).default("workflow.yaml") }),
]);

const runRequest = z.strictObject({
	workflow: workflowRequest,
	/** Checked against what the workflow declares. */
	inputs: z.unknown().optional(),
});

const retryRequest = z.strictObject({
	/** In place of the old one; checked against the skill's schema. */
	input: z.unknown().optional(),
});

export function addWorkRoutes(app: App): void {
	app.post("/v1/tasks", async (context) => {
		const { orchestrator } = context.var;
		const body = await readJson(context);
		if (Array.isArray(body)) return context.json({ ids: await orchestrator.submitMany(body as TaskSpec[]) }, 201);
		const id = await orchestrator.submit(body as TaskSpec);
		return context.json(orchestrator.task(id), 201, { location: `/v1/tasks/${encodeURIComponent(id)}` });
	});
	app.post("/v1/tasks/:id/cancel", async (context) => {
		const { orchestrator } = context.var;
		const { id } = orchestrator.task(context.req.param("id"));
		await orchestrator.cancel(id);
		return context.json(orchestrator.task(id));
	});
	app.post("/v1/tasks/:id/retry", async (context) => {
		const { orchestrator } = context.var;
		const options = await readBody(context, retryRequest);
		const id = await orchestrator.retry(context.req.param("id"), options);
		return context.json(orchestrator.task(id), 201, { location: `/v1/tasks/${encodeURIComponent(id)}` });
	});
	app.post("/v1/runs", async (context) => {
		const { orchestrator } = context.var;
		const { workflow, inputs = {} } = await readBody(
			context,
			runRequest,
			'It has the form {"workflow": "content-creation", "inputs": {"topic": "..."}}.',
		);
		const id = await orchestrator.startRun(definitionOf(workflow), inputs as Record<string, unknown>);
		return context.json(orchestrator.run(id), 201, { location: `/v1/runs/${encodeURIComponent(id)}` });
	});
	app.post("/v1/runs/:id/cancel", async (context) => {
		const { orchestrator } = context.var;
		const { id } = orchestrator.run(context.req.param("id"));
		await orchestrator.cancel(id);
		return context.json(orchestrator.run(id));
	});
}

export function definitionOf(workflow: z.output<typeof workflowRequest>): Parameters<Orchestrator["startRun"]>[0] {
	if (typeof workflow === "string") {
		checkName(workflow);
		return workflow;
	}
	const definition: WorkflowDefinition = parseWorkflow(workflow.yaml, workflow.file);
	return definition;
}
