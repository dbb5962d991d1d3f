/**
 * The verbs. Library, HTTP and command line call these and nothing below them. `main.ts` puts the parts together.
 */
import type { BaseAgent } from "../agent/base-agent.ts";
import type { Announcement } from "../bus/announcement.ts";
import type { OwnBus } from "../bus/bus.ts";
import { MessageBus } from "../bus/message-bus.ts";
import type { Clock } from "../clock.ts";
import type { ThreadPool } from "../compute/threads.ts";
import type { Settings } from "../config.ts";
import { type Duration, toMs } from "../duration.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { StoredEvent } from "../events.ts";
import type { OpenJournal } from "../journal/journal.ts";
import type { Log } from "../log.ts";
import { cascade } from "../scheduler/cascade.ts";
import { Dispatcher } from "../scheduler/dispatcher.ts";
import { type Emit, Ledger } from "../scheduler/ledger.ts";
import { Registry } from "../scheduler/registry.ts";
import type { AnySkill, ArtifactStore } from "../skill/skill.ts";
import type { TaskSpec } from "../task/spec.ts";
import { isTerminal, type Task } from "../task/task.ts";
import type { Catalog, KnownWorkflow } from "../workflow/catalog.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { isRunOver, type Run } from "../workflow/run.ts";
import { type Activity, type ActivityQuery, activityOf } from "./activity.ts";
import { announceAgents } from "./announced-agents.ts";
import { Canceller } from "./canceller.ts";
import { Changes } from "./changes.ts";
import { Crew } from "./crew.ts";
import { type HistoryPage, type HistoryQuery, historyOf } from "./history.ts";
import type { Page } from "./page.ts";
import { type DeadFilter, QueueControls, type RetriedDead } from "./queue-controls.ts";
import { type DeadLetterOptions, Reader, type RunQuery, type TaskQuery } from "./reader.ts";
import { type RerunOptions, Runs, type StartRunOptions } from "./runs.ts";
import { type ScheduleSpec, Schedules, type ScheduleView } from "./schedules.ts";
import type { PauseScope } from "./scope.ts";
import { LoopDelay, type Status, statusOf } from "./status.ts";
import { type Placed, Submitter } from "./submitter.ts";
import { Superseder } from "./superseder.ts";
import { type EnabledView, type Started, Triggers, type WebhookCall } from "./triggers.ts";
import type { AgentView, RunView, TaskView } from "./view.ts";
import { Waiters } from "./waiters.ts";
import { type AnswerOptions, type ApprovalView, type Delivery, type EventSpec, Waits } from "./waits.ts";

export interface OrchestratorParts {
	settings: Settings;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	open: OpenJournal;
	recovered: { tasks: Iterable<Task>; runs: Iterable<Run>; redriven?: Iterable<string> };
	artifacts: ArtifactStore;
	threads: ThreadPool;
	catalog: Catalog;
	skills: readonly AnySkill[];
	createBus(ledger: Ledger): OwnBus;
}

export interface WaitForOptions {
	/** Longest wait, for example "30s". Default none. */
	timeout?: Duration;
	signal?: AbortSignal;
}

/** Watchers of a run hear of changes at most this often. */
const WATCH_MS = 100;
const EVENTS_A_READ = 500;

export class Orchestrator {
	readonly artifacts: ArtifactStore;
	/** Messages between skills, agents and whoever else is here. */
	readonly bus: MessageBus;
	readonly #parts: OrchestratorParts;
	readonly #ledger: Ledger;
	readonly #registry = new Registry();
	readonly #dispatcher: Dispatcher;
	readonly #submitter: Submitter;
	readonly #reader: Reader;
	readonly #canceller: Canceller;
	readonly #superseder: Superseder;
	readonly #crew: Crew;
	readonly #runs: Runs;
	readonly #schedules: Schedules;
	readonly #triggers: Triggers;
	readonly #waits: Waits;
	readonly #controls: QueueControls;
	readonly #waiters: Waiters;
	readonly #changes = new Changes();
	readonly #ownBus: OwnBus;
	#announced: Announcement | undefined;
	readonly #skills: ReadonlyMap<string, AnySkill>;
	readonly #loopDelay = new LoopDelay();
	readonly #startedMs: number;
	#failure: unknown;
	#stopping: Promise<number> | undefined;
	#stopped = false;

	constructor(parts: OrchestratorParts) {
		const { clock, log, settings, open } = parts;
		this.#parts = parts;
		this.artifacts = parts.artifacts;
		this.#startedMs = clock.now();
		this.#skills = new Map(parts.skills.map((skill) => [skill.name, skill]));
		this.#waiters = new Waiters(clock);
		this.#ledger = new Ledger({
			open,
			recovered: parts.recovered,
			followUp: (task, emit) => this.#followUp(task, emit),
			listener: {
				placed: (task) => {
					this.#superseder.placed(task);
					this.#dispatcher.placed(task);
				},
				ended: (task) => this.#taskEnded(task),
				runEnded: (run) => this.#runEnded(run),
				stored: () => {
					this.#dispatcher.pump();
					this.#changes.notify();
				},
			},
		});
		this.#ownBus = parts.createBus(this.#ledger);
		this.bus = new MessageBus(this.#ownBus, { clock, log });
		this.#dispatcher = new Dispatcher({
			clock,
			log,
			ledger: this.#ledger,
			registry: this.#registry,
			artifacts: parts.artifacts,
			bus: this.#ownBus,
			options: settings,
			prepareChildren: (parent, specs) => this.#submitter.children(parent, specs),
			progressed: () => this.#changes.notify(),
			asked: (task) => this.#waits.arm(task),
		});
		const own = { ledger: this.#ledger, registry: this.#registry, dispatcher: this.#dispatcher };
		this.#reader = new Reader({ ...own, clock });
		this.#canceller = new Canceller({ ...own, clock, log });
		this.#superseder = new Superseder({ state: own.ledger.state, canceller: this.#canceller, log });
		this.#crew = new Crew({ ...own, clock, log, startMs: settings.leaseMs });
		this.#submitter = new Submitter({
			ledger: this.#ledger,
			clock,
			newId: parts.newId,
			skill: (type) => this.#skills.get(type),
			maxTasks: settings.maxTasks,
		});
		const { newId, catalog } = parts;
		const { ledger } = own;
		this.#runs = new Runs({
			ledger,
			clock,
			log,
			newId,
			catalog,
			canceller: this.#canceller,
			submitter: this.#submitter,
		});
		this.#controls = new QueueControls({ ...own, reader: this.#reader, submitter: this.#submitter, clock });
		const starting = { ledger, clock, log, newId, runs: this.#runs, maxTasks: settings.maxTasks };
		this.#schedules = new Schedules({
			...starting,
			canceller: this.#canceller,
			skill: (type) => this.#skills.get(type),
		});
		this.#triggers = new Triggers({ ...starting, schedules: this.#schedules });
		this.#waits = new Waits({ ledger, clock, log, newId, runs: this.#runs, triggers: this.#triggers });
		this.#canceller.onRunCancelled = (run, emit) => this.#runs.ended(run, emit);
	}

	/** Begins to work: agents first, then what the data folder still holds. Called once, by `startOrchestrator`. */
	async begin(agents: readonly BaseAgent[]): Promise<void> {
		this.#announced = announceAgents(this.#ownBus, this.#registry, this.#parts);
		await Promise.all(agents.map((agent) => this.addAgent(agent)));
		await this.#runs.recover();
		this.#waits.recover();
		this.#superseder.recover();
		this.#dispatcher.recover();
		this.#canceller.cancelStrays();
		this.#schedules.recover();
	}

	/** Resolves with the task's id when it is durable. @throws see `Submitter.submit` */
	async submit(spec: TaskSpec): Promise<string> {
		const [id] = await this.submitMany([spec]);
		return id as string;
	}

	/** All or nothing, with one acknowledgement. */
	async submitMany(specs: readonly TaskSpec[]): Promise<string[]> {
		return (await this.place(specs)).map(({ id }) => id);
	}

	/** The same, with whether a task was there already under its key. */
	async place(specs: readonly TaskSpec[]): Promise<Placed[]> {
		this.#checkOpen();
		return this.#submitter.submit(specs);
	}

	/** A bare list is a sequence: each task starts when the one before completed, and finds its output in `previous`. */
	async submitWorkflow(name: string, tasks: readonly TaskSpec[]): Promise<string[]> {
		return this.submitMany(
			tasks.map((task, i) => ({
				...task,
				group: name,
				dependsOn: [...(task.dependsOn ?? []), ...(i > 0 ? [`#${i - 1}`] : [])],
			})),
		);
	}

	/**
	 * Starts a workflow by name, by the path of its file, or as a definition. Resolves with the run's id when durable.
	 * @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_INPUT_INVALID, E_STORAGE_FULL, E_IDEMPOTENCY_CONFLICT
	 */
	async startRun(
		workflow: string | WorkflowDefinition,
		inputs: Record<string, unknown> = {},
		options: StartRunOptions = {},
	): Promise<string> {
		return (await this.placeRun(workflow, inputs, options)).id;
	}

	/** The same, with whether the run was there already under its key. */
	async placeRun(
		workflow: string | WorkflowDefinition,
		inputs: Record<string, unknown> = {},
		options: StartRunOptions = {},
	): Promise<Placed> {
		this.#checkOpen();
		return this.#runs.start(workflow, inputs, options);
	}

	/**
	 * Begins a run that is over again, as a new one with a new id: what completed is taken over and not done again.
	 * @throws E_RUN_UNKNOWN, E_CONFLICT while it is not over, E_WORKFLOW_UNKNOWN, E_INPUT_INVALID
	 */
	async retryRun(id: string, options: RerunOptions = {}): Promise<string> {
		this.#checkOpen();
		return this.#runs.again(this.#reader.findRun(id), options);
	}

	/**
	 * Ends the oldest wait of the run for a signal of this name; without one the signal is kept until a step waits for it.
	 * Resolves when it is durable. @throws E_RUN_UNKNOWN, E_CONFLICT when the run is over, E_QUEUE_FULL, E_INPUT_INVALID
	 */
	async signal(run: string, name: string, data: unknown = null): Promise<void> {
		this.#checkOpen();
		await this.#waits.signal(this.#reader.findRun(run), name, data);
	}

	/**
	 * An event for whoever waits for it: ends every open wait whose type and filter fit, and starts a run of each enabled
	 * workflow that it triggers. Resolves when all of that is durable. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE
	 */
	async sendEvent(event: EventSpec): Promise<Delivery> {
		this.#checkOpen();
		return this.#waits.send(event);
	}

	/**
	 * A task at times. Resolves with the schedule's id when it is durable; the same id again changes nothing, or takes the place
	 * of the one before. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE, E_QUEUE_FULL
	 */
	async schedule(spec: ScheduleSpec): Promise<string> {
		this.#checkOpen();
		return this.#schedules.set(spec);
	}

	/** All of them, also those of enabled workflows, in the order of their next fires. */
	schedules(): ScheduleView[] {
		this.#checkNotStopped();
		return this.#schedules.list();
	}

	/** It fires no more; what it started goes on. @throws E_SCHEDULE_UNKNOWN, E_CONFLICT for one of an enabled workflow */
	async unschedule(id: string): Promise<void> {
		this.#checkOpen();
		await this.#schedules.delete(id);
	}

	/**
	 * The triggers of the workflow start runs from now on, with these inputs where a trigger gives none, also after a restart.
	 * @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_CONFLICT when it has no triggers, E_INPUT_INVALID
	 */
	async enableWorkflow(
		workflow: string | WorkflowDefinition,
		{ inputs = {} }: { inputs?: Record<string, unknown> } = {},
	): Promise<EnabledView> {
		this.#checkOpen();
		return this.#triggers.enable(workflow, inputs);
	}

	/** They start nothing any more; runs go on. @throws E_CONFLICT when it is not enabled */
	async disableWorkflow(name: string): Promise<void> {
		this.#checkOpen();
		await this.#triggers.disable(name);
	}

	enabledWorkflows(): EnabledView[] {
		this.#checkNotStopped();
		return this.#triggers.list();
	}

	/** A signed call of a webhook; see `Triggers.webhook`. @throws E_UNAUTHORIZED, E_INPUT_INVALID */
	async webhook(call: WebhookCall): Promise<Started> {
		this.#checkOpen();
		return this.#triggers.webhook(call);
	}

	/** What people are asked by steps and skills, the oldest first. */
	approvals(): ApprovalView[] {
		this.#checkNotStopped();
		return this.#waits.approvals();
	}

	/** Answers approvals by their ids, all or nothing. @throws E_APPROVAL_UNKNOWN, E_CONFLICT when `hash` is given and is another */
	async approve(ids: string | readonly string[], options: AnswerOptions = {}): Promise<void> {
		this.#checkOpen();
		await this.#waits.answer(typeof ids === "string" ? [ids] : ids, true, options);
	}

	/** The same with the other answer. */
	async deny(ids: string | readonly string[], options: AnswerOptions = {}): Promise<void> {
		this.#checkOpen();
		await this.#waits.answer(typeof ids === "string" ? [ids] : ids, false, options);
	}

	/** @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE */
	async workflow(workflow: string | WorkflowDefinition): Promise<KnownWorkflow> {
		const { catalog } = this.#parts;
		return typeof workflow === "string" ? catalog.find(workflow) : catalog.of(workflow);
	}

	get catalog(): Catalog {
		return this.#parts.catalog;
	}

	/** The task when it is over. @throws E_TASK_UNKNOWN, E_WAIT_TIMEOUT, E_STOPPED */
	async wait(id: string, options: WaitForOptions = {}): Promise<TaskView> {
		const task = this.#reader.find(id);
		if (!isTerminal(task.state) || !this.#ledger.isStored(task)) await this.#wait(id, options);
		return this.task(id);
	}

	/** The run when it is over. @throws E_RUN_UNKNOWN, E_WAIT_TIMEOUT, E_STOPPED */
	async waitRun(id: string, options: WaitForOptions = {}): Promise<RunView> {
		const run = this.#reader.findRun(id);
		if (!isRunOver(run.state) || !this.#ledger.isStored(run)) await this.#wait(id, options);
		return this.run(id);
	}

	/** @throws E_TASK_UNKNOWN */
	task(id: string): TaskView {
		this.#checkNotStopped();
		return this.#reader.task(id);
	}

	/** @throws E_RUN_UNKNOWN */
	run(id: string): RunView {
		this.#checkNotStopped();
		return this.#reader.run(id);
	}

	/** The run's tasks that are known, in the order of its steps. @throws E_RUN_UNKNOWN */
	runTasks(id: string): TaskView[] {
		this.#checkNotStopped();
		return this.#reader.runTasks(id);
	}

	/**
	 * A page of tasks, live and finished ones as one list: what was submitted last comes first. Pages read to the end hold
	 * each task that was there all the time exactly once, whatever begins and ends meanwhile. @throws E_INPUT_INVALID
	 */
	tasks(query?: TaskQuery): Page<TaskView> {
		this.#checkNotStopped();
		return this.#reader.tasks(query);
	}

	/** A page of runs, in the same way: what was created last comes first. @throws E_INPUT_INVALID */
	runs(query?: RunQuery): Page<RunView> {
		this.#checkNotStopped();
		return this.#reader.runs(query);
	}

	/** What was told of a task, in the order of the journal, with numbers and times. @throws E_TASK_UNKNOWN, E_INPUT_INVALID */
	async taskEvents(id: string, query?: HistoryQuery): Promise<HistoryPage> {
		this.#checkNotStopped();
		return historyOf(this.#ledger.journal, this.#reader.find(id).id, query);
	}

	/** The same of a run and its steps; its tasks tell of themselves. @throws E_RUN_UNKNOWN, E_INPUT_INVALID */
	async runEvents(id: string, query?: HistoryQuery): Promise<HistoryPage> {
		this.#checkNotStopped();
		return historyOf(this.#ledger.journal, this.#reader.findRun(id).id, query);
	}

	/** How many tasks were submitted, started, completed, failed and retried in each bucket of time. @throws E_INPUT_INVALID */
	activity(query?: ActivityQuery): Activity {
		this.#checkNotStopped();
		return activityOf(this.#ledger.history, query, this.#parts.clock.now());
	}

	/** Failed tasks that were neither submitted again nor put away, newest first. */
	deadLetters(options?: DeadLetterOptions): TaskView[] {
		this.#checkNotStopped();
		return this.#reader.deadLetters(options);
	}

	/**
	 * Submits a task that failed or was given up again, as a new task, once; with another input when one is given. Resolves
	 * with the new task's id when it is durable; a second call gives the same id.
	 * @throws E_TASK_UNKNOWN, E_CONFLICT for one that may not (it completed, or belongs to a run or a parent), E_INPUT_INVALID
	 */
	async retry(id: string, { input }: { input?: unknown } = {}): Promise<string> {
		this.#checkOpen();
		return this.#submitter.again(this.#reader.find(id), input);
	}

	/** Submits dead letters again, each once. @throws E_QUEUE_FULL, E_STORAGE_FULL, E_TASK_UNKNOWN, E_INPUT_INVALID */
	async retryDead(filter: DeadFilter = {}): Promise<RetriedDead> {
		this.#checkOpen();
		return this.#controls.retryDead(filter);
	}

	/** Puts dead letters away: they are kept, but listed no more. Resolves with how many. */
	async dropDead(filter: DeadFilter = {}): Promise<number> {
		this.#checkOpen();
		return this.#controls.dropDead(filter);
	}

	/**
	 * The kill switch: nothing of the scope starts any more (what runs goes on), until {@link resume}, also after a restart.
	 * Takes effect at once, resolves when durable. @throws E_INPUT_INVALID, E_RUN_UNKNOWN
	 */
	async pause(scope: PauseScope | string = "all", { reason }: { reason?: string } = {}): Promise<void> {
		this.#checkOpen();
		await this.#controls.pause(scope, reason);
	}

	/** Ends a pause of the same scope. */
	async resume(scope: PauseScope | string = "all"): Promise<void> {
		this.#checkOpen();
		await this.#controls.resume(scope);
		this.#schedules.resumed();
	}

	/** Pauses everything and resolves when nothing runs any more. @throws E_WAIT_TIMEOUT; the pause stays */
	async drain({ timeout }: { timeout?: Duration } = {}): Promise<void> {
		this.#checkOpen();
		await this.#controls.drain(timeout === undefined ? undefined : toMs(timeout, "timeout"));
	}

	agents(): AgentView[] {
		return this.#reader.agents();
	}

	status(): Status {
		return statusOf({
			ledger: this.#ledger,
			registry: this.#registry,
			dispatcher: this.#dispatcher,
			settings: this.#parts.settings,
			paused: this.#controls.paused(),
			threads: this.#parts.threads.size,
			loopDelay: this.#loopDelay,
			lag: this.#parts.open.lag(),
			monotonicMs: this.#parts.clock.monotonic(),
			nowMs: this.#parts.clock.now(),
			startedMs: this.#startedMs,
			phase: this.#failure !== undefined ? "failed" : this.#stopping !== undefined ? "stopping" : "running",
		});
	}

	/** What made the journal stop, when it did. */
	get failure(): unknown {
		return this.#failure;
	}

	/**
	 * Every durable event after a number, then each further one as it comes. Ends with the signal or at shutdown.
	 * Events that retention has deleted are left out: a gap in `seq` shows it.
	 */
	async *events({ after = 0, signal }: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<StoredEvent> {
		let at = after;
		while (!signal?.aborted && !this.#stopped) {
			const { version } = this.#changes;
			const events = at < this.#ledger.journal.lastEvent ? await this.#ledger.journal.read(at, EVENTS_A_READ) : [];
			if (events.length === 0) await this.#changes.after(version, signal);
			for (const event of events) {
				yield event;
				at = event.seq;
			}
		}
	}

	/** The run now, then at every change (at most ten times a second), and last when it is over. @throws E_RUN_UNKNOWN */
	async *watchRun(id: string, signal?: AbortSignal): AsyncGenerator<RunView> {
		for (;;) {
			const { version } = this.#changes;
			const run = this.#reader.findRun(id);
			yield this.#reader.run(id);
			if (signal?.aborted || this.#stopped || (isRunOver(run.state) && this.#ledger.isStored(run))) return;
			await this.#changes.after(version, signal);
			await new Promise<void>((resolve) => void this.#parts.clock.after(WATCH_MS, resolve));
		}
	}

	/**
	 * Cancels a task or a run with all that depends on it and all its children. Resolves when it is durable and nothing of
	 * it runs any more, but for attempts that ignored their signal for the grace. Cancelling what is over changes nothing.
	 * @throws E_TASK_UNKNOWN
	 */
	async cancel(id: string): Promise<void> {
		this.#checkNotStopped();
		const error = toErrorData(new MusterError("E_CANCELLED", "cancelled on request"));
		const run = this.#ledger.run(id);
		if (run !== undefined) await this.#canceller.cancelRun(run, error);
		else await this.#canceller.cancelTask(this.#reader.find(id), error);
	}

	/** @throws E_CONFLICT when the name is taken */
	async addAgent(agent: BaseAgent): Promise<void> {
		this.#checkOpen();
		await this.#crew.add(agent);
	}

	/** The agent takes nothing new, ends what it has and is gone. @throws E_AGENT_UNKNOWN */
	async removeAgent(name: string): Promise<void> {
		await this.#crew.remove(name);
	}

	/**
	 * Takes nothing new, gives what runs the grace to end, stores everything and lets the folder go. What still ran is
	 * offered again at the next start. A second call hurries the first. Resolves with the number of tasks that still ran.
	 */
	shutdown({ grace = "10s" }: { grace?: Duration } = {}): Promise<number> {
		if (this.#stopping === undefined) this.#stopping = this.#stop(toMs(grace, "grace"));
		else this.#dispatcher.endGrace();
		return this.#stopping;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.shutdown();
	}

	/** Called by the journal when nothing can be acknowledged any more. */
	journalFailed(error: unknown): void {
		if (this.#failure !== undefined) return;
		this.#failure = error;
		this.#dispatcher.halt();
		this.#parts.log.error("the journal failed; nothing more is taken", { error: toErrorData(error).message });
		this.#waiters.fail(error);
		this.#changes.notify();
	}

	/** Tells other processes where this one listens. */
	announce(url: string): void {
		this.#parts.open.announce(url);
	}

	async #stop(graceMs: number): Promise<number> {
		// Without a journal nothing that ends now could be stored.
		this.#runs.stop();
		this.#waits.stop();
		this.#schedules.stop();
		const left = await this.#dispatcher.stop(this.#failure === undefined ? graceMs : 0);
		await this.#crew.stop();
		await this.#parts.threads.close();
		this.#announced?.end();
		await this.#ownBus.close();
		this.#stopped = true;
		this.#changes.notify();
		await this.#ledger.journal.close();
		this.#loopDelay.stop();
		this.#waiters.fail(stopped());
		this.#changes.notify();
		return left;
	}

	#checkNotStopped(): void {
		if (this.#stopped) throw stopped();
	}

	#checkOpen(): void {
		if (this.#failure !== undefined) throw this.#failure;
		if (this.#stopping !== undefined)
			throw new MusterError("E_STOPPED", "the orchestrator is stopping and takes nothing new");
	}

	/** Inside the transaction in which a task came to its end. */
	#followUp(task: Task, emit: Emit): void {
		const { state } = this.#ledger;
		const at = this.#parts.clock.now();
		cascade(state, task, at, emit);
		this.#runs.taskEnded(task, emit);
		this.#canceller.taskEnded(task);
	}

	#taskEnded(task: Task): void {
		this.#dispatcher.ended(task);
		this.#waits.disarm(task);
		this.#waiters.end(task.id);
	}

	#runEnded(run: Run): void {
		this.#canceller.runEnded(run);
		this.#runs.disarm(run);
		this.#waiters.end(run.id);
	}

	#wait(id: string, { timeout, signal }: WaitForOptions): Promise<void> {
		if (this.#failure !== undefined) throw this.#failure;
		this.#checkNotStopped();
		return this.#waiters.wait(id, {
			...(timeout !== undefined && { timeoutMs: toMs(timeout, "timeout") }),
			...(signal && { signal }),
			why: () => (this.#ledger.task(id) === undefined ? undefined : this.#reader.task(id).waiting?.text),
		});
	}
}

const stopped = (): MusterError =>
	new MusterError("E_STOPPED", "the orchestrator was stopped; the work goes on at its next start");
