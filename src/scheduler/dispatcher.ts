/**
 * The dispatcher lets tasks start when they may. It joins the matcher (who does what), the attempts (what runs), the alarms
 * (limits, due times, deadlines), the agents' health and the ledger (what is true).
 *
 * Invariants; D1 and D2 hold in `attempts.ts`
 * D1  An attempt is closed once; whatever its skill does later is refused and counted.
 * D2  A closed attempt's slot is given back in the same step.
 * D3  Nothing is offered before the event that made it ready is durable.
 * D4  Without space for the journal nothing new starts.
 * D5  A task that is given up when the process dies once more over it (a suspect) runs while no other suspect does
 *     (`SuspectGate`). So of all that ran at every death only the one that killed the process is given up.
 * D6  Nothing starts that a pause, a limit or a rate holds back, at a recovery either: all starts go through the matcher.
 */
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import { deadlineError, settleCrash } from "../task/settle.ts";
import { isTerminal, move, type Task } from "../task/task.ts";
import { type AlarmKind, Alarms } from "./alarms.ts";
import type { Attempt } from "./attempt.ts";
import { Attempts, type AttemptsOptions, type AttemptsParts, inBackground } from "./attempts.ts";
import { deadDependency, fallWith } from "./cascade.ts";
import { Health } from "./health.ts";
import { Matcher } from "./matcher.ts";
import { Pump } from "./pump.ts";
import type { Limits } from "./quota.ts";
import type { Seat } from "./registry.ts";

export interface DispatcherOptions extends AttemptsOptions {
	/** How often agents that hold tasks are asked for a sign of life. */
	heartbeatMs: number;
	/** An agent without one for this long loses its tasks. */
	leaseMs: number;
	limits: Limits;
	/** Waiting for this long counts as much as one level of priority. */
	agingMs: number;
}

export interface DispatcherParts extends AttemptsParts {
	options: DispatcherOptions;
}

export class Dispatcher {
	readonly #parts: DispatcherParts;
	readonly #matcher: Matcher;
	readonly #pump: Pump<{ task: Task; seat: Seat }>;
	readonly #alarms: Alarms;
	readonly #attempts: Attempts;
	readonly #health: Health;
	/** Wake those who wait for an attempt to close. */
	#waiting: (() => void)[] = [];
	#watching = false;
	#stopping = false;
	#graceOver = false;

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
		this.#attempts = new Attempts(parts, {
			alarms: this.#alarms,
			matcher: this.#matcher,
			started: () => this.watchLife(),
			released: () => {
				this.#wake();
				this.pump();
			},
		});
		this.#health = new Health({
			registry,
			clock,
			log,
			...options,
			lost: (seat) => this.#attempts.lost(seat),
			returned: (seat) => this.#returned(seat),
		});
	}

	get running(): number {
		return this.#attempts.size;
	}

	/** Results of attempts that had been closed before. */
	get refusedResults(): number {
		return this.#attempts.refusedResults;
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

	/**
	 * What a start from a data folder begins with: nothing is running, whatever the state says. Nothing starts before it, or an
	 * attempt of this process would be taken for one that died with the last.
	 */
	recover(): void {
		const { ledger, clock, log } = this.#parts;
		const now = clock.now();
		const tasks = [...ledger.state.tasks.values()];
		const before = new Map(tasks.map((task) => [task, task.state]));
		inBackground(
			log,
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
			if (mayHaveRun) this.#attempts.startCarefully(task.id);
			this.placed(task, waitingSince(task, now, clock.monotonic()));
		}
		this.#pump.open();
	}

	/**
	 * Cancels a live task and resolves when it is cancelled durably and nothing of it runs any more (or its grace is over).
	 * A task that is already terminal is left as it is.
	 */
	async cancel(task: Task, error: ErrorData): Promise<void> {
		const attempt = this.#attempts.get(task.id);
		if (attempt !== undefined) {
			// A cancel is final: also an attempt that is ending for another reason is followed by no other.
			if (attempt.verdict === undefined) this.#attempts.abort(attempt, { kind: "cancelled", error });
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
		for (const attempt of this.#attempts.values()) this.#attempts.abort(attempt, { kind: "lost", error });
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
		const { clock, registry } = this.#parts;
		if (task.deadline !== undefined && task.deadline <= clock.now()) {
			registry.giveBack(seat);
			this.#matcher.release(task);
			this.#deadline(task.id, undefined);
			return;
		}
		this.#attempts.start(task, seat);
	}

	#ring(kind: AlarmKind, id: string): void {
		const attempt = this.#attempts.get(id);
		if (kind === "life") this.#beat();
		else if (kind === "rate") {
			this.#matcher.rateOpens(id);
			this.pump();
		} else if (kind === "due") this.#due(id);
		else if (kind === "deadline") this.#deadline(id, attempt);
		else if (attempt !== undefined) this.#attempts.rang(kind, attempt);
	}

	#due(id: string): void {
		const task = this.#parts.ledger.state.tasks.get(id);
		if (task?.state !== "scheduled") return;
		move(task, "due"); // S1 of state.ts: time alone decides it
		this.#matcher.offer(task);
		this.pump();
	}

	#deadline(id: string, attempt: Attempt | undefined): void {
		const { ledger, clock, log } = this.#parts;
		const task = ledger.state.tasks.get(id);
		if (task === undefined || isTerminal(task.state)) return;
		const error = deadlineError(task.deadline as number);
		if (attempt !== undefined) {
			this.#attempts.abort(attempt, { kind: "error", error });
			return;
		}
		this.#withdraw(task);
		inBackground(
			log,
			ledger.transact((emit) => emit({ type: "task.failed", at: clock.now(), id, error })),
		);
	}

	#withdraw(task: Task): void {
		this.#matcher.withdraw(task);
		this.#alarms.delete("due", task.id);
	}

	#beat(): void {
		this.#watching = false;
		if (this.#health.beat()) this.watchLife();
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
}

/** When a recovered task became ready, on the monotonic clock: its waiting does not begin anew with the process. */
const waitingSince = ({ submittedAt, runAt = 0 }: Task, now: number, monotonicMs: number): number =>
	monotonicMs - Math.max(0, now - Math.max(submittedAt, runAt));
