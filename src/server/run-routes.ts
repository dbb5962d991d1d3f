/** Routes of what runs and tasks wait for from outside, and of runs begun again. Each answers when it is durable. */
import { z } from "zod";
import type { App } from "./app.ts";
import { readBody } from "./body.ts";

const answerRequest = z.strictObject({
	/** Those that are asked; all or nothing. */
	ids: z.array(z.string().min(1)).min(1).max(1_000),
	approved: z.boolean(),
	by: z.string().optional(),
	comment: z.string().optional(),
	/** Of what was seen, by id: refused when something else is asked by now. */
	hashes: z.record(z.string(), z.string()).optional(),
});
const signalRequest = z.strictObject({ name: z.string().min(1).max(200), data: z.unknown().optional() });
const retryRequest = z.strictObject({
	from: z.string().min(1).optional(),
	inputs: z.record(z.string(), z.unknown()).optional(),
	latest: z.boolean().optional(),
});

export function addRunRoutes(app: App): void {
	app.get("/v1/approvals", (context) => context.json({ items: context.var.orchestrator.approvals() }));
	app.post("/v1/approvals", async (context) => {
		const { orchestrator } = context.var;
		const hint = 'It has the form {"ids": ["run_1.approve"], "approved": true, "by": "Ann"}.';
		const { ids, approved, by, comment, hashes } = await readBody(context, answerRequest, hint);
		const options = {
			...(by !== undefined && { by }),
			...(comment !== undefined && { comment }),
			...(hashes !== undefined && { hashes }),
		};
		await (approved ? orchestrator.approve(ids, options) : orchestrator.deny(ids, options));
		return context.json({ answered: ids.length });
	});
	app.post("/v1/runs/:id/signals", async (context) => {
		const { orchestrator } = context.var;
		const { name, data } = await readBody(context, signalRequest, 'It has the form {"name": "go", "data": {}}.');
		const { id } = orchestrator.run(context.req.param("id"));
		await orchestrator.signal(id, name, data ?? null);
		return context.json(orchestrator.run(id));
	});
	app.post("/v1/runs/:id/retry", async (context) => {
		const { orchestrator } = context.var;
		const { from, inputs, latest } = await readBody(context, retryRequest);
		const id = await orchestrator.retryRun(context.req.param("id"), {
			...(from !== undefined && { from }),
			...(inputs !== undefined && { inputs }),
			...(latest !== undefined && { latest }),
		});
		return context.json(orchestrator.run(id), 201, { location: `/v1/runs/${encodeURIComponent(id)}` });
	});
}
