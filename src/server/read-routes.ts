/** Routes that only look. */
import type { Context } from "hono";
import { z } from "zod";
import { MusterError } from "../errors.ts";
import type { RunView, TaskView } from "../orchestrator/view.ts";
import { explain } from "../schema.ts";
import { taskStates } from "../task/task.ts";
import type { KnownWorkflow } from "../workflow/catalog.ts";
import { kindOf, type StepDefinition, type StepKind } from "../workflow/definition.ts";
import { runStates } from "../workflow/run.ts";
import type { App, Variables } from "./app.ts";

type Asked = Context<{ Variables: Variables }>;

/** A workflow as lists show it; one whose file is not valid has `error` and nothing of its content. */
export interface WorkflowView {
	name: string;
	file?: string;
	version?: string;
	description?: string;
	hash?: string;
	inputs?: KnownWorkflow["definition"]["inputs"];
	/** Of the main list. */
	steps?: { id: string; kind: StepKind; skill?: string; workflow?: string; needs: string[] }[];
	error?: { code: string; message: string };
}

const DEFAULT_LIMIT = 100;
const word = z.string().min(1).max(64);
const id = z.string().min(1).max(256);
const limit = (most: number) => z.coerce.number().int().min(1).max(most).default(DEFAULT_LIMIT);
const pageQuery = z.strictObject({
	limit: limit(200),
	cursor: z.string().min(1).max(1_024).optional(),
	since: z.iso.datetime({ offset: true }).optional(),
	until: z.iso.datetime({ offset: true }).optional(),
});
/** One state, or several with commas between them. */
const states = <T extends string>(known: readonly T[]) =>
	z
		.string()
		.transform((text) => text.split(","))
		.pipe(z.array(z.enum(known)))
		.optional();
const taskQuery = pageQuery.extend({
	state: states(taskStates),
	type: word.optional(),
	agent: id.optional(),
	run: id.optional(),
	group: id.optional(),
});
const runQuery = pageQuery.extend({ state: states(runStates), workflow: word.optional() });
const deadQuery = z.strictObject({
	limit: limit(1_000),
	type: word.optional(),
	code: word.optional(),
	/** The id of the last one of the page before. */
	after: id.optional(),
});
/** Longest time one request may wait, seconds. A caller that wants more asks again. */
const LONGEST_WAIT = 300;

export function addReadRoutes(app: App): void {
	app.get("/v1/status", (context) => context.json(context.var.orchestrator.status()));
	app.get("/v1/agents", (context) => context.json({ items: context.var.orchestrator.agents() }));
	app.get("/v1/tasks", (context) => context.json(context.var.orchestrator.tasks(parseQuery(context, taskQuery))));
	app.get("/v1/tasks/:id", async (context) => {
		const { orchestrator } = context.var;
		const id = context.req.param("id");
		await waitFor(context, (options) => orchestrator.wait(id, options));
		return context.json(orchestrator.task(id));
	});
	app.get("/v1/runs", (context) => context.json(context.var.orchestrator.runs(parseQuery(context, runQuery))));
	app.get("/v1/runs/:id", async (context) => {
		const { orchestrator } = context.var;
		const id = context.req.param("id");
		await waitFor(context, (options) => orchestrator.waitRun(id, options));
		return context.json(orchestrator.run(id));
	});
	app.get("/v1/runs/:id/tasks", (context) =>
		context.json({ items: context.var.orchestrator.runTasks(context.req.param("id")) }),
	);
	app.get("/v1/runs/:id/watch", (context) => watch(context, context.req.param("id")));
	app.get("/v1/dead", (context) =>
		context.json({ items: context.var.orchestrator.deadLetters(parseQuery(context, deadQuery)) }),
	);
	app.get("/v1/workflows", async (context) => {
		const found = await context.var.orchestrator.catalog.list();
		return context.json({ items: found.map(workflowView) });
	});
	app.get("/v1/workflows/:name", async (context) => {
		const name = context.req.param("name");
		checkName(name);
		return context.json(await context.var.orchestrator.workflow(name));
	});
	app.get("/v1/artifacts/:hash", artifact);
}

/** Over HTTP a workflow has a name; a path would let a caller try which files there are. @throws E_INPUT_INVALID */
export function checkName(name: string): void {
	if (/^[A-Za-z0-9_.-]{1,64}$/.test(name) && !/\.ya?ml$/i.test(name)) return;
	throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(name.slice(0, 80))} cannot be the name of a workflow`, {
		hint: "Send the text of a file as {workflow: {yaml, file}}.",
	});
}

/** What a catalog lists, for callers. */
export function workflowView(found: {
	name: string;
	file?: string;
	workflow?: KnownWorkflow;
	error?: { code: string; message: string };
}): WorkflowView {
	const { name, file, workflow, error } = found;
	if (workflow === undefined) {
		const { code = "E_INTERNAL", message = "" } = error ?? {};
		return { name, ...(file !== undefined && { file }), error: { code, message } };
	}
	const { version, description, inputs, steps } = workflow.definition;
	return {
		name,
		...(file !== undefined && { file }),
		...(version !== undefined && { version }),
		...(description !== undefined && { description }),
		hash: workflow.hash,
		inputs,
		steps: steps.map((step) => ({ id: step.id, kind: kindOf(step), ...whatOf(step), needs: step.needs })),
	};
}

const whatOf = ({ skill, workflow }: StepDefinition): { skill?: string; workflow?: string } => ({
	...(skill !== undefined && { skill }),
	...(workflow !== undefined && { workflow }),
});

function parseQuery<T>(context: Asked, schema: z.ZodType<T>): T {
	const parsed = schema.safeParse(context.req.query());
	if (parsed.success) return parsed.data;
	throw new MusterError("E_INPUT_INVALID", `the query is not right: ${explain(parsed.error)}`);
}

/** `Prefer: wait=N`: the answer comes when the work is over, or after N seconds with what is there then. */
async function waitFor(
	context: Asked,
	wait: (options: { timeout: string; signal: AbortSignal }) => Promise<TaskView | RunView>,
): Promise<void> {
	const seconds = /(?:^|[\s,;])wait=(\d{1,6})(?=$|[\s,;])/i.exec(context.req.header("prefer") ?? "")?.[1];
	if (seconds === undefined) return;
	context.header("preference-applied", `wait=${seconds}`);
	try {
		await wait({ timeout: `${Math.min(Number(seconds), LONGEST_WAIT)}s`, signal: context.req.raw.signal });
	} catch (error) {
		if ((error as { code?: string }).code !== "E_WAIT_TIMEOUT") throw error;
	}
}

/** NDJSON: the run now and at every change; the last line is its end. Read only as fast as the caller takes it. */
function watch(context: Asked, id: string): Response {
	const { orchestrator } = context.var;
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

async function artifact(context: Asked): Promise<Response> {
	const hash = (context.req.param("hash") ?? "").replace(/^sha256:/, "");
	if (!/^[0-9a-f]{64}$/.test(hash)) {
		throw new MusterError("E_ARTIFACT_UNKNOWN", `no artifact is stored under ${hash.slice(0, 80)}`);
	}
	const ref = { ref: `sha256:${hash}`, size: 0, mediaType: "application/octet-stream", name: hash };
	const bytes = await context.var.orchestrator.artifacts.read(ref);
	// Never shown by a browser as what it claims to be: its content comes from outside.
	return new Response(bytes as Uint8Array<ArrayBuffer>, {
		headers: {
			"content-type": "application/octet-stream",
			"content-disposition": `attachment; filename="${hash}"`,
			"cache-control": "private, immutable, max-age=31536000",
			etag: `"${hash}"`,
		},
	});
}
