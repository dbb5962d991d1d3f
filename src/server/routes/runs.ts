/** Runs of workflows: started, looked at, steered and begun again. Each change answers when it is durable. */
import { z } from "@hono/zod-openapi";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { isRunOver, runStates } from "../../workflow/run.ts";
import { prefer, waitAsPreferred, waitingAnswers } from "../prefer.ts";
import { type Route, route } from "../route.ts";
import { paused } from "../schemas/fleet.ts";
import { run } from "../schemas/run.ts";
import { task } from "../schemas/task.ts";
import {
	byId,
	definitionOf,
	idempotencyKey,
	inputs,
	LOCATION,
	listOf,
	pageFields,
	pageOf,
	REPLAYED,
	states,
	word,
	workflowRequest,
} from "./fields.ts";

const tag = "runs";
const placeOf = (id: string): { location: string } => ({ location: `/v1/runs/${encodeURIComponent(id)}` });

const REFUSED = [
	...([
		"E_WORKFLOW_UNKNOWN",
		"E_WORKFLOW_INVALID",
		"E_FILE_UNREADABLE",
		"E_INPUT_INVALID",
		"E_INPUT_TOO_LARGE",
	] as const),
	...(["E_EXPRESSION", "E_CONFLICT", "E_IDEMPOTENCY_CONFLICT", "E_QUEUE_FULL", "E_STORAGE_FULL"] as const),
];

const start = route(
	{
		...{ name: "startRun", method: "post", path: "/v1/runs", role: "operator", tag },
		summary: "Start a run of a workflow",
		description:
			"By its name, or by the text of a file. With `Prefer: wait=N` it answers with the result, or with 202.",
		headers: z.object({ prefer, "idempotency-key": idempotencyKey }),
		body: z.strictObject({ workflow: workflowRequest, inputs }).openapi("StartRun", {
			example: { workflow: "content-creation", inputs: { topic: "tidal power" } },
		}),
		hint: 'It has the form {"workflow": "content-creation", "inputs": {"topic": "..."}}.',
		answers: { 200: run, 201: run, 202: run },
		sends: { ...LOCATION, ...REPLAYED, ...waitingAnswers },
		problems: REFUSED,
	},
	async ({ orchestrator, headers, body, context }) => {
		const key = headers["idempotency-key"];
		const options = key === undefined ? {} : { idempotencyKey: key };
		const { id, known } = await orchestrator.placeRun(definitionOf(body.workflow), body.inputs, options);
		const waited = await waitAsPreferred(context, headers.prefer, (wait) => orchestrator.waitRun(id, wait));
		const view = orchestrator.run(id);
		const status = waited === undefined ? 201 : isRunOver(view.state) ? 200 : 202;
		const replayed = known ? { "idempotency-replayed": "true" } : {};
		return { status, body: view, headers: { ...placeOf(id), ...waited, ...replayed } };
	},
);

const list = route(
	{
		...{ name: "runs", method: "get", path: "/v1/runs", role: "viewer", tag },
		summary: "List runs",
		description: "What was created last comes first, live or over.",
		query: z.strictObject({ ...pageFields, state: states(runStates), workflow: word.optional() }),
		answers: { 200: pageOf(run, "Run") },
		problems: ["E_INPUT_INVALID"],
		etag: true,
	},
	({ orchestrator, query }) => ({ status: 200, body: orchestrator.runs(query) }),
);

const one = route(
	{
		...{ name: "run", method: "get", path: "/v1/runs/{id}", role: "viewer", tag },
		summary: "One run, perhaps when it is over",
		params: byId,
		headers: z.object({ prefer }),
		answers: { 200: run },
		sends: waitingAnswers,
		problems: ["E_RUN_UNKNOWN"],
		etag: true,
	},
	async ({ orchestrator, params: { id }, headers, context }) => {
		const waited = await waitAsPreferred(context, headers.prefer, (options) => orchestrator.waitRun(id, options));
		return { status: 200, body: orchestrator.run(id), ...(waited && { headers: waited }) };
	},
);

const tasksOf = route(
	{
		...{ name: "runTasks", method: "get", path: "/v1/runs/{id}/tasks", role: "viewer", tag },
		summary: "The tasks of a run, in the order of its steps",
		params: byId,
		answers: { 200: listOf(task, "Task") },
		problems: ["E_RUN_UNKNOWN"],
		etag: true,
	},
	({ orchestrator, params: { id } }) => ({ status: 200, body: { items: orchestrator.runTasks(id) } }),
);

const watch = route(
	{
		...{ name: "watchRun", method: "get", path: "/v1/runs/{id}/watch", role: "viewer", tag },
		summary: "A run now and at every change, one line of JSON each; the last line is its end",
		params: byId,
		answers: { 200: "application/x-ndjson" },
		problems: ["E_RUN_UNKNOWN"],
	},
	({ orchestrator, params: { id } }) => linesOf(orchestrator, id),
);

/** Read only as fast as the caller takes it. */
function linesOf(orchestrator: Orchestrator, id: string): Response {
	orchestrator.run(id); // an unknown id is an answer of its own, not a broken stream
	const gone = new AbortController();
	const views = orchestrator.watchRun(id, gone.signal);
	const encoder = new TextEncoder();
	const body = new ReadableStream<Uint8Array>({
		async pull(controller) {
			const next = await views.next();
			if (next.done) controller.close();
			else controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
		},
		cancel: () => gone.abort(),
	});
	return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}

const cancel = route(
	{
		...{ name: "cancelRun", method: "post", path: "/v1/runs/{id}/cancel", role: "operator", tag },
		summary: "Cancel a run with all that belongs to it",
		description: "Answers when nothing of it runs any more. Of one that is over nothing changes.",
		params: byId,
		answers: { 200: run },
		problems: ["E_RUN_UNKNOWN", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params }) => {
		const { id } = orchestrator.run(params.id);
		await orchestrator.cancel(id);
		return { status: 200, body: orchestrator.run(id) };
	},
);

const pause = route(
	{
		...{ name: "pauseRun", method: "post", path: "/v1/runs/{id}/pause", role: "operator", tag },
		summary: "Nothing of the run starts any more; what runs goes on",
		params: byId,
		body: z
			.strictObject({ reason: z.string().max(500).optional() })
			.openapi("PauseRun", { example: { reason: "wrong input" } }),
		answers: { 200: paused },
		problems: ["E_RUN_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params, body: { reason } }) => {
		const { id } = orchestrator.run(params.id);
		await orchestrator.pause({ run: id }, reason === undefined ? {} : { reason });
		return { status: 200, body: { paused: orchestrator.status().paused } };
	},
);

const resume = route(
	{
		...{ name: "resumeRun", method: "post", path: "/v1/runs/{id}/resume", role: "operator", tag },
		summary: "Ends the pause of a run",
		params: byId,
		answers: { 200: paused },
		problems: ["E_RUN_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params }) => {
		const { id } = orchestrator.run(params.id);
		await orchestrator.resume({ run: id });
		return { status: 200, body: { paused: orchestrator.status().paused } };
	},
);

const signal = route(
	{
		...{ name: "signal", method: "post", path: "/v1/runs/{id}/signals", role: "operator", tag },
		summary: "Send a signal to a run",
		description:
			"Ends the oldest wait of the run for a signal of this name; without one it is kept until a step waits for it.",
		params: byId,
		body: z
			.strictObject({ name: z.string().min(1).max(200), data: z.unknown().optional() })
			.openapi("Signal", { example: { name: "go", data: { by: "Ann" } } }),
		hint: 'It has the form {"name": "go", "data": {}}.',
		answers: { 200: run },
		problems: ["E_RUN_UNKNOWN", "E_CONFLICT", "E_INPUT_INVALID", "E_QUEUE_FULL", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params, body: { name, data } }) => {
		const { id } = orchestrator.run(params.id);
		await orchestrator.signal(id, name, data ?? null);
		return { status: 200, body: orchestrator.run(id) };
	},
);

const retry = route(
	{
		...{ name: "retryRun", method: "post", path: "/v1/runs/{id}/retry", role: "operator", tag },
		summary: "Begin a run that is over again, as a new one",
		description: "What completed is taken over and not done again.",
		params: byId,
		body: z
			.strictObject({
				from: z
					.string()
					.min(1)
					.max(200)
					.optional()
					.openapi({ description: "A step: it and all that needs it is done again." }),
				inputs,
				latest: z.boolean().optional().openapi({ description: "On the present definition, not on the old one." }),
			})
			.openapi("RetryRun", { example: {} }),
		answers: { 201: run },
		sends: LOCATION,
		problems: ["E_RUN_UNKNOWN", ...REFUSED],
	},
	async ({ orchestrator, params, body: { from, inputs, latest } }) => {
		const id = await orchestrator.retryRun(params.id, {
			...(from !== undefined && { from }),
			...(inputs !== undefined && { inputs }),
			...(latest !== undefined && { latest }),
		});
		return { status: 201, body: orchestrator.run(id), headers: placeOf(id) };
	},
);

export const runRoutes: readonly Route[] = [start, list, one, tasksOf, watch, cancel, pause, resume, signal, retry];
