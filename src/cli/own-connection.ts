/** The verbs in this process: it owns the data folder for as long as the command takes. */

import { hasCode, MusterError } from "../errors.ts";
import { makeFolder } from "../journal/lock.ts";
import type { Json } from "../json.ts";
import { startOrchestrator } from "../main.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import type { DeadFilter, RetriedDead } from "../orchestrator/queue-controls.ts";
import type { DeadLetterOptions } from "../orchestrator/reader.ts";
import type { RerunOptions } from "../orchestrator/runs.ts";
import type { EnabledView } from "../orchestrator/triggers.ts";
import type { RunView, TaskView } from "../orchestrator/view.ts";
import type { AnswerOptions, Delivery, EventSpec } from "../orchestrator/waits.ts";
import type { ArtifactRef } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import type { KnownWorkflow } from "../workflow/catalog.ts";
import type { Connection, WaitOptions } from "./connection.ts";
import { LogFile } from "./log-file.ts";

export class OwnConnection implements Connection {
	readonly remark?: string;
	readonly #orchestrator: Orchestrator;
	readonly #log: LogFile;

	private constructor(orchestrator: Orchestrator, log: LogFile, work: boolean) {
		this.#orchestrator = orchestrator;
		this.#log = log;
		const { pending, running } = orchestrator.status().taskQueue;
		const left = pending + running;
		if (work && left > 0) this.remark = `${left} unfinished task(s) of this data folder go on meanwhile`;
	}

	/** @param work whether there are agents; without, what is asked is stored and nothing runs */
	static async open(dataDir: string, work: boolean): Promise<OwnConnection> {
		makeFolder(dataDir);
		const log = await LogFile.open(dataDir);
		try {
			const fleet = work ? {} : { workers: 0, coordinators: 0 };
			return new OwnConnection(await startOrchestrator({ dataDir, ...fleet, log }), log, work);
		} catch (error) {
			log.close();
			throw error;
		}
	}

	status = async () => this.#orchestrator.status();
	tasks = async (limit: number) => this.#orchestrator.tasks({ limit });
	runs = async (limit: number) => this.#orchestrator.runs({ limit });
	task = async (id: string) => this.#orchestrator.task(id);
	run = async (id: string) => this.#orchestrator.run(id);
	runTasks = async (id: string) => this.#orchestrator.runTasks(id);
	agents = async () => this.#orchestrator.agents();
	schedules = async () => this.#orchestrator.schedules();
	enabledWorkflows = async () => this.#orchestrator.enabledWorkflows();
	unschedule = (id: string): Promise<void> => this.#orchestrator.unschedule(id);
	disableWorkflow = (name: string): Promise<void> => this.#orchestrator.disableWorkflow(name);
	enableWorkflow = (nameOrFile: string, inputs: Record<string, unknown>): Promise<EnabledView> =>
		this.#orchestrator.enableWorkflow(nameOrFile, { inputs });
	deadLetters = async (options: DeadLetterOptions) => this.#orchestrator.deadLetters(options);
	retryDead = (filter: DeadFilter): Promise<RetriedDead> => this.#orchestrator.retryDead(filter);
	dropDead = (filter: DeadFilter): Promise<number> => this.#orchestrator.dropDead(filter);
	resume = (scope: string): Promise<void> => this.#orchestrator.resume(scope);
	workflow = (nameOrFile: string): Promise<KnownWorkflow> => this.#orchestrator.workflow(nameOrFile);
	approvals = async () => this.#orchestrator.approvals();
	signal = (run: string, name: string, data: Json): Promise<void> => this.#orchestrator.signal(run, name, data);
	answer = (ids: readonly string[], approved: boolean, options: AnswerOptions): Promise<void> =>
		approved ? this.#orchestrator.approve(ids, options) : this.#orchestrator.deny(ids, options);
	sendEvent = (event: EventSpec): Promise<Delivery> => this.#orchestrator.sendEvent(event);
	retryRun = async (id: string, options: RerunOptions): Promise<RunView> =>
		this.#orchestrator.run(await this.#orchestrator.retryRun(id, options));
	cancel = (id: string): Promise<void> => this.#orchestrator.cancel(id);
	watchRun = (id: string, signal: AbortSignal): AsyncIterable<RunView> => this.#orchestrator.watchRun(id, signal);
	artifact = (artifact: ArtifactRef): Promise<Uint8Array> => this.#orchestrator.artifacts.read(artifact);

	pause(scope: string, reason?: string): Promise<void> {
		return this.#orchestrator.pause(scope, { ...(reason !== undefined && { reason }) });
	}

	drain(timeoutMs?: number): Promise<void> {
		return this.#orchestrator.drain({ ...(timeoutMs !== undefined && { timeout: timeoutMs }) });
	}

	async retry(id: string, options: { input?: Json }): Promise<TaskView> {
		return this.#orchestrator.task(await this.#orchestrator.retry(id, options));
	}

	async submit(spec: TaskSpec): Promise<TaskView> {
		return this.#orchestrator.task(await this.#orchestrator.submit(spec));
	}

	async startRun(nameOrFile: string, inputs: Record<string, unknown>): Promise<RunView> {
		return this.#orchestrator.run(await this.#orchestrator.startRun(nameOrFile, inputs));
	}

	async wait(id: string, { timeoutMs, signal }: WaitOptions): Promise<TaskView> {
		try {
			return await this.#orchestrator.wait(id, {
				...(timeoutMs !== undefined && { timeout: timeoutMs }),
				...(signal && { signal }),
			});
		} catch (error) {
			if (!hasCode(error, "E_WAIT_TIMEOUT")) throw error;
			throw new MusterError("E_WAIT_TIMEOUT", `${id} was not done in time; it goes on at the next start`, {
				hint: "Keep a server running with: muster up",
				cause: error,
			});
		}
	}

	/** What still runs is stored and goes on at the next start: the command's own work is over, or was given up. */
	async close(): Promise<void> {
		await this.#orchestrator.shutdown({ grace: 0 });
		this.#log.close();
	}
}
