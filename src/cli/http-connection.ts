/** The verbs through a running server. */
import { dirname } from "node:path";
import type { NewToken, TokenView } from "../access/callers.ts";
import { toMs } from "../duration.ts";
import { type ErrorCode, fromErrorData, MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { Page } from "../orchestrator/page.ts";
import type { DeadFilter, RetriedDead } from "../orchestrator/queue-controls.ts";
import type { DeadLetterOptions, RunQuery, TaskQuery } from "../orchestrator/reader.ts";
import type { RerunOptions } from "../orchestrator/runs.ts";
import type { ScheduleView } from "../orchestrator/schedule-view.ts";
import type { Status } from "../orchestrator/status.ts";
import type { EnabledView } from "../orchestrator/triggers.ts";
import type { AgentView, RunView, TaskView } from "../orchestrator/view.ts";
import type { AnswerOptions, ApprovalView, Delivery, EventSpec } from "../orchestrator/waits.ts";
import type { WorkflowView } from "../server/workflow-view.ts";
import type { ArtifactRef } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import { isTerminal } from "../task/task.ts";
import type { KnownWorkflow } from "../workflow/catalog.ts";
import type { Connection, WaitOptions } from "./connection.ts";

const ALIVE_MS = 2_000;
const ANSWER_MS = 30_000;
/** One request waits for this long; then it is asked again, so that no connection stands still for hours. */
const WAIT_SECONDS = 25;

/** Whether the server that the folder's owner announced answers there, and no other one. */
export async function isAlive(url: string, pid: number): Promise<boolean> {
	try {
		const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(ALIVE_MS) });
		return ((await response.json()) as { pid?: number }).pid === pid;
	} catch {
		return false;
	}
}

const isFile = (nameOrFile: string): boolean => /\.ya?ml$/i.test(nameOrFile);

/** Lists are written with commas. */
function queryText(values: { [name: string]: unknown }): string {
	const query = new URLSearchParams();
	for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
	return query.size === 0 ? "" : `?${query}`;
}

interface Request {
	method?: "GET" | "POST" | "DELETE";
	body?: unknown;
	headers?: Record<string, string>;
	signal?: AbortSignal;
	/** Milliseconds for the whole answer; 0 for no limit. */
	limitMs?: number;
}

export class HttpConnection implements Connection {
	readonly url: string;
	readonly #token: string;
	readonly #answerMs: number;

	/** @param timeout longest time for one answer, when the caller gave one */
	constructor(url: string, token: string, timeout?: string) {
		this.url = url;
		this.#token = token;
		this.#answerMs = timeout === undefined ? ANSWER_MS : toMs(timeout, "--timeout");
	}

	status = (): Promise<Status> => this.#json("/v1/status");
	tasks = (query: TaskQuery): Promise<Page<TaskView>> => this.#json(`/v1/tasks${queryText({ ...query })}`);
	runs = (query: RunQuery): Promise<Page<RunView>> => this.#json(`/v1/runs${queryText({ ...query })}`);
	task = (id: string): Promise<TaskView> => this.#json(`/v1/tasks/${encodeURIComponent(id)}`);
	run = (id: string): Promise<RunView> => this.#json(`/v1/runs/${encodeURIComponent(id)}`);
	runTasks = (id: string): Promise<TaskView[]> => this.#items(`/v1/runs/${encodeURIComponent(id)}/tasks`);
	agents = (): Promise<AgentView[]> => this.#items("/v1/agents");
	schedules = (): Promise<ScheduleView[]> => this.#items("/v1/schedules");
	enabledWorkflows = (): Promise<EnabledView[]> => this.#items("/v1/triggers");
	unschedule = (id: string): Promise<void> =>
		this.#json(`/v1/schedules/${encodeURIComponent(id)}`, { method: "DELETE" });
	disableWorkflow = (name: string): Promise<void> =>
		this.#json(`/v1/triggers/${encodeURIComponent(name)}`, { method: "DELETE" });
	list = (): Promise<TokenView[]> => this.#items("/v1/tokens");
	create = (token: NewToken): Promise<TokenView & { secret: string }> => this.#post("/v1/tokens", token);
	revoke = (name: string): Promise<void> => this.#json(`/v1/tokens/${encodeURIComponent(name)}`, { method: "DELETE" });
	workflows = (): Promise<WorkflowView[]> => this.#items("/v1/workflows");
	submit = (spec: TaskSpec): Promise<TaskView> => this.#json("/v1/tasks", { method: "POST", body: spec });

	async workflow(nameOrFile: string): Promise<KnownWorkflow> {
		if (!isFile(nameOrFile)) return this.#json(`/v1/workflows/${encodeURIComponent(nameOrFile)}`);
		// A path means something here, not where the server runs: the file goes along as text.
		const { Catalog } = await import("../workflow/catalog.ts");
		return new Catalog([]).find(nameOrFile);
	}

	async startRun(nameOrFile: string, inputs: Record<string, unknown>): Promise<RunView> {
		// Paths begin here, and in a workflow's file in its folder, not where the server was started.
		const { absolutePaths, checkInputs } = await import("../workflow/inputs.ts");
		const { definition } = await this.workflow(nameOrFile);
		if (!isFile(nameOrFile)) {
			const body = { workflow: nameOrFile, inputs: absolutePaths(definition, inputs, process.cwd()) };
			return this.#json("/v1/runs", { method: "POST", body });
		}
		const { readFile } = await import("node:fs/promises");
		const complete = checkInputs(definition, inputs, dirname(nameOrFile));
		const workflow = { yaml: await readFile(nameOrFile, "utf8"), file: nameOrFile };
		const body = { workflow, inputs: absolutePaths(definition, complete, process.cwd()) };
		return this.#json("/v1/runs", { method: "POST", body });
	}

	async enableWorkflow(nameOrFile: string, given: Record<string, unknown>): Promise<EnabledView> {
		const { absolutePaths } = await import("../workflow/inputs.ts");
		const { definition } = await this.workflow(nameOrFile);
		const inputs = absolutePaths(definition, given, process.cwd());
		if (!isFile(nameOrFile)) {
			return this.#json("/v1/triggers", { method: "POST", body: { workflow: nameOrFile, inputs } });
		}
		const { readFile } = await import("node:fs/promises");
		const workflow = { yaml: await readFile(nameOrFile, "utf8"), file: nameOrFile };
		// Paths that the file itself names begin in its folder, which the server does not see.
		const paths = Object.entries(definition.inputs).filter(([name, { format, default: value }]) => {
			return format === "path" && value !== undefined && !Object.hasOwn(inputs, name);
		});
		const defaults = Object.fromEntries(paths.map(([name, { default: value }]) => [name, value]));
		const body = { workflow, inputs: { ...absolutePaths(definition, defaults, dirname(nameOrFile)), ...inputs } };
		return this.#json("/v1/triggers", { method: "POST", body });
	}

	async wait(id: string, { timeoutMs, signal }: WaitOptions): Promise<TaskView> {
		const path = `/v1/tasks/${encodeURIComponent(id)}`;
		for (let leftMs = timeoutMs ?? Number.POSITIVE_INFINITY; ; leftMs -= WAIT_SECONDS * 1_000) {
			const seconds = Math.max(0, Math.min(WAIT_SECONDS, Math.ceil(leftMs / 1_000)));
			const headers = { prefer: `wait=${seconds}` };
			const task = await this.#json<TaskView>(path, { headers, limitMs: 0, ...(signal && { signal }) });
			if (isTerminal(task.state)) return task;
			if (leftMs <= seconds * 1_000) throw late(id);
		}
	}

	async *watchRun(id: string, signal: AbortSignal): AsyncGenerator<RunView> {
		const response = await this.#fetch(`/v1/runs/${encodeURIComponent(id)}/watch`, { signal, limitMs: 0 });
		const decoder = new TextDecoder();
		let rest = "";
		try {
			for await (const chunk of response.body as ReadableStream<Uint8Array>) {
				const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
				rest = lines.pop() ?? "";
				for (const line of lines) yield JSON.parse(line) as RunView;
			}
		} catch (error) {
			if (!signal.aborted) throw this.#unreachable(error);
		}
	}

	approvals = (): Promise<ApprovalView[]> => this.#items("/v1/approvals");

	answer = (ids: readonly string[], approved: boolean, options: AnswerOptions): Promise<void> =>
		this.#post("/v1/approvals", { ids, approved, ...options });

	signal = (run: string, name: string, data: Json): Promise<void> =>
		this.#post(`/v1/runs/${encodeURIComponent(run)}/signals`, { name, data });

	sendEvent = (event: EventSpec): Promise<Delivery> => this.#post("/v1/events", event);

	retryRun = (id: string, options: RerunOptions): Promise<RunView> =>
		this.#post(`/v1/runs/${encodeURIComponent(id)}/retry`, options);

	async cancel(id: string): Promise<void> {
		// Cancelling waits until nothing of it runs any more, and there may be much of it.
		const path = id.startsWith("run_") && !id.includes(".") ? "runs" : "tasks";
		await this.#json(`/v1/${path}/${encodeURIComponent(id)}/cancel`, { method: "POST", limitMs: 0 });
	}

	pause = (scope: string, reason?: string): Promise<void> => this.#post("/v1/pause", { scope, reason });
	resume = (scope: string): Promise<void> => this.#post("/v1/resume", { scope });

	drain(timeoutMs?: number): Promise<void> {
		return this.#json("/v1/drain", { method: "POST", body: { timeout: timeoutMs }, limitMs: 0 });
	}

	deadLetters({ limit, type, code }: DeadLetterOptions): Promise<TaskView[]> {
		return this.#items(`/v1/dead-letters${queryText({ limit, type, code })}`);
	}

	retry = (id: string, options: { input?: Json }): Promise<TaskView> =>
		this.#post(`/v1/tasks/${encodeURIComponent(id)}/retry`, options);

	retryDead = (filter: DeadFilter): Promise<RetriedDead> => this.#post("/v1/dead-letters/retry", filter);

	async dropDead(filter: DeadFilter): Promise<number> {
		return (await this.#post<{ dropped: number }>("/v1/dead-letters/drop", filter)).dropped;
	}

	async artifact({ ref }: ArtifactRef): Promise<Uint8Array> {
		const response = await this.#fetch(`/v1/artifacts/${ref.replace("sha256:", "")}`);
		return new Uint8Array(await response.arrayBuffer());
	}

	async close(): Promise<void> {}

	#post<T>(path: string, body: unknown): Promise<T> {
		return this.#json(path, { method: "POST", body });
	}

	async #items<T>(path: string): Promise<T[]> {
		return (await this.#json<{ items: T[] }>(path)).items;
	}

	async #json<T>(path: string, request: Request = {}): Promise<T> {
		return (await (await this.#fetch(path, request)).json()) as T;
	}

	async #fetch(path: string, request: Request = {}): Promise<Response> {
		const { method = "GET", body, headers = {}, signal, limitMs = this.#answerMs } = request;
		const signals = [signal, limitMs > 0 ? AbortSignal.timeout(limitMs) : undefined].filter((one) => one !== undefined);
		let response: Response;
		try {
			response = await fetch(this.url + path, {
				method,
				headers: {
					authorization: `Bearer ${this.#token}`,
					...(body !== undefined && { "content-type": "application/json" }),
					...headers,
				},
				signal: AbortSignal.any(signals),
				...(body !== undefined && { body: JSON.stringify(body) }),
			});
		} catch (error) {
			if (signal?.aborted) throw signal.reason;
			throw this.#unreachable(error);
		}
		if (!response.ok) throw await problemError(response);
		return response;
	}

	#unreachable(cause: unknown): MusterError {
		const late = (cause as Error).name === "TimeoutError";
		const why = late ? `did not answer within ${this.#answerMs} ms` : "cannot be reached any more";
		return new MusterError("E_UNREACHABLE", `the server at ${this.url} ${why}`, {
			hint: "What it had acknowledged goes on at its next start; look with: muster status",
			cause,
		});
	}
}

function late(id: string): MusterError {
	return new MusterError("E_WAIT_TIMEOUT", `${id} was not done in time; it goes on in the server`, {
		hint: `Look at it with: muster task ${id}`,
	});
}

async function problemError(response: Response): Promise<MusterError> {
	try {
		const { code, detail, retryable, hint, details } = (await response.json()) as {
			code: ErrorCode;
			detail: string;
			retryable: boolean;
			hint?: string;
			details?: Record<string, unknown>;
		};
		return fromErrorData({ code, message: detail, retryable, ...(hint && { hint }), ...(details && { details }) });
	} catch (cause) {
		return new MusterError("E_UNREACHABLE", `the server answered ${response.status} without saying why`, { cause });
	}
}
