/**
 * How a command reaches the work: through the server of the data folder when one runs, and otherwise by itself. Commands
 * that only look read what is stored, without owning the folder; those that act open it.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { readToken } from "../access/owner-token.ts";
import { toMs } from "../duration.ts";
import { readEnvironment } from "../environment.ts";
import { hasCode, MusterError } from "../errors.ts";
import { isOwned, readOwner } from "../journal/lock.ts";
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
import type { ArtifactRef } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import type { KnownWorkflow } from "../workflow/catalog.ts";
import { HttpConnection, isAlive } from "./http-connection.ts";
import type { GlobalOptions } from "./program.ts";

/** The server's own status, or what can be said of a folder nobody works on. */
export type StatusView = Status | StoredStatus;

export type StoredStatus = Pick<Status, "timestamp" | "dataDir" | "taskQueue" | "totalAgents" | "runs" | "paused"> & {
	/** `no-server`: a process works on the folder, and only what it has stored can be seen. */
	orchestrator: "stopped" | "no-server";
	/** That process. */
	pid?: number;
	components: { journal: { state: "ready"; lastEvent: number } };
};

/** What can be looked at. */
export interface Reader {
	/** For a person: where this comes from, when it is not a running server. */
	readonly remark?: string;
	/** Of the running server. */
	readonly url?: string;
	status(): Promise<StatusView>;
	/** @throws E_INPUT_INVALID */
	tasks(query: TaskQuery): Promise<Page<TaskView>>;
	/** @throws E_INPUT_INVALID */
	runs(query: RunQuery): Promise<Page<RunView>>;
	/** @throws E_TASK_UNKNOWN */
	task(id: string): Promise<TaskView>;
	/** @throws E_RUN_UNKNOWN */
	run(id: string): Promise<RunView>;
	runTasks(id: string): Promise<TaskView[]>;
	agents(): Promise<AgentView[]>;
	/** In the order of their next fires. */
	schedules(): Promise<ScheduleView[]>;
	enabledWorkflows(): Promise<EnabledView[]>;
	/** What people are asked, the oldest first. */
	approvals(): Promise<ApprovalView[]>;
	deadLetters(options: DeadLetterOptions): Promise<TaskView[]>;
	close(): Promise<void>;
}

export interface WaitOptions {
	timeoutMs?: number;
	signal?: AbortSignal;
}

/** What can be done. */
export interface Connection extends Reader {
	submit(spec: TaskSpec): Promise<TaskView>;
	/** By its name or the path of its file. */
	workflow(nameOrFile: string): Promise<KnownWorkflow>;
	startRun(nameOrFile: string, inputs: Record<string, unknown>): Promise<RunView>;
	/** The task when it is over. @throws E_WAIT_TIMEOUT */
	wait(id: string, options: WaitOptions): Promise<TaskView>;
	/** The run now, at every change, and last when it is over. */
	watchRun(id: string, signal: AbortSignal): AsyncIterable<RunView>;
	cancel(id: string): Promise<void>;
	/** @throws E_SCHEDULE_UNKNOWN, E_CONFLICT for one of an enabled workflow */
	unschedule(id: string): Promise<void>;
	/** By its name or the path of its file. @throws E_CONFLICT without triggers, E_INPUT_INVALID */
	enableWorkflow(nameOrFile: string, inputs: Record<string, unknown>): Promise<EnabledView>;
	/** @throws E_CONFLICT when it is not enabled */
	disableWorkflow(name: string): Promise<void>;
	/** All or nothing. @throws E_APPROVAL_UNKNOWN, E_CONFLICT */
	answer(ids: readonly string[], approved: boolean, options: AnswerOptions): Promise<void>;
	/** @throws E_RUN_UNKNOWN, E_CONFLICT when it is over */
	signal(run: string, name: string, data: Json): Promise<void>;
	/** What it ended and started. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
	sendEvent(event: EventSpec): Promise<Delivery>;
	/** The new run. @throws E_RUN_UNKNOWN, E_CONFLICT while the old one is not over */
	retryRun(id: string, options: RerunOptions): Promise<RunView>;
	/** @param scope `all`, `type:T`, `workflow:W` or `run:R` @throws E_INPUT_INVALID, E_RUN_UNKNOWN */
	pause(scope: string, reason?: string): Promise<void>;
	resume(scope: string): Promise<void>;
	/** Pauses everything; resolves when nothing runs. @throws E_WAIT_TIMEOUT */
	drain(timeoutMs?: number): Promise<void>;
	/** The new task. @param options with an `input`, that takes the old one's place @throws E_CONFLICT, E_INPUT_INVALID */
	retry(id: string, options: { input?: Json }): Promise<TaskView>;
	retryDead(filter: DeadFilter): Promise<RetriedDead>;
	/** Resolves with how many were put away. */
	dropDead(filter: DeadFilter): Promise<number>;
	artifact(artifact: ArtifactRef): Promise<Uint8Array>;
}

/** What a server gives at once. */
const MOST_A_PAGE = 200;

/** Page after page, until there are as many as wanted or no more. */
export async function gather<T>(
	next: (page: { limit: number; cursor: string | undefined }) => Promise<Page<T>>,
	limit: number,
	cursor?: string,
): Promise<Page<T>> {
	const items: T[] = [];
	for (let at = cursor; ; ) {
		const page = await next({ limit: Math.min(limit - items.length, MOST_A_PAGE), cursor: at });
		items.push(...page.items);
		at = page.nextCursor;
		if (at === undefined) return { items };
		if (items.length >= limit) return { items, nextCursor: at };
	}
}

/** How long a command waits for another one that holds the folder for a moment, or for a server that is starting. */
const PATIENCE_MS = 3_000;
const STEP_MS = 50;

export const dataFolder = ({ data }: Pick<GlobalOptions, "data">): string =>
	resolve(data ?? readEnvironment().dataDir ?? "data");

/** The running server of a data folder, or undefined. A description that a dead process left behind counts for nothing. */
export async function findServer(options: GlobalOptions): Promise<HttpConnection | undefined> {
	const folder = dataFolder(options);
	const owner = readOwner(folder);
	if (owner?.url === undefined || !isOwned(folder)) return undefined;
	const token = readToken(folder);
	if (token === undefined || !(await isAlive(owner.url, owner.pid))) return undefined;
	return new HttpConnection(owner.url, token, options.timeout);
}

/** To look. @throws E_DATA_FOLDER when there is nothing to look at */
export async function openReader(options: GlobalOptions): Promise<Reader> {
	checkTimeout(options);
	const server = await findServer(options);
	if (server !== undefined) return server;
	const folder = dataFolder(options);
	checkExists(folder);
	const { StoredReader } = await import("./stored-reader.ts");
	return StoredReader.open(folder, isOwned(folder) ? readOwner(folder) : undefined);
}

export interface OpenOptions {
	/** Without a server: whether agents start and work, or only what is asked is stored. */
	work: boolean;
	/** Whether the data folder may be made. */
	create: boolean;
}

/** To act. @throws E_DATA_FOLDER, E_DATA_FOLDER_LOCKED */
export async function openConnection(options: GlobalOptions, { work, create }: OpenOptions): Promise<Connection> {
	checkTimeout(options);
	if (!create) checkExists(dataFolder(options));
	for (let waited = 0; ; waited += STEP_MS) {
		const server = await findServer(options);
		if (server !== undefined) return server;
		try {
			const { OwnConnection } = await import("./own-connection.ts");
			return await OwnConnection.open(dataFolder(options), work);
		} catch (error) {
			if (!hasCode(error, "E_DATA_FOLDER_LOCKED") || waited >= PATIENCE_MS) throw error;
			await pause(STEP_MS);
		}
	}
}

/** @throws E_DATA_FOLDER */
export function checkExists(folder: string): void {
	if (existsSync(join(folder, "journal.db")) || existsSync(join(folder, "owner.lock"))) return;
	throw new MusterError("E_DATA_FOLDER", `there is no data folder at ${folder}`, {
		hint: "Name it with --data, or begin one with: muster run content-creation",
	});
}

/** Also where nothing has to be waited for: a mistake is told at once, and not only sometimes. */
function checkTimeout({ timeout }: GlobalOptions): void {
	if (timeout !== undefined) toMs(timeout, "--timeout");
}
