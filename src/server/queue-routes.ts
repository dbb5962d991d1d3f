/** Routes that steer the queue as a whole. Each answers when what it did is durable. */
import { z } from "zod";
import type { PauseScope } from "../orchestrator/scope.ts";
import type { App } from "./app.ts";
import { readBody } from "./body.ts";

/** `all` (the default), `type:T`, `workflow:W` or `run:R`; or {"type": "T"} and so on. Read by the orchestrator. */
const scope = z.unknown().optional();
const resumeRequest = z.strictObject({ scope });
const pauseRequest = z.strictObject({ scope, reason: z.string().optional() });
const drainRequest = z.strictObject({
	/** Longest wait, for example "30s". */
	timeout: z.union([z.number(), z.string()]).optional(),
});
const deadRequest = z.strictObject({
	type: z.string().min(1).max(64).optional(),
	code: z.string().min(1).max(64).optional(),
	limit: z.int().min(1).max(1_000).optional(),
	ids: z.array(z.string().min(1).max(256)).min(1).max(1_000).optional(),
});

const SCOPE_HINT = 'It has the form {"scope": "type:research", "reason": "..."}; without a scope everything is meant.';

export function addQueueRoutes(app: App): void {
	app.post("/v1/pause", async (context) => {
		const { orchestrator } = context.var;
		const { scope, reason } = await readBody(context, pauseRequest, SCOPE_HINT);
		await orchestrator.pause(scope as PauseScope | undefined, { ...(reason !== undefined && { reason }) });
		return context.json({ paused: orchestrator.status().paused });
	});
	app.post("/v1/resume", async (context) => {
		const { orchestrator } = context.var;
		const { scope } = await readBody(context, resumeRequest, SCOPE_HINT);
		await orchestrator.resume(scope as PauseScope | undefined);
		return context.json({ paused: orchestrator.status().paused });
	});
	app.post("/v1/drain", async (context) => {
		const { orchestrator } = context.var;
		const { timeout } = await readBody(context, drainRequest);
		await orchestrator.drain({ ...(timeout !== undefined && { timeout }) });
		return context.json({ paused: orchestrator.status().paused });
	});
	app.post("/v1/dead/retry", async (context) => {
		const filter = await readBody(context, deadRequest);
		return context.json(await context.var.orchestrator.retryDead(filter));
	});
	app.post("/v1/dead/drop", async (context) => {
		const filter = await readBody(context, deadRequest);
		return context.json({ dropped: await context.var.orchestrator.dropDead(filter) });
	});
}
