/**
 * The dispatcher starts attempts and ends them. It joins the matcher (who does what), the alarms (limits, due times,
 * deadlines), the agents' health and the ledger (what is true). Every end of an attempt goes through close().
 *
 * Invariants
 * D1  An attempt is closed once; whatever its skill does later is refused and counted.
 * D2  A closed attempt's slot is given back in the same step.
 * D3  Nothing is offered before the event that made it ready is durable.
 * D4  Without space for the journal nothing new starts.
 * D5  A task that is given up when the process dies once more over it (a suspect) runs while no other suspect does
 *     (`SuspectGate`). So of all that ran at every death only the one that killed the process is given up.
 * D6  Nothing starts that a pause, a limit or a rate holds back, at a recovery either: all starts go through the matcher.
 */
import type { Bus } from "../bus/bus.ts";
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { ArtifactStore } from "../skill/skill.ts";
import { deadlineError, type Outcome, settle, settleCrash } from "../task/settle.ts";
import type { TaskSpec } from "../task/spec.ts";
import { isTerminal, move, type NewTask, type Task } from "../task/task.ts";
import { type AlarmKind, Alarms } from "./alarms.ts";
import { Asked } from "./ask.ts";
import { Attempt, type AttemptWorld, runAttempt } from "./attempt.ts";
import { AttemptClocks } from "./attempt-clocks.ts";
import { deadDependency, fallWith } from "./cascade.ts";
import { runEffect } from "./effects.ts";
import { Health } from "./health.ts";
import type { Ledger } from "./ledger.ts";
import { Matcher } from "./matcher.ts";
import { Delegation } from "./performer.ts";
import { previousOf } from "./previous.ts";
import { Pump } from "./pump.ts";
import type { Limits } from "./quota.ts";
import type { Registry, Seat } from "./registry.ts";

export interface DispatcherOptions {
	/** How long an aborted attempt may take to end before its slot is taken back. */
	abortGraceMs: number;
	/** How often agents that hold tasks are asked for a sign of life. */
	heartbeatMs: number;
	/** An agent without one for this long loses its tasks. */
	leaseMs: number;
	limits: Limits;
	/** Waiting for this long counts as much as one level of priority. */
	agingMs: number;
}

export interface DispatcherParts {
	clock: Clock;
	log: Log;
	ledger: Ledger;
	registry: Registry;
	artifacts: ArtifactStore;
	bus: Bus;
	options: DispatcherOptions;
	/** Checks what a coordinator delegates and makes it into tasks. @throws what a submit of them would */
	prepareChildren(parent: Task, specs: readonly TaskSpec[]): NewTask[];
	/** Told of live progress. */
	progressed(task: Task): void;
	/** Told, when it is durable, of a task that asks a person. */
	asked(task: Task): void;
}

/**
 * A start is not on disk at once, so a task that kills the process at once leaves no trace. Recovered tasks are offered in
 * the same order at every start and finished ones are gone, so sooner or later it is among the first of them.
 */
const CAREFUL_STARTS = 1_000;
/** Attempt tokens of one epoch. */
const TOKENS_AN_EPOCH = 2 ** 32;

export class Dispatcher {
	readonly #parts: DispatcherParts;
	readonly #matcher: Matcher;
	readonly #pump: Pump<{ task: Task; seat: Seat }>;
	readonly #alarms: Alarms;
	readonly #clocks: AttemptClocks;
	readonly #health: Health;
	readonly #world: AttemptWorld;
	readonly #attempts = new Map<string, Attempt>();
	/** Wake those who wait for an attempt to close. */
	#waiting: (() => void)[] = [];
	/** Recovered tasks that may have run although no start is on disk: they start when it is. */
	#careful = new Set<string>();
	#token: number;
	#watching = false;
	#stopping = false;
	#graceOver = false;
	/** Results of attempts that had been closed before. */
	refusedResults = 0;

	constructor(parts: DispatcherParts) {
		const { clock, log, ledger, registry, options } = parts;
		this.#parts = parts;
		this.#matcher = new Matcher({
			...{ registry, clock, state: ledger.state, limits: options.limits, agingMs: options.agingMs },
			wakeIn: (rateKey, delayMs) => this.#alarms.setIn("rate", rateKey, delayMs),
		});
		this.#pump = new Pump({
			clock,
			isFull: () => ledger.journal.full,
			next: () => this.#matcher.next(),
			start: ({ task, seat }) => this.#start(task, seat),
		});
		this.#alarms = new Alarms(clock, (kind, id) => this.#ring(kind, id));
		this.#clocks = new AttemptClocks({ clock, alarms: this.#alarms, log });
		this.#health = new Health({
			registry,
			clock,
			log,
			...options,
			lost: (seat) => this.#lost(seat),
			returned: (seat) => this.#returned(seat),
		});
		this.#token = ledger.state.epoch * TOKENS_AN_EPOCH;
		this.#world = {
			clock,
			log,
			artifacts: parts.artifacts,
			bus: parts.bus,
			task: (id) => ledger.task(id),
			previous: (task) => previousOf(ledger, task),
			siblings: ({ run }) => (run && ledger.state.runs.get(run.id)?.steps[run.step]?.total) || 1,
			effect: (attempt, effect) => runEffect(ledger, clock, attempt, effect),
			progressed: (attempt) => parts.progressed(attempt.task),
		};
	}

	get running(): number {
		return this.#attempts.size;
	}

	get stopping(): boolean {
		return this.#stopping;
	}

	runningTasks(): IteratorObject<Task> {
		return this.#attempts.values().map(({ task }) => task);
	}

	attempt(id: string): Attempt | undefined {
		return this.#attempts.get(id);
	}

	/** Durable: the task may be offered, now, when its time has come, or when it is released; its deadline counts from here. */
	placed(task: Task, readyMs?: number): void {
		if (task.deadline !== undefined && !isTerminal(task.state)) this.#alarms.setAt("deadline", task.id, task.deadline);
		if (task.state === "scheduled") this.#alarms.setAt("due", task.id, task.runAt ?? 0);
		else if (task.state === "ready") this.#matcher.offer(task, readyMs);
	}

	/** What holds back a ready task besides agents, and when it may start. */
	get matcher(): Pick<Matcher, "heldBy" | "estimateMs"> {
		return this.#matcher;
	}

	/** A pause begins or has ended; its event is folded in. Nothing of the scope starts from here on. */
	pausedChanged(scope: string): void {
		this.#matcher.pausedChanged(scope);
		this.pump();
	}

	ended(task: Task): void {
		if (task.deadline !== undefined) this.#alarms.delete("deadline", task.id);
	}

	/** Starts what can start. Call it after anything that may have made room or work. */
	pump(): void {
		this.#pump.run();
	}

	/** What a start from a data folder begins with: nothing is running, whatever the state says. */
	recover(): void {
		const { ledger, clock } = this.#parts;
		const now = clock.now();
		const tasks = [...ledger.state.tasks.values()];
		const before = new Map(tasks.map((task) => [task, task.state]));
		this.#background(
			ledger.transact((emit) => {
				for (const task of tasks) {
					const dead = deadDependency(ledger.state, task);
					if (task.state === "running") emit(settleCrash(task, task.token as number, now));
					else if (dead !== undefined) emit(fallWith(task, dead, now));
				}
			}),
		);
		for (const task of tasks) {
			// What changed comes again through placed() once that is durable (D3): also a parent that a child's end woke.
			if (task.state !== before.get(task) || isTerminal(task.state)) continue;
			const mayHaveRun = task.state === "ready" || task.state === "scheduled";
			if (mayHaveRun && this.#careful.size < CAREFUL_STARTS) this.#careful.add(task.id);
			this.placed(task, waitingSince(task, now, clock.monotonic()));
		}
		this.pump();
	}

	/**
	 * Cancels a live task and resolves when it is cancelled durably and nothing of it runs any more (or its grace is over).
	 * A task that is already terminal is left as it is.
	 */
	async cancel(task: Task, error: ErrorData): Promise<void> {
		const attempt = this.#attempts.get(task.id);
		if (attempt !== undefined) {
			// A cancel is final: also an attempt that is ending for another reason is followed by no other.
			if (attempt.verdict === undefined) this.#abort(attempt, { kind: "cancelled", error });
			else attempt.verdict = { kind: "cancelled", error };
			await this.#until(() => attempt.closed);
			await attempt.stored;
			return;
		}
		if (isTerminal(task.state)) return this.#parts.ledger.settled();
		this.#withdraw(task);
		const { ledger, clock } = this.#parts;
		await ledger.transact((emit) => emit({ type: "task.cancelled", at: clock.now(), id: task.id, error }));
	}

	/** The agent takes nothing new; resolves when it holds nothing. */
	async drain(seat: Seat): Promise<void> {
		this.#parts.registry.setState(seat, "draining");
		await this.#until(() => seat.running === 0);
	}

	/** Resolves when nothing runs: true; or, after this long, false. */
	async idle(timeoutMs?: number): Promise<boolean> {
		let late = false;
		const forget =
			timeoutMs === undefined
				? () => undefined
				: this.#parts.clock.after(timeoutMs, () => {
						late = true;
						this.#wake();
					});
		await this.#until(() => late || this.#attempts.size === 0);
		forget();
		return this.#attempts.size === 0;
	}

	/**
	 * Starts nothing new and waits until nothing runs. What still runs after the grace is aborted and offered again at the
	 * next start. Resolves with the number of those.
	 */
	async stop(graceMs: number): Promise<number> {
		this.halt();
		const forget = this.#parts.clock.after(graceMs, () => this.endGrace());
		await this.#until(() => this.#graceOver || this.#attempts.size === 0);
		forget();
		const left = this.#attempts.size;
		const error = toErrorData(new MusterError("E_STOPPED", "the orchestrator stopped while this attempt ran"));
		for (const attempt of this.#attempts.values()) this.#abort(attempt, { kind: "lost", error });
		await this.#until(() => this.#attempts.size === 0);
		this.#alarms.stop();
		return left;
	}

	/** Starts nothing any more, for example because the journal has failed. */
	halt(): void {
		this.#stopping = true;
		this.#pump.stop();
	}

	/** Lets {@link stop} wait no longer. */
	endGrace(): void {
		this.#graceOver = true;
		this.#wake();
	}

	/** Agents that hold tasks or are unhealthy are asked for signs of life. */
	watchLife(): void {
		if (this.#watching) return;
		this.#watching = true;
		this.#alarms.setIn("life", "", this.#parts.options.heartbeatMs);
	}

	#start(task: Task, seat: Seat): void {
		const { ledger, clock, registry } = this.#parts;
		const { id } = task;
		if (task.deadline !== undefined && task.deadline <= clock.now()) {
			registry.giveBack(seat);
			this.#matcher.release(task);
			this.#deadline(id, undefined);
			return;
		}
		const token = ++this.#token;
		const attempt = new Attempt(task, seat, token, clock.monotonic());
		this.#attempts.set(id, attempt);
		// Where a process may have died over this task, its next start must be on disk before it runs, or it is not counted.
		const crashed = this.#careful.delete(id) || (task.crashes ?? 0) > 0;
		const started = { type: "task.started", at: clock.now(), id, token, agent: seat.name } as const;
		const stored = ledger.transact((emit) => emit(started), crashed ? "fact" : "note");
		this.#clocks.start(attempt);
		this.watchLife();
		this.#background(stored);
		this.#background(crashed ? stored.then(() => this.#run(attempt)) : this.#run(attempt));
	}

	async #run(attempt: Attempt): Promise<void> {
		const outcome = attempt.verdict ?? (await runAttempt(attempt, this.#world));
		if (attempt.closed) {
			this.refusedResults++;
			const fields = { task: attempt.task.id, token: attempt.token };
			this.#parts.log.warn("a result came after its attempt had ended and was refused", fields);
		} else if (attempt.verdict !== undefined) this.#close(attempt, attempt.verdict);
		else if (outcome instanceof Delegation) this.#delegate(attempt, outcome);
		else if (outcome instanceof Asked) this.#ask(attempt, outcome);
		else this.#close(attempt, outcome);
	}

	/** D1 */
	#close(attempt: Attempt, outcome: Outcome): void {
		if (attempt.closed) return;
		const { ledger, clock } = this.#parts;
		const { rate } = attempt.task;
		if (rate !== undefined && outcome.kind === "error" && outcome.error.retryAfterMs !== undefined) {
			this.#matcher.freeze(rate, outcome.error.retryAfterMs);
		}
		this.#release(attempt, outcome.kind);
		const event = settle(attempt.task, attempt.token, outcome, clock.now(), clock.random());
		attempt.stored = ledger.transact((emit) => emit(event));
		this.#background(attempt.stored);
	}

	#delegate(attempt: Attempt, delegation: Delegation): void {
		const { ledger, clock, prepareChildren } = this.#parts;
		const { task, token } = attempt;
		let children: NewTask[];
		try {
			if (delegation.tasks.length === 0) {
				throw new MusterError("E_OUTPUT_INVALID", "a delegation without a task would wait for ever");
			}
			children = prepareChildren(task, delegation.tasks);
		} catch (thrown) {
			this.#close(attempt, { kind: "error", error: toErrorData(thrown) });
			return;
		}
		const at = clock.now();
		this.#background(
			ledger.transact((emit) => {
				for (const child of children) emit({ type: "task.submitted", at, task: child });
				emit({ type: "task.waiting", at, id: task.id, token, children: children.map((child) => child.id) });
			}),
		);
		// After it: what starts in the freed slot must not end what the children were checked against.
		this.#release(attempt, "value");
	}

	/** It waits without a slot, until it is answered. */
	#ask(attempt: Attempt, { key, ask }: Asked): void {
		const { ledger, clock, asked } = this.#parts;
		const { task, token } = attempt;
		const event = { type: "task.asked", at: clock.now(), id: task.id, token, key, ask } as const;
		this.#background(ledger.transact((emit) => emit(event)).then(() => asked(task)));
		this.#release(attempt, "value");
	}

	/** D2 */
	#release(attempt: Attempt, kind: Outcome["kind"]): void {
		const { task, seat } = attempt;
		attempt.closed = true;
		this.#attempts.delete(task.id);
		this.#clocks.stop(attempt);
		if (attempt.verdict !== undefined) this.#alarms.delete("grace", task.id);
		if (kind === "value") seat.stats.completed++;
		else if (kind === "error") seat.stats.failed++;
		else if (kind === "lost") seat.stats.lost++;
		this.#parts.registry.giveBack(seat);
		this.#matcher.release(task);
		this.#wake();
		this.pump();
	}

	/** The signal goes out; the attempt closes when its skill ends, or when the grace is over. */
	#abort(attempt: Attempt, verdict: Outcome): void {
		if (attempt.verdict !== undefined || attempt.closed) return;
		this.#alarms.setIn("grace", attempt.task.id, this.#parts.options.abortGraceMs);
		attempt.abort(verdict);
	}

	#ring(kind: AlarmKind, id: string): void {
		const attempt = this.#attempts.get(id);
		if (kind === "life") this.#beat();
		else if (kind === "rate") {
			this.#matcher.rateOpens(id);
			this.pump();
		} else if (kind === "due") this.#due(id);
		else if (kind === "deadline") this.#deadline(id, attempt);
		else if (attempt === undefined) return;
		else if (kind === "grace") this.#abandon(attempt);
		else {
			const verdict = this.#clocks.rang(kind, attempt);
			if (verdict !== undefined) this.#abort(attempt, verdict);
		}
	}

	#abandon(attempt: Attempt): void {
		attempt.seat.stats.abandoned++;
		const fields = { task: attempt.task.id, agent: attempt.seat.name };
		this.#parts.log.warn("an aborted attempt did not end within the grace; it is left behind", fields);
		this.#close(attempt, attempt.verdict as Outcome);
	}

	#due(id: string): void {
		const task = this.#parts.ledger.state.tasks.get(id);
		if (task?.state !== "scheduled") return;
		move(task, "due"); // S1 of state.ts: time alone decides it
		this.#matcher.offer(task);
		this.pump();
	}

	#deadline(id: string, attempt: Attempt | undefined): void {
		const { ledger, clock } = this.#parts;
		const task = ledger.state.tasks.get(id);
		if (task === undefined || isTerminal(task.state)) return;
		const error = deadlineError(task.deadline as number);
		if (attempt !== undefined) {
			this.#abort(attempt, { kind: "error", error });
			return;
		}
		this.#withdraw(task);
		this.#background(ledger.transact((emit) => emit({ type: "task.failed", at: clock.now(), id, error })));
	}

	#withdraw(task: Task): void {
		this.#matcher.withdraw(task);
		this.#alarms.delete("due", task.id);
	}

	#beat(): void {
		this.#watching = false;
		if (this.#health.beat()) this.watchLife();
	}

	#lost(seat: Seat): void {
		const error = toErrorData(new MusterError("E_AGENT_LOST", `the agent ${seat.name} showed no life`));
		for (const attempt of [...this.#attempts.values()]) {
			if (attempt.seat !== seat) continue;
			this.#abort(attempt, { kind: "lost", error });
			this.#close(attempt, attempt.verdict as Outcome);
		}
	}

	#returned(seat: Seat): void {
		this.#parts.registry.setState(seat, seat.running > 0 ? "busy" : "ready");
		this.pump();
	}

	async #until(condition: () => boolean): Promise<void> {
		while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
	}

	#wake(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const resolve of waiting) resolve();
	}

	/** Work nobody waits for here. Its one way to fail is the journal's, which the orchestrator hears of from the journal. */
	#background(work: Promise<unknown>): void {
		work.catch((error: unknown) => this.#parts.log.error("work stopped", { error: toErrorData(error).message }));
	}
}

/** When a recovered task became ready, on the monotonic clock: its waiting does not begin anew with the process. */
const waitingSince = ({ submittedAt, runAt = 0 }: Task, now: number, monotonicMs: number): number =>
	monotonicMs - Math.max(0, now - Math.max(submittedAt, runAt));
