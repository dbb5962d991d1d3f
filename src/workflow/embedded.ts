/**
 * The embedded workflow engine: turns what `decide` says into events. A step is one or more items whose ids follow from
 * the run, the step and the index, so nothing can ever begin twice. Everything it emits goes into the same journal group
 * as the event that led to it; after a crash the same state gives the same commands again. How a run is begun by a request
 * is in `run-begin.ts`.
 */
import { hasCode, MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import { type Json, lengthWithin, MAX_INPUT_BYTES } from "../json.ts";
import type { State } from "../state.ts";
import { isOwnKey, OWN_KEYS } from "../task/own-keys.ts";
import type { Task } from "../task/task.ts";
import type { Agenda, Turn } from "./agenda.ts";
import { checkOutput, MAX_OUTPUT, MAX_STEP_INPUT_BYTES, MAX_STEP_WORK, type WaveLimits } from "./bounds.ts";
import { decide } from "./decide.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { innerRun } from "./inner-run.ts";
import { type Command, isRunOver, type Run } from "./run.ts";
import { isListLive, outermostStep, prefixOf, stepAt } from "./run-fold.ts";
import { afterRun, createdRun, type Emit } from "./run-queue.ts";
import { definitionAt, stepTask, stepTaskId } from "./step-task.ts";

/** Told of what events cannot carry, and asked what the state does not know. */
export interface EngineListener {
	/** The step has a time at which `expireStep` is to be called, wall clock. */
	timed(run: Run, path: string, until: number): void;
	/** It is over while items of it were under way: those are to be cancelled. */
	stray(run: Run, path: string): void;
	/** A step of this list failed, so nothing new begins in it: tasks that have not started are to be cancelled. */
	halted(run: Run, prefix: string): void;
	/** Before a step begins a run of another workflow. @throws E_QUEUE_FULL */
	checkRoom(): void;
	/** A step began this run of another workflow. */
	inner(run: Run, definition: WorkflowDefinition): void;
	/** The run cannot go on: it is to be parked. @throws when it is to go no further for all */
	misfit(run: Run, error: unknown, emit: Emit): void;
}

/** What runs are carried on with. */
export interface Engine {
	state: State;
	at: number;
	emit: Emit;
	listener: EngineListener;
	agenda: Agenda;
	turn: Turn;
	/** Of one wave. Default: `waveLimits`. */
	limits?: WaveLimits;
	/** Work of the expressions of one step and of all inside of it. Default: {@link MAX_STEP_WORK}. */
	stepWork?: number;
}

/** Lets the runs of the agenda go on, and those that this concerns, as far as the turn goes. One that cannot holds up no other. */
export function advanceRuns(engine: Engine): void {
	const { state, agenda, turn, emit, listener } = engine;
	for (let next = turn.isOver ? undefined : agenda.take(); next !== undefined; ) {
		const run = state.runs.get(next.id);
		turn.events++;
		if (run?.state === "running") {
			try {
				const waves = new Advance(engine, run, next.inputBytes).waves(next.changed);
				while (!waves.next().done);
			} catch (error) {
				listener.misfit(run, error, emit);
			}
		}
		next = turn.isOver ? undefined : agenda.take();
	}
}

/** Whether the end of this task may let its run go on: its step is over, or has further items. */
export function mayGoOn(state: State, task: Task): boolean {
	const run = task.run && state.runs.get(task.run.id);
	const step = task.run && run && stepAt(run, task.run.step);
	return step !== undefined && (step.state !== "running" || step.begun < step.total);
}

/** One answer of `decide`, and to what. */
export interface Wave {
	changed: readonly string[] | undefined;
	commands: readonly Command[];
}

/** What the expressions of the outermost steps of a run have cost in this process. */
const work = new WeakMap<Run, Map<string, number>>();

/** One run while it is carried on. */
export class Advance {
	readonly #engine: Engine;
	readonly #run: Run;
	readonly #definition: WorkflowDefinition;
	#changed: string[] = [];
	#inputBytes: number;
	readonly #costly = new Set<string>();

	/** @param inputBytes of what it has begun already, since it was at rest */
	constructor(engine: Engine, run: Run, inputBytes = 0) {
		const definition = engine.state.definitions.get(run.hash);
		if (definition === undefined) {
			throw new MusterError("E_RUN_MISFIT", `the definition ${run.hash} of the run ${run.id} is not in the journal`);
		}
		this.#engine = engine;
		this.#run = run;
		this.#definition = definition;
		this.#inputBytes = inputBytes;
	}

	/**
	 * Wave after wave, until only what runs can change anything, or the turn is over and the rest is in the agenda. Each is
	 * given before it is carried out.
	 */
	*waves(changed: readonly string[] | undefined): Generator<Wave, void> {
		const { state, at, emit, agenda, turn } = this.#engine;
		for (const path of changed ?? []) this.#checkEnd(path);
		for (let next = changed; next === undefined || next.length > 0; next = this.#changed) {
			const commands = this.#decide(next);
			yield { changed: next, commands };
			this.#changed = [];
			for (const command of commands) this.#carryOut(command);
			this.#stopCostly();
			if (isRunOver(this.#run.state)) {
				for (const other of afterRun(state, this.#run, at, emit)) agenda.add(other);
				return;
			}
			if (turn.isOver && this.#changed.length > 0) {
				agenda.add({ id: this.#run.id, changed: this.#changed, inputBytes: this.#inputBytes });
				return;
			}
		}
	}

	readonly #spent = (path: string, ticks: number): void => {
		const step = outermostStep(path);
		const spent = work.get(this.#run) ?? new Map<string, number>();
		work.set(this.#run, spent.set(step, (spent.get(step) ?? 0) + ticks));
		const { stepWork = MAX_STEP_WORK } = this.#engine;
		if ((spent.get(step) ?? 0) > stepWork) this.#costly.add(step);
	};

	/** Steps whose expressions have done more than they may fail with all inside of them. */
	#stopCostly(): void {
		for (const step of this.#costly) {
			if (stepAt(this.#run, step)?.state !== "running") continue;
			const reason = `The expressions of step "${step}", with those inside of it, need too much work`;
			const error = new MusterError("E_EXPRESSION", reason, {
				hint: "Let its items read less of what other steps made, or give several items to one task.",
			});
			this.#carryOut({ kind: "end", step, state: "failed", error: toErrorData(error) });
		}
		this.#costly.clear();
	}

	#emit(event: Event): void {
		this.#engine.turn.events++;
		this.#engine.emit(event);
	}

	#decide(changed: readonly string[] | undefined): Command[] {
		try {
			return decide(this.#definition, this.#run, changed, this.#engine.limits, this.#spent);
		} catch (thrown) {
			const { id } = this.#run;
			const data = toErrorData(thrown, "E_INTERNAL");
			throw new MusterError("E_RUN_MISFIT", `the run ${id} cannot go on: ${data.message}`, {
				hint: data.hint,
				cause: thrown,
			});
		}
	}

	#carryOut(command: Command): void {
		const { at, listener } = this.#engine;
		const { id } = this.#run;
		// An earlier command of the wave may have ended the step around it.
		if ("step" in command && !isListLive(this.#run, command.step)) return;
		switch (command.kind) {
			case "start": {
				const { kind: _, limitMs, ...step } = command;
				const until = limitMs === undefined ? undefined : at + limitMs;
				if (step.wait?.kind === "approval") this.#engine.turn.length += lengthWithin(step.wait.content, MAX_OUTPUT);
				this.#emit({ type: "step.started", at, run: id, ...step, ...(until !== undefined && { until }) });
				if (until !== undefined) listener.timed(this.#run, command.step, until);
				this.#touched(command.step);
				return;
			}
			case "item":
				if (stepAt(this.#run, command.step)?.state === "running") this.#beginItem(command);
				return;
			case "item-end": {
				const { kind: _, ...end } = command;
				if (end.output !== undefined) this.#engine.turn.length += lengthWithin(end.output, MAX_OUTPUT);
				this.#emit({ type: "item.ended", at, run: id, ...end });
				this.#changed.push(command.step);
				this.#checkEnd(command.step);
				return;
			}
			case "end": {
				const { step, state, error } = command;
				if (state === "skipped") this.#emit({ type: "step.skipped", at, run: id, step });
				else this.#emit({ type: "step.ended", at, run: id, step, state, ...(error && { error }) });
				this.#changed.push(step);
				this.#checkEnd(step);
				return;
			}
			case "more":
				this.#changed.push(command.step);
				return;
			case "complete":
				this.#complete(command.outputs);
				return;
			case "fail":
				this.#emit({ type: "run.failed", at, id, error: command.error });
		}
	}

	/** An inner run gives its outputs to the run around it, which keeps only so much. */
	#complete(outputs: { [name: string]: Json }): void {
		const { id, parent } = this.#run;
		const { state, at, turn } = this.#engine;
		const around = parent && state.runs.get(parent.id);
		try {
			turn.length += checkOutput("The outputs of the run", outputs, around?.made);
			this.#emit({ type: "run.completed", at, id, outputs });
		} catch (error) {
			if (!hasCode(error, "E_OUTPUT_TOO_LARGE")) throw error;
			this.#emit({ type: "run.failed", at: this.#engine.at, id, error: toErrorData(error) });
		}
	}

	/** A step that is over at once: it has no items. */
	#touched(path: string): void {
		if (stepAt(this.#run, path)?.state !== "running") this.#changed.push(path);
	}

	#checkEnd(path: string): void {
		const step = stepAt(this.#run, path);
		if (step === undefined || step.state === "running") return;
		if (step.begun > step.done + step.failed) this.#engine.listener.stray(this.#run, path);
		if (step.state === "failed") this.#engine.listener.halted(this.#run, prefixOf(path));
	}

	#beginItem(command: Extract<Command, { kind: "item" }>): void {
		const { step: path, index } = command;
		const { items, each } = stepAt(this.#run, path) ?? { items: undefined, each: false };
		if (items === "frame") {
			this.#emit({ type: "item.started", at: this.#engine.at, run: this.#run.id, step: path, index });
			this.#changed.push(`${path}.${index}.`);
			return;
		}
		const input = command.input ?? null;
		const problem = this.#inputProblem(stepTaskId(this.#run.id, path, each, index), input);
		try {
			if (problem !== undefined) throw problem;
			if (items === "run") this.#beginRun(path, each, index, input);
			else this.#beginTask(command, each, input);
		} catch (error) {
			this.#emit({
				type: "item.ended",
				at: this.#engine.at,
				run: this.#run.id,
				step: path,
				index,
				error: toErrorData(error),
			});
			this.#changed.push(path);
		}
	}

	#beginTask(
		{ step: path, index, concurrencyKey, rateKey }: Extract<Command, { kind: "item" }>,
		each: boolean,
		input: Json,
	): void {
		const definition = definitionAt(this.#definition, path);
		const { concurrency, rate } = definition;
		const task = stepTask(this.#run, path, each, index, definition, input, this.#engine.at);
		if (concurrency !== undefined) {
			const key = concurrencyKey ?? concurrency.key;
			if (isOwnKey(key)) throw new MusterError("E_INPUT_INVALID", `keys that begin with ${OWN_KEYS} are Muster's own`);
			task.concurrency = { ...concurrency, key };
		}
		if (rate !== undefined) task.rate = { ...rate, key: rateKey ?? rate.key };
		this.#emit({ type: "task.submitted", at: this.#engine.at, task });
	}

	/** @throws E_QUEUE_FULL, and what `innerRun` throws */
	#beginRun(step: string, each: boolean, index: number, input: Json): void {
		const { state, at, listener, agenda } = this.#engine;
		const name = definitionAt(this.#definition, step).workflow ?? "";
		const place = { id: stepTaskId(this.#run.id, step, each, index), name, step, index };
		listener.checkRoom();
		const { child, definition } = innerRun(state, this.#run, place, input);
		for (const next of createdRun(state, definition, child, at, (event) => this.#emit(event))) agenda.add(next);
		listener.inner(state.runs.get(child.id) as Run, definition);
	}

	/** What a step submits at once goes into the journal at once, so its inputs are bounded one by one and together. */
	#inputProblem(id: string, input: Json): MusterError | undefined {
		// What is out of all proportion is not even written down.
		if (lengthWithin(input, MAX_INPUT_BYTES) > MAX_INPUT_BYTES) {
			return tooLarge(`the input of ${id} has`, MAX_INPUT_BYTES);
		}
		const text = JSON.stringify(input);
		// A UTF-16 unit is at most three bytes of UTF-8.
		const bytes = text.length < 1_024 ? text.length : Buffer.byteLength(text);
		this.#inputBytes += bytes;
		this.#engine.turn.length += bytes;
		if (bytes > MAX_INPUT_BYTES) return tooLarge(`the input of ${id} has`, MAX_INPUT_BYTES);
		if (this.#inputBytes <= MAX_STEP_INPUT_BYTES) return undefined;
		return tooLarge(`the inputs of the tasks beside ${id} have together`, MAX_STEP_INPUT_BYTES);
	}
}

function tooLarge(what: string, limit: number): MusterError {
	return new MusterError("E_INPUT_TOO_LARGE", `${what} more than ${limit} bytes`, {
		hint: "Let the step before it store large results as artifacts and pass their references.",
	});
}
