/** Tasks: submitted, looked at, cancelled and done again. Each change answers when it is durable. */
import { z } from "@hono/zod-openapi";
import { MusterError } from "../../errors.ts";
import type { TaskView } from "../../orchestrator/view.ts";
import type { TaskSpec } from "../../task/spec.ts";
import { isTerminal, taskStates } from "../../task/task.ts";
import { prefer, waitAsPreferred, waitingAnswers } from "../prefer.ts";
import { type Route, route } from "../route.ts";
import { task, why } from "../schemas/task.ts";
import { taskSpec } from "../schemas/task-spec.ts";
import { byId, id, idempotencyKey, LOCATION, pageFields, pageOf, REPLAYED, states, word } from "./fields.ts";

const tag = "tasks";
const placeOf = (id: string): { location: string } => ({ location: `/v1/tasks/${encodeURIComponent(id)}` });

const REFUSED = [
	...(["E_INPUT_INVALID", "E_INPUT_TOO_LARGE", "E_DEPENDENCY_UNKNOWN", "E_DEPENDENCY_FAILED"] as const),
	...(["E_DEPENDENCY_CYCLE", "E_IDEMPOTENCY_CONFLICT", "E_CONFLICT", "E_QUEUE_FULL", "E_STORAGE_FULL"] as const),
];

const submit = route(
	{
		...{ name: "submit", method: "post", path: "/v1/tasks", role: "operator", tag },
		summary: "Submit one task",
		description: "Answers when it is durable. With `Prefer: wait=N` it answers with the result, or with 202.",
		headers: z.object({ prefer, "idempotency-key": idempotencyKey }),
		body: taskSpec,
		hint: 'A task has a type, and perhaps an input: {"type": "research", "input": {"topic": "tidal power"}}.',
		answers: { 200: task, 201: task, 202: task },
		sends: { ...LOCATION, ...REPLAYED, ...waitingAnswers },
		problems: REFUSED,
	},
	async ({ orchestrator, headers, body, context }) => {
		const [placed] = await orchestrator.place([withKey(body, headers["idempotency-key"])]);
		const { id, known } = placed as { id: string; known: boolean };
		const waited = await waitAsPreferred(context, headers.prefer, (options) => orchestrator.wait(id, options));
		const view = orchestrator.task(id);
		const status = waited === undefined ? 201 : isTerminal(view.state) ? 200 : 202;
		const replayed = known && headers["idempotency-key"] !== undefined ? { "idempotency-replayed": "true" } : {};
		return { status, body: view, headers: { ...placeOf(id), ...waited, ...replayed } };
	},
);

/** @throws E_INPUT_INVALID */
function withKey(spec: TaskSpec, key: string | undefined): TaskSpec {
	if (key === undefined) return spec;
	if (spec.idempotencyKey !== undefined && spec.idempotencyKey !== key) {
		throw new MusterError(
			"E_INPUT_INVALID",
			"the header Idempotency-Key and the body's idempotencyKey are not the same",
		);
	}
	return { ...spec, idempotencyKey: key };
}

const submitMany = route(
	{
		...{ name: "submitMany", method: "post", path: "/v1/tasks:batch", role: "operator", tag },
		summary: "Submit several tasks, all or nothing",
		subject: (_, answer) => answer?.ids,
		description: "One acknowledgement for all. A task may depend on another of the batch as `#0`, `#1` ...",
		body: z
			.array(taskSpec)
			.min(1)
			.max(100_000)
			.openapi({ example: [{ type: "collect" }, { type: "analyze", dependsOn: ["#0"] }] }),
		answers: { 201: z.strictObject({ ids: z.array(z.string()) }).openapi("Ids") },
		problems: REFUSED,
	},
	async ({ orchestrator, body }) => ({ status: 201, body: { ids: await orchestrator.submitMany(body) } }),
);

const list = route(
	{
		...{ name: "tasks", method: "get", path: "/v1/tasks", role: "viewer", tag },
		summary: "List tasks",
		description: "What was submitted last comes first, live or over.",
		query: z.strictObject({
			...pageFields,
			state: states(taskStates),
			type: word.optional(),
			agent: id.optional().openapi({ description: "Who holds it, or held it last." }),
			run: id.optional(),
			group: id.optional(),
		}),
		answers: { 200: pageOf(task, "Task") },
		problems: ["E_INPUT_INVALID"],
		etag: true,
	},
	({ orchestrator, query }) => ({ status: 200, body: orchestrator.tasks(query) }),
);

const one = route(
	{
		...{ name: "task", method: "get", path: "/v1/tasks/{id}", role: "viewer", tag },
		summary: "One task, perhaps when it is over",
		params: byId,
		headers: z.object({ prefer }),
		answers: { 200: task },
		sends: waitingAnswers,
		problems: ["E_TASK_UNKNOWN"],
		etag: true,
	},
	async ({ orchestrator, params: { id }, headers, context }) => {
		const waited = await waitAsPreferred(context, headers.prefer, (options) => orchestrator.wait(id, options));
		return { status: 200, body: orchestrator.task(id), ...(waited && { headers: waited }) };
	},
);

const whyRoute = route(
	{
		...{ name: "why", method: "get", path: "/v1/tasks/{id}/why", role: "viewer", tag },
		summary: "Why a task does not run, or how it ended",
		params: byId,
		answers: { 200: why },
		problems: ["E_TASK_UNKNOWN"],
	},
	({ orchestrator, params }) => {
		const view = orchestrator.task(params.id);
		const { id, state, waiting } = view;
		return { status: 200, body: { id, state, why: reasonOf(view), ...(waiting && { waiting }) } };
	},
);

function reasonOf({ state, waiting, error, history }: TaskView): string {
	if (waiting !== undefined) return waiting.text;
	if (state === "running") return `runs on ${history.at(-1)?.agent ?? "an agent"}`;
	if (state === "completed") return "is completed";
	return `is ${state}${error === undefined ? "" : `: ${error.message}`}`;
}

const cancel = route(
	{
		...{ name: "cancelTask", method: "post", path: "/v1/tasks/{id}/cancel", role: "operator", tag },
		summary: "Cancel a task",
		description:
			"With all that depends on it and its children. Answers when nothing of it runs. Of one that is over nothing changes.",
		params: byId,
		answers: { 200: task },
		problems: ["E_TASK_UNKNOWN", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, params }) => {
		const { id } = orchestrator.task(params.id);
		await orchestrator.cancel(id);
		return { status: 200, body: orchestrator.task(id) };
	},
);

const retry = route(
	{
		...{ name: "retryTask", method: "post", path: "/v1/tasks/{id}/retry", role: "operator", tag },
		summary: "Submit a task that failed again, once",
		params: byId,
		body: z
			.strictObject({ input: z.unknown().optional().openapi({ description: "In place of the old one." }) })
			.openapi("RetryTask", { example: {} }),
		answers: { 201: task },
		sends: LOCATION,
		problems: ["E_TASK_UNKNOWN", ...REFUSED],
	},
	async ({ orchestrator, params, body }) => {
		const id = await orchestrator.retry(params.id, body);
		return { status: 201, body: orchestrator.task(id), headers: placeOf(id) };
	},
);

export const taskRoutes: readonly Route[] = [submit, submitMany, list, one, whyRoute, cancel, retry];
