/**
 * The attempts that run now: each starts with a token of its own and ends once. What its skill returns or throws, or what was
 * decided from outside, becomes the one event that follows. Every end of an attempt goes through close(). The invariants stand in
 * `dispatcher.ts`.
 */
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { ArtifactStore } from "../skill/skill.ts";
import { type Outcome, settle } from "../task/settle.ts";
import type { TaskSpec } from "../task/spec.ts";
import type { NewTask, Task } from "../task/task.ts";
import type { Alarms } from "./alarms.ts";
import { Asked } from "./ask.ts";
import { Attempt, type AttemptWorld, runAttempt } from "./attempt.ts";
import { AttemptClocks, type ClockKind } from "./attempt-clocks.ts";
import { runEffect } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import type { Matcher } from "./matcher.ts";
import { Delegation } from "./performer.ts";
import { previousOf } from "./previous.ts";
import type { Registry, Seat } from "./registry.ts";

export interface AttemptsOptions {
	/** How long an aborted attempt may take to end before its slot is taken back. */
	abortGraceMs: number;
}

export interface AttemptsParts {
	clock: Clock;
	log: Log;
	ledger: Ledger;
	registry: Registry;
	artifacts: ArtifactStore;
	options: AttemptsOptions;
	/** Checks what a coordinator delegates and makes it into tasks. @throws what a submit of them would */
	prepareChildren(parent: Task, specs: readonly TaskSpec[]): NewTask[];
	/** Told of live progress. */
	progressed(task: Task): void;
	/** Told, when it is durable, of a task that asks a person. */
	asked(task: Task): void;
}

/** What the dispatcher shares with its attempts. */
export interface AttemptsOwner {
	alarms: Alarms;
	matcher: Pick<Matcher, "freeze" | "release">;
	/** Told of a start, before the skill runs. */
	started(): void;
	/** Told when a slot and the places of its task at the gates are free. */
	released(): void;
}

/**
 * A start is not on disk at once, so a task that kills the process at once leaves no trace. Recovered tasks are offered in
 * the same order at every start and finished ones are gone, so sooner or later it is among the first of them.
 */
const CAREFUL_STARTS = 1_000;
/** Attempt tokens of one epoch. */
const TOKENS_AN_EPOCH = 2 ** 32;

export class Attempts {
	readonly #parts: AttemptsParts;
	readonly #owner: AttemptsOwner;
	readonly #clocks: AttemptClocks;
	readonly #world: AttemptWorld;
	readonly #attempts = new Map<string, Attempt>();
	/** Recovered tasks that may have run although no start is on disk: they start when it is. */
	readonly #careful = new Set<string>();
	#token: number;
	/** Results of attempts that had been closed before. */
	refusedResults = 0;

	constructor(parts: AttemptsParts, owner: AttemptsOwner) {
		const { clock, log, ledger } = parts;
		this.#parts = parts;
		this.#owner = owner;
		this.#clocks = new AttemptClocks({ clock, alarms: owner.alarms, log });
		this.#token = ledger.state.epoch * TOKENS_AN_EPOCH;
		this.#world = {
			clock,
			log,
			artifacts: parts.artifacts,
			task: (id) => ledger.task(id),
			previous: (task) => previousOf(ledger, task),
			siblings: ({ run }) => (run && ledger.state.runs.get(run.id)?.steps[run.step]?.total) || 1,
			effect: (attempt, effect) => runEffect(ledger, clock, attempt, effect),
			progressed: (attempt) => parts.progressed(attempt.task),
		};
	}

	get size(): number {
		return this.#attempts.size;
	}

	get(id: string): Attempt | undefined {
		return this.#attempts.get(id);
	}

	values(): IteratorObject<Attempt> {
		return this.#attempts.values();
	}

	/** A recovered task that may have run: its next start is on disk before it runs. */
	startCarefully(id: string): void {
		if (this.#careful.size < CAREFUL_STARTS) this.#careful.add(id);
	}

	start(task: Task, seat: Seat): void {
		const { ledger, clock, log } = this.#parts;
		const { id } = task;
		const token = ++this.#token;
		const attempt = new Attempt(task, seat, token, clock.monotonic());
		this.#attempts.set(id, attempt);
		// Where a process may have died over this task, its next start must be on disk before it runs, or it is not counted. So
		// must the start of a rate, which the next process goes by.
		const isStoredFirst = this.#careful.delete(id) || (task.crashes ?? 0) > 0 || task.rate !== undefined;
		const started = { type: "task.started", at: clock.now(), id, token, agent: seat.name } as const;
		const stored = ledger.transact((emit) => emit(started), isStoredFirst ? "fact" : "note");
		this.#clocks.start(attempt);
		this.#owner.started();
		inBackground(log, stored);
		inBackground(log, isStoredFirst ? stored.then(() => this.#run(attempt)) : this.#run(attempt));
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
		const { ledger, clock, log } = this.#parts;
		const { rate } = attempt.task;
		if (rate !== undefined && outcome.kind === "error" && outcome.error.retryAfterMs !== undefined) {
			this.#owner.matcher.freeze(rate, outcome.error.retryAfterMs);
		}
		this.#release(attempt, outcome.kind);
		const event = settle(attempt.task, attempt.token, outcome, clock.now(), clock.random());
		attempt.stored = ledger.transact((emit) => emit(event));
		inBackground(log, attempt.stored);
	}

	#delegate(attempt: Attempt, delegation: Delegation): void {
		const { ledger, clock, log, prepareChildren } = this.#parts;
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
		inBackground(
			log,
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
		const { ledger, clock, log, asked } = this.#parts;
		const { task, token } = attempt;
		const event = { type: "task.asked", at: clock.now(), id: task.id, token, key, ask } as const;
		inBackground(
			log,
			ledger.transact((emit) => emit(event)).then(() => asked(task)),
		);
		this.#release(attempt, "value");
	}

	/** D2 */
	#release(attempt: Attempt, kind: Outcome["kind"]): void {
		const { alarms, matcher, released } = this.#owner;
		const { task, seat } = attempt;
		attempt.closed = true;
		this.#attempts.delete(task.id);
		this.#clocks.stop(attempt);
		if (attempt.verdict !== undefined) alarms.delete("grace", task.id);
		if (kind === "value") seat.stats.completed++;
		else if (kind === "error") seat.stats.failed++;
		else if (kind === "lost") seat.stats.lost++;
		this.#parts.registry.giveBack(seat);
		matcher.release(task);
		released();
	}

	/** The signal goes out; the attempt closes when its skill ends, or when the grace is over. */
	abort(attempt: Attempt, verdict: Outcome): void {
		if (attempt.verdict !== undefined || attempt.closed) return;
		this.#owner.alarms.setIn("grace", attempt.task.id, this.#parts.options.abortGraceMs);
		attempt.abort(verdict);
	}

	/** One of its clocks, or the grace of its abort. */
	rang(kind: ClockKind | "grace", attempt: Attempt): void {
		if (kind === "grace") {
			this.#abandon(attempt);
			return;
		}
		const verdict = this.#clocks.rang(kind, attempt);
		if (verdict !== undefined) this.abort(attempt, verdict);
	}

	#abandon(attempt: Attempt): void {
		attempt.seat.stats.abandoned++;
		const fields = { task: attempt.task.id, agent: attempt.seat.name };
		this.#parts.log.warn("an aborted attempt did not end within the grace; it is left behind", fields);
		this.#close(attempt, attempt.verdict as Outcome);
	}

	/** Those of an agent that showed no life. */
	lost(seat: Seat): void {
		const error = toErrorData(new MusterError("E_AGENT_LOST", `the agent ${seat.name} showed no life`));
		for (const attempt of [...this.#attempts.values()]) {
			if (attempt.seat !== seat) continue;
			this.abort(attempt, { kind: "lost", error });
			this.#close(attempt, attempt.verdict as Outcome);
		}
	}
}

/** Work nobody waits for here. Its one way to fail is the journal's, which the orchestrator hears of from the journal. */
export function inBackground(log: Log, work: Promise<unknown>): void {
	work.catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
}
