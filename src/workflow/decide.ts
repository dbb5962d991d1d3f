/**
 * What a run does next, as a function of its definition and its state. Pure: the embedded engine, a replay and a
 * durable engine elsewhere all get the same commands for the same state.
 *
 * One call gives one wave: the commands that follow from the state as it is. They are carried out, and decide is asked
 * again with the steps they changed, until nothing follows. With `changed` only what can follow from those steps is
 * looked at; without it everything is, and the commands are the same. A wave has limits: what does not fit is named by
 * commands of the kind `more`, and is in the waves after it.
 *
 * Invariants
 * W1  A step begins once: never when it is already among `run.steps`. The same is true of each item.
 * W2  A step begins or is skipped only when all its needs are completed or skipped.
 * W3  After a failed or cancelled step nothing new begins in its list, nor in lists inside of it; open waits and runs of
 *     other workflows are given up, tasks come to their end. Then the list fails, and with it the step around it.
 * W4  A running run in which nothing runs gets a command; anything else is a misfit and throws E_RUN_MISFIT.
 * W5  When the main list failed: completed steps with `compensate` are undone one by one, the last one first; then
 *     `onFailure`, then `finally`, then the run fails. After success: `finally`, then it completes.
 */
import { type ErrorCode, type ErrorData, MusterError, toErrorData } from "../errors.ts";
import type { Json } from "../json.ts";
import { beginStep, beginUndo, nextItems, nextUndoItems, type StepAt } from "./begin.ts";
import { checkOutput, type WaveLimits, waveLimits } from "./bounds.ts";
import { workDone } from "./cel-budget.ts";
import { MAX_RUN_STEPS, type WorkflowDefinition } from "./definition.ts";
import { listError, reasonOf } from "./failure.ts";
import { type Plan, planOf, type StepPlan } from "./plan.ts";
import type { Command, Frame, Run, RunStep, Signal } from "./run.ts";
import { COMPENSATE, isDone, isListLive, isLost, prefixOf, stepAt } from "./run-fold.ts";
import { type Extra, named, type Place, placeOf, scopeOf, stepOf } from "./scope.ts";
import { nextToUndo } from "./undo.ts";

/**
 * The commands that follow from this state, to be carried out in order; none while only what runs can change it.
 * Inputs and outputs may share parts with the run and the definition: read them, never change them.
 *
 * @param changed paths of the steps that have changed, and prefixes of the lists that have begun, since decide gave no
 * commands; absent: look at everything
 * @param limits of the wave
 * @throws E_RUN_MISFIT
 */
export function decide(
	definition: WorkflowDefinition,
	run: Run,
	changed?: Iterable<string>,
	limits: WaveLimits = waveLimits,
	spent: Spent = () => undefined,
): Command[] {
	if (run.state !== "running") return [];
	const wave = new Wave(planOf(definition), run, limits, spent);
	if (changed === undefined) wave.all();
	else for (const path of changed) wave.after(path);
	wave.ends();
	return wave.commands;
}

/** Told what the expressions of a step cost, those inside of it not included. */
type Spent = (path: string, work: number) => void;

const noFrame: Frame = { running: 0, over: 0, broken: 0 };
const frameAt = (run: Run, prefix: string): Frame =>
	(Object.hasOwn(run.frames, prefix) && run.frames[prefix]) || noFrame;

class Wave {
	readonly commands: Command[] = [];
	readonly #plan: Plan;
	readonly #run: Run;
	readonly #limits: WaveLimits;
	readonly #spent: Spent;
	readonly #before = workDone();
	/** What is looked at. */
	#cause = "";
	/** Steps and frames that this wave has dealt with (W1). */
	readonly #seen = new Set<string>();
	readonly #places = new Map<string, Place>();
	readonly #taken = new Set<Signal>();
	/** Length of what is to stay with the run by this wave. */
	#made = 0;
	/** How many of a list's broken steps broke since the last wave. */
	readonly #fresh = new Map<string, number>();

	constructor(plan: Plan, run: Run, limits: WaveLimits, spent: Spent) {
		this.#plan = plan;
		this.#run = run;
		this.#limits = limits;
		this.#spent = spent;
	}

	/** Everything: at the beginning, and after a restart. */
	all(): void {
		this.after("");
		for (const [path, { state }] of Object.entries(this.#run.steps)) if (state === "running") this.after(path);
		for (const prefix of Object.keys(this.#run.frames)) if (prefix !== COMPENSATE) this.after(prefix);
	}

	/** What follows from a step that has changed, or (a path with a dot at its end) from a list that has begun. */
	after(path: string): void {
		// What ends in a list that is over changes nothing: a stray of a step that did not wait for it.
		if (!isListLive(this.#run, path)) return;
		this.#cause = path;
		if (path === "" || path.endsWith(".")) {
			this.#list(path);
			this.#listChanged(path);
			return;
		}
		const prefix = prefixOf(path);
		const step = stepAt(this.#run, path);
		if (step === undefined) return;
		if (prefix === COMPENSATE) {
			if (step.state === "running" && step.begun < step.total) this.#undoMore(path, step);
			return;
		}
		const { place, planned } = this.#stepOf(path, prefix);
		if (step.state === "running") {
			if (this.#once(`items ${path}`)) this.#goOn(place, planned, path, step);
			return;
		}
		if (isDone(step.state)) {
			for (const dependent of planned.dependents) {
				if (!this.#begin(place, place.list.steps[dependent] as StepPlan)) break;
			}
		} else this.#broke(prefix);
		this.#listChanged(prefix);
	}

	/** Every step of a list that may begin. */
	#list(prefix: string): void {
		this.#cause = prefix;
		const place = this.#place(prefix);
		for (const planned of place.list.steps) if (!this.#begin(place, planned)) break;
	}

	/** W1-W3. Returns false when the wave holds no more. */
	#begin(place: Place, planned: StepPlan): boolean {
		const path = place.prefix + planned.step.id;
		if (stepAt(this.#run, path) !== undefined || !this.#needsAreOver(place, planned)) return true;
		if (this.#isHalted(place) || this.#seen.has(path)) return true;
		if (this.#isFull(0)) {
			this.#more(this.#cause);
			return false;
		}
		this.#seen.add(path);
		if (this.#run.over >= MAX_RUN_STEPS) {
			this.#fail(
				path,
				new MusterError("E_STEP_FAILED", `a run may have ${MAX_RUN_STEPS} steps over all rounds and items`),
			);
			return true;
		}
		try {
			const take = (name: string): Signal | undefined => this.#signal(name);
			this.#push(this.#paid(path, () => beginStep(this.#at(place, planned, path), take)));
		} catch (error) {
			this.#fail(path, error);
		}
		return true;
	}

	/** Whether the wave holds as much as it may, with so many commands more. One is always in it, so each is a step forward. */
	#isFull(more: number): boolean {
		const count = this.commands.length + more;
		return count > 0 && (count >= this.#limits.commands || workDone() - this.#before >= this.#limits.work);
	}

	/** Expressions of a step, whose work is told of. */
	#paid<Made>(path: string, evaluate: () => Made): Made {
		const before = workDone();
		try {
			return evaluate();
		} finally {
			if (workDone() > before) this.#spent(path, workDone() - before);
		}
	}

	#more(step: string): void {
		if (this.#once(`more ${step}`)) this.commands.push({ kind: "more", step });
	}

	#needsAreOver(place: Place, { needs }: StepPlan): boolean {
		// One that joins many steps is asked after each of them.
		if (needs.length > frameAt(this.#run, place.prefix).over) return false;
		return needs.every((need) => {
			const step = stepAt(this.#run, place.prefix + (place.list.steps[need] as StepPlan).step.id);
			return step !== undefined && isDone(step.state);
		});
	}

	/** A step that runs: its next items, or the end of a loop. */
	#goOn(place: Place, planned: StepPlan, path: string, step: RunStep): void {
		const active = step.begun - step.done - step.failed;
		if (this.#isFull(0)) {
			this.#more(path);
			return;
		}
		if (this.#isHalted(place)) {
			const giveUp = active === 0 || step.items === "wait" || step.items === "run";
			if (giveUp) this.commands.push({ kind: "end", step: path, state: "cancelled" });
			return;
		}
		try {
			if (step.open) this.#paid(path, () => this.#loop(planned, path, step, active));
			else if (step.begun < step.total && (step.late || !isLost(step))) {
				this.#push(this.#paid(path, () => nextItems(this.#at(place, planned, path), step)));
			}
		} catch (error) {
			this.#fail(path, error);
		}
	}

	#loop(planned: StepPlan, path: string, step: RunStep, active: number): void {
		if (active > 0) return;
		if (step.failed > 0) {
			this.commands.push({ kind: "end", step: path, state: "failed", ...(step.error && { error: step.error }) });
			return;
		}
		const { until } = planned;
		const round = step.begun - 1;
		const isDone = round >= 0 && until !== undefined && this.#isTrue(`${path}.${round}.`, planned, until);
		if (!isDone && step.begun < step.total) {
			this.commands.push({ kind: "item", step: path, index: step.begun });
		} else if (isDone || planned.step.loop?.onMax !== "fail") {
			this.commands.push({ kind: "end", step: path, state: "completed" });
		} else {
			const reason = `the loop of step "${planned.step.id}" made ${step.total} rounds and "until" is not true`;
			this.#fail(path, new MusterError("E_STEP_FAILED", reason, { hint: "Raise max, or let onMax be continue." }));
		}
	}

	#isTrue(prefix: string, { step }: StepPlan, until: NonNullable<StepPlan["until"]>): boolean {
		const place = this.#place(prefix);
		const scope = scopeOf(this.#plan, this.#run, place, until.reads);
		return named(`The "until" of step "${step.id}"`, () => until.fill(scope));
	}

	/** A list inside of a step: it may have come to its end, or have to be stopped (W3). */
	#listChanged(prefix: string): void {
		const { running, over } = frameAt(this.#run, prefix);
		const place = this.#place(prefix);
		if (place.around === undefined || running > 0) return;
		const { path, index, planned } = place.around;
		if (stepAt(this.#run, path)?.state !== "running" || !this.#once(`end ${prefix}`)) return;
		if (over === place.list.steps.length) this.commands.push(this.#listOutput(place, planned, path, index));
		else if (this.#isHalted(place)) {
			this.commands.push({ kind: "item-end", step: path, index, error: listError(this.#run, place) });
		}
	}

	#listOutput(place: Place, { step, output: given }: StepPlan, path: string, index: number): Command {
		try {
			const output = this.#paid(path, () => this.#outputOf(place, step.id, given));
			this.#keep(`The output of step "${step.id}"`, output);
			return { kind: "item-end", step: path, index, output };
		} catch (error) {
			return { kind: "item-end", step: path, index, error: expressionError(error) };
		}
	}

	#outputOf(place: Place, id: string, output: StepPlan["output"]): Json {
		if (output === undefined) {
			const scope = scopeOf(this.#plan, this.#run, place, new Set(place.list.places.keys()));
			const views = Object.entries(scope.steps as { [id: string]: { output: Json } });
			return Object.fromEntries(views.map(([name, view]) => [name, view.output]));
		}
		return named(`The "output" of step "${id}"`, () =>
			output.fill(scopeOf(this.#plan, this.#run, place, output.reads)),
		);
	}

	/** A step of the list failed or was cancelled. If none had before, what waits inside of the list is given up. */
	#broke(prefix: string): void {
		const fresh = (this.#fresh.get(prefix) ?? 0) + 1;
		this.#fresh.set(prefix, fresh);
		if (fresh === frameAt(this.#run, prefix).broken) this.#halt(prefix);
	}

	#halt(prefix: string): void {
		if (frameAt(this.#run, prefix).running === 0) return;
		const place = this.#place(prefix);
		for (const planned of place.list.steps) {
			const path = prefix + planned.step.id;
			const step = stepAt(this.#run, path);
			if (step?.state !== "running") continue;
			if (this.#once(`items ${path}`)) this.#goOn(place, planned, path, step);
			for (let index = 0; step.items === "frame" && index < step.begun; index++) this.#halt(`${path}.${index}.`);
		}
	}

	#isHalted(place: Place): boolean {
		for (let at: Place | undefined = place; at !== undefined; at = at.around?.place) {
			if (frameAt(this.#run, at.prefix).broken > 0) return true;
		}
		return false;
	}

	/** The run as a whole (W4, W5): only when no list has more to do. */
	ends(): void {
		if (this.commands.length > 0) return;
		const { main, onFailure, finally: last } = this.#plan;
		const top = frameAt(this.#run, "");
		if (top.running > 0) return;
		const failed = top.broken > 0;
		if (!failed && top.over < main.steps.length) throw this.#stuck();
		if (failed && this.#plan.compensates && this.#undoIsUnderWay()) return;
		if (failed && onFailure !== undefined && this.#isUnderWay("onFailure.")) return;
		if (last !== undefined && this.#isUnderWay("finally.")) return;
		this.commands.push(this.#end(failed));
	}

	#end(failed: boolean): Command {
		const late = frameAt(this.#run, "finally.").broken > 0 ? placeOf(this.#plan, "finally.") : undefined;
		if (failed) return { kind: "fail", error: reasonOf(this.#plan, this.#run) };
		if (late !== undefined) return { kind: "fail", error: listError(this.#run, late) };
		const { outputs } = this.#plan;
		try {
			const scope = scopeOf(this.#plan, this.#run, this.#place(""), outputs.reads);
			const filled = named("The outputs", () => outputs.fill(scope));
			checkOutput("The outputs of the run", filled);
			return { kind: "complete", outputs: filled as { [name: string]: Json } };
		} catch (error) {
			return { kind: "fail", error: expressionError(error) };
		}
	}

	/** Begins a list of the aftermath; false when it is over. */
	#isUnderWay(prefix: "onFailure." | "finally."): boolean {
		const { running, over, broken } = frameAt(this.#run, prefix);
		if (running > 0) return true;
		if (broken > 0 || over === this.#place(prefix).list.steps.length) return false;
		this.#list(prefix);
		if (this.commands.length === 0) throw this.#stuck();
		return true;
	}

	/** Undoes one more completed step, the one that was over last first; false when all are undone. */
	#undoIsUnderWay(): boolean {
		if (frameAt(this.#run, COMPENSATE).running > 0) return true;
		const path = nextToUndo(this.#plan, this.#run);
		const step = path === undefined ? undefined : stepAt(this.#run, path);
		if (path === undefined || step === undefined) return false;
		const { place, planned } = stepOf(this.#plan, path);
		try {
			this.#push(beginUndo(this.#at(place, planned, path), step));
		} catch (error) {
			this.#fail(path + COMPENSATE, error);
		}
		return true;
	}

	/** More items of a compensation. */
	#undoMore(where: string, undo: RunStep): void {
		const path = where.slice(0, -COMPENSATE.length);
		const step = stepAt(this.#run, path);
		if (step === undefined || !this.#once(`items ${where}`)) return;
		const { place, planned } = stepOf(this.#plan, path);
		this.#push(nextUndoItems(this.#at(place, planned, path), step, undo));
	}

	#at(place: Place, planned: StepPlan, path: string): StepAt {
		const isFull = (more: number): boolean => this.#isFull(more);
		const keep = (what: string, value: Json): void => this.#keep(what, value);
		return { plan: this.#plan, run: this.#run, place, planned, path, extra: this.#extra(place), keep, isFull };
	}

	/** @throws E_OUTPUT_TOO_LARGE */
	#keep(what: string, value: Json): void {
		this.#made += checkOutput(what, value, (this.#run.made ?? 0) + this.#made);
	}

	/** One by one: a step may have more items than a call may have arguments. */
	#push(commands: readonly Command[]): void {
		for (const command of commands) this.commands.push(command);
	}

	/** What the aftermath knows besides. */
	#extra(place: Place): Extra {
		let top = place;
		while (top.around !== undefined) top = top.around.place;
		if (!top.aftermath) return {};
		const failed = frameAt(this.#run, "").broken > 0;
		const { code, message, details } = failed ? reasonOf(this.#plan, this.#run) : ({} as Partial<ErrorData>);
		const step = (details?.step as string) ?? "";
		// The step's own code says more than that a step failed.
		const error = failed ? { code: (details?.code as string) ?? code ?? "", message: message ?? "", step } : null;
		const { id, workflow } = this.#run;
		return { error, run: { id, workflow, state: failed ? "failed" : "completed" } };
	}

	#fail(path: string, error: unknown): void {
		this.commands.push({ kind: "end", step: path, state: "failed", error: expressionError(error) });
	}

	#stuck(): MusterError {
		const { id, workflow } = this.#run;
		return new MusterError("E_RUN_MISFIT", `run ${id} of "${workflow}" cannot go on: its steps wait for each other`, {
			hint: "Its record does not fit its definition. Cancel it, or start it again.",
		});
	}

	/** The oldest kept signal of this name that no step of this wave has taken. */
	#signal(name: string): Signal | undefined {
		const signal = this.#run.signals?.find((kept) => kept.name === name && !this.#taken.has(kept));
		if (signal !== undefined) this.#taken.add(signal);
		return signal;
	}

	#once(key: string): boolean {
		if (this.#seen.has(key)) return false;
		this.#seen.add(key);
		return true;
	}

	#place(prefix: string): Place {
		let place = this.#places.get(prefix);
		if (place === undefined) {
			place = placeOf(this.#plan, prefix);
			this.#places.set(prefix, place);
		}
		return place;
	}

	#stepOf(path: string, prefix: string): { place: Place; planned: StepPlan } {
		const place = this.#place(prefix);
		const planned = place.list.steps[place.list.places.get(path.slice(prefix.length)) ?? -1];
		return planned === undefined ? stepOf(this.#plan, path) : { place, planned };
	}
}

/** What a run may meet: anything else is a defect and goes on being thrown. */
function expressionError(thrown: unknown): ErrorData {
	const { code } = thrown as MusterError;
	if (!expected.includes(code)) throw thrown;
	return toErrorData(thrown);
}

const expected: readonly ErrorCode[] = ["E_EXPRESSION", "E_STEP_FAILED", "E_INPUT_INVALID", "E_OUTPUT_TOO_LARGE"];
