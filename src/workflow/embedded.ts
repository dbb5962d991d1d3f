/**
 * The embedded workflow engine: turns what `decide` says into events. A step is one or more items whose ids follow from
 * the run, the step and the index, so nothing can ever begin twice. Everything it emits goes into the same journal group
 * as the event that led to it; after a crash the same state gives the same commands again. How a run is begun by a request
 * is in `run-begin.ts`.
 */
import { MusterError, toErrorData } from "../errors.ts";
import { type Json, MAX_INPUT_BYTES } from "../json.ts";
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import { decide } from "./decide.ts";
import { MAX_RUN_DEPTH, type WorkflowDefinition } from "./definition.ts";
import { checkGroup } from "./group.ts";
import { checkInputs } from "./inputs.ts";
import { type Command, isRunOver, type NewRun, type Run } from "./run.ts";
import { isListLive, prefixOf, stepAt } from "./run-fold.ts";
import { afterRun, createdRun, type Emit, type Next } from "./run-queue.ts";
import { definitionAt, stepTask, stepTaskId } from "./step-task.ts";

const MAX_STEP_INPUT_BYTES = 64 * 1024 * 1024;

/** Told of what events cannot carry. */
export interface EngineListener {
	/** The step has a time at which `expireStep` is to be called, wall clock. */
	timed(run: Run, path: string, until: number): void;
	/** It is over while items of it were under way: those are to be cancelled. */
	stray(run: Run, path: string): void;
	/** A step of this list failed, so nothing new begins in it: tasks that have not started are to be cancelled. */
	halted(run: Run, prefix: string): void;
	/** A step began this run of another workflow. */
	inner(run: Run, definition: WorkflowDefinition): void;
	/** The run cannot go on: it is to be parked. @throws when it is to go no further for all */
	misfit(run: Run, error: unknown, emit: Emit): void;
}

/** Lets a run go on after steps of it changed, and every other run that this concerns: one that cannot holds up no other. */
export function advanceRun(state: State, next: Next, at: number, emit: Emit, listener: EngineListener): void {
	const open: Next[] = [next];
	for (let item = open.pop(); item !== undefined; item = open.pop()) {
		const run = state.runs.get(item.id);
		if (run?.state !== "running") continue;
		try {
			const waves = new Advance(state, run, at, emit, listener, open).waves(item.changed);
			while (!waves.next().done);
		} catch (error) {
			listener.misfit(run, error, emit);
		}
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

/** One run while it is carried on. */
export class Advance {
	readonly #state: State;
	readonly #run: Run;
	readonly #definition: WorkflowDefinition;
	readonly #at: number;
	readonly #emit: Emit;
	readonly #listener: EngineListener;
	/** Other runs to go on with. */
	readonly #open: Next[];
	#changed: string[] = [];
	#inputBytes = 0;

	constructor(state: State, run: Run, at: number, emit: Emit, listener: EngineListener, open: Next[]) {
		const definition = state.definitions.get(run.hash);
		if (definition === undefined) {
			throw new MusterError("E_RUN_MISFIT", `the definition ${run.hash} of the run ${run.id} is not in the journal`);
		}
		this.#state = state;
		this.#run = run;
		this.#definition = definition;
		this.#at = at;
		this.#emit = emit;
		this.#listener = listener;
		this.#open = open;
	}

	/** Wave after wave, until only what runs can change anything; each is given before it is carried out. */
	*waves(changed: readonly string[] | undefined): Generator<Wave, void> {
		for (const path of changed ?? []) this.#checkEnd(path);
		for (let next = changed; next === undefined || next.length > 0; next = this.#changed) {
			const commands = this.#decide(next);
			yield { changed: next, commands };
			this.#changed = [];
			for (const command of commands) this.#carryOut(command);
			if (isRunOver(this.#run.state)) {
				this.#open.push(...afterRun(this.#state, this.#run, this.#at, this.#emit));
				return;
			}
		}
	}

	#decide(changed: readonly string[] | undefined): Command[] {
		try {
			return decide(this.#definition, this.#run, changed);
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
		const at = this.#at;
		const { id } = this.#run;
		// An earlier command of the wave may have ended the step around it.
		if ("step" in command && !isListLive(this.#run, command.step)) return;
		switch (command.kind) {
			case "start": {
				const { kind: _, limitMs, ...step } = command;
				const until = limitMs === undefined ? undefined : at + limitMs;
				this.#emit({ type: "step.started", at, run: id, ...step, ...(until !== undefined && { until }) });
				if (until !== undefined) this.#listener.timed(this.#run, command.step, until);
				this.#touched(command.step);
				return;
			}
			case "item":
				if (stepAt(this.#run, command.step)?.state === "running") this.#beginItem(command);
				return;
			case "item-end": {
				const { kind: _, ...end } = command;
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
			case "complete":
				this.#emit({ type: "run.completed", at, id, outputs: command.outputs });
				return;
			case "fail":
				this.#emit({ type: "run.failed", at, id, error: command.error });
		}
	}

	/** A step that is over at once: it has no items. */
	#touched(path: string): void {
		if (stepAt(this.#run, path)?.state !== "running") this.#changed.push(path);
	}

	#checkEnd(path: string): void {
		const step = stepAt(this.#run, path);
		if (step === undefined || step.state === "running") return;
		if (step.begun > step.done + step.failed) this.#listener.stray(this.#run, path);
		if (step.state === "failed") this.#listener.halted(this.#run, prefixOf(path));
	}

	#beginItem(command: Extract<Command, { kind: "item" }>): void {
		const { step: path, index } = command;
		const { items, each } = stepAt(this.#run, path) ?? { items: undefined, each: false };
		if (items === "frame") {
			this.#emit({ type: "item.started", at: this.#at, run: this.#run.id, step: path, index });
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
			this.#emit({ type: "item.ended", at: this.#at, run: this.#run.id, step: path, index, error: toErrorData(error) });
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
		const task = stepTask(this.#run, path, each, index, definition, input, this.#at);
		if (concurrency !== undefined) task.concurrency = { ...concurrency, key: concurrencyKey ?? concurrency.key };
		if (rate !== undefined) task.rate = { ...rate, key: rateKey ?? rate.key };
		this.#emit({ type: "task.submitted", at: this.#at, task });
	}

	/** @throws E_INPUT_INVALID, E_WORKFLOW_UNKNOWN, E_CONFLICT */
	#beginRun(path: string, each: boolean, index: number, input: Json): void {
		const { id, uses = {}, parent } = this.#run;
		const name = definitionAt(this.#definition, path).workflow ?? "";
		const hash = Object.hasOwn(uses, name) ? uses[name] : undefined;
		const definition = hash === undefined ? undefined : this.#state.definitions.get(hash);
		if (hash === undefined || definition === undefined) {
			throw new MusterError("E_WORKFLOW_UNKNOWN", `the workflow "${name}" was not there when the run began`);
		}
		const depth = (parent?.depth ?? 0) + 1;
		if (depth > MAX_RUN_DEPTH) throw new MusterError("E_INPUT_INVALID", `runs may nest ${MAX_RUN_DEPTH} deep`);
		const inputs = checkInputs(definition, input);
		const child: NewRun = {
			...{ id: stepTaskId(id, path, each, index), workflow: name, hash, inputs },
			...(Object.keys(uses).length > 0 && { uses }),
			parent: { id, step: path, index, depth },
		};
		checkGroup(definition, child, (key) => this.#state.groups.get(key) ?? []);
		this.#open.push(...createdRun(this.#state, definition, child, this.#at, this.#emit));
		this.#listener.inner(this.#state.runs.get(child.id) as Run, definition);
	}

	/** What a step submits at once goes into the journal at once, so its inputs are bounded one by one and together. */
	#inputProblem(id: string, input: Json): MusterError | undefined {
		const text = JSON.stringify(input);
		// A UTF-16 unit is at most three bytes of UTF-8.
		const bytes = text.length < 1_024 ? text.length : Buffer.byteLength(text);
		this.#inputBytes += bytes;
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
