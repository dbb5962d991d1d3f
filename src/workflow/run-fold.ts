/**
 * How events change a run. The one writer of its record, used by the state's fold and by whoever has to look ahead.
 *
 * A step's items decide its end, but for one that is `open`: it fails when too many failed and nothing of it runs any more
 * (`late`: when all are over), and completes when enough completed (`late`: when all are over). An item that ends after its
 * step is ignored.
 */
import { type ErrorData, MusterError } from "../errors.ts";
import { type Json, lengthWithin } from "../json.ts";
import { MAX_OUTPUT } from "./bounds.ts";
import {
	type Frame,
	MAX_MISSING_KEPT,
	type NewRun,
	type NewStep,
	type Run,
	type RunStep,
	type StepState,
} from "./run.ts";

/** The part of a path up to and with its last dot; all compensations are one frame. */
export function prefixOf(path: string): string {
	return path.endsWith(COMPENSATE) ? COMPENSATE : path.slice(0, path.lastIndexOf(".") + 1);
}

/** The step of the main list, or of onFailure or finally, that a path is in. */
export const outermostStep = (path: string): string => /^(?:(?:onFailure|finally)\.)?[^.]*/.exec(path)?.[0] ?? path;

export const COMPENSATE = ".compensate";

export function createRun(fresh: NewRun, at: number): Run {
	const { id, workflow, hash, uses, folders, parent, trigger, fork, origins, group, request, inputs } = fresh;
	return {
		...{ id, workflow, hash, inputs, state: group === undefined ? "running" : "queued", createdAt: at },
		...{ steps: {}, frames: {}, over: 0 },
		...(uses && { uses }),
		...(folders && { folders }),
		...(parent && { parent }),
		...(trigger && { trigger }),
		...(fork && { fork }),
		...(origins && { origins }),
		...(group && { group }),
		...(request !== undefined && { request }),
	};
}

export function beginStep(run: Run, fresh: NewStep, at: number): void {
	const { step: path, each, total, items, need, late, open, wait, until } = fresh;
	const outputs: RunStep["outputs"] = open ? [] : new Array(total).fill(undefined);
	const step: RunStep = { state: "running", each, total, outputs, begun: 0, done: 0, failed: 0, startedAt: at };
	if (items !== undefined) step.items = items;
	if (need !== undefined) step.need = need;
	if (late) step.late = true;
	if (open) step.open = true;
	if (until !== undefined) step.until = until;
	if (wait !== undefined) {
		step.wait = wait;
		if (wait.kind === "approval") keep(run, wait.content);
		step.begun = 1;
	}
	run.steps[path] = step;
	frameOf(run, path).running++;
	settle(run, path, step, at);
}

export function beginItem(run: Run, path: string): void {
	const step = stepAt(run, path);
	if (step?.state !== "running") return;
	if (step.items === "frame") run.frames[`${path}.${step.begun}.`] = { running: 0, over: 0, broken: 0 };
	step.begun++;
}

function keep(run: Run, value: Json): void {
	run.made = (run.made ?? 0) + Math.min(lengthWithin(value, MAX_OUTPUT), MAX_OUTPUT);
}

export interface ItemEnd {
	output?: Json | undefined;
	error?: ErrorData | undefined;
}

/** @throws E_INTERNAL when it has ended before (S2) */
export function endItem(run: Run, path: string, index: number, end: ItemEnd, at: number): void {
	const step = stepAt(run, path);
	if (step?.state !== "running") return;
	if (hasEnded(run, path, step, index)) {
		throw new MusterError("E_INTERNAL", `item ${index} of step ${path} of the run ${run.id} has ended already`);
	}
	if (end.output !== undefined) {
		step.done++;
		step.outputs[index] = end.output;
		if (step.items === "frame" || step.items === "run") keep(run, end.output);
		if (end.output === null && step.total > 1) {
			step.nulls ??= [];
			step.nulls.push(index);
		}
	} else {
		step.failed++;
		if (end.error !== undefined) {
			step.error ??= end.error;
			step.missing ??= [];
			const { code, message } = end.error;
			if (step.missing.length < MAX_MISSING_KEPT) step.missing.push({ index, code, message });
		}
	}
	if (index >= step.begun) step.begun = index + 1; // it could not begin; items begin in their order
	if (step.items === "frame") delete run.frames[`${path}.${index}.`];
	settle(run, path, step, at);
}

/** Whether an item of a running step is over, as far as its record tells: of tasks that failed only the first are named. */
function hasEnded(run: Run, path: string, { items, begun, outputs, missing }: RunStep, index: number): boolean {
	if (items === "frame") return index < begun && !Object.hasOwn(run.frames, `${path}.${index}.`);
	return outputs[index] !== undefined || (missing ?? []).some((item) => item.index === index);
}

/** The step is over by decision, also one that had not begun. */
export function endStep(
	run: Run,
	path: string,
	state: Exclude<StepState, "running">,
	at: number,
	error?: ErrorData,
): void {
	let step = stepAt(run, path);
	if (step === undefined) {
		step = { state: "running", each: false, total: 0, outputs: [], begun: 0, done: 0, failed: 0, startedAt: at };
		run.steps[path] = step;
		frameOf(run, path).running++;
	}
	if (step.state !== "running") return;
	if (error !== undefined) step.error = error;
	over(run, path, step, state, at);
}

export function copyStep(run: Run, path: string, record: RunStep): void {
	run.steps[path] = { ...reviveStep(record), order: ++run.over };
	if (prefixOf(path) !== "") return; // of a list that is over
	const frame = frameOf(run, path);
	if (isDone(record.state)) frame.over++;
	else frame.broken++;
}

export function keepSignal(run: Run, name: string, data: Json): void {
	run.signals ??= [];
	run.signals.push({ name, data });
}

export function useSignal(run: Run, name: string): void {
	const place = run.signals?.findIndex((signal) => signal.name === name) ?? -1;
	if (place >= 0) run.signals?.splice(place, 1);
}

/** What did not come to its end is cancelled with the run. */
export function endRun(run: Run, state: "completed" | "failed" | "cancelled", at: number): void {
	run.state = state;
	run.endedAt = at;
	for (const step of Object.values(run.steps)) {
		if (step.state !== "running") continue;
		step.state = "cancelled";
		step.endedAt = at;
	}
}

/** JSON has no undefined: an output that is not there was written as null. */
export function reviveStep(step: RunStep): RunStep {
	if (step.done === step.total) return step;
	const nulls = new Set(step.nulls);
	return { ...step, outputs: step.outputs.map((output, i) => output ?? (nulls.has(i) ? null : undefined)) };
}

/** A run as an earlier version stored it gets the members that it did not have. */
export function completeRun(run: Run): Run {
	if (run.frames !== undefined) return run;
	run.frames = {};
	run.over = 0;
	for (const [path, step] of Object.entries(run.steps)) {
		step.begun ??= step.total;
		const frame = frameOf(run, path);
		if (step.state === "running") frame.running++;
		else if (isDone(step.state)) frame.over++;
		else frame.broken++;
		if (step.state !== "running") step.order = ++run.over;
	}
	return run;
}

export const stepAt = (run: Run, path: string): RunStep | undefined =>
	Object.hasOwn(run.steps, path) ? run.steps[path] : undefined;

/** Whether the list that a step stands in goes on: an item of a step around it that is over does not. */
export function isListLive(run: Run, path: string): boolean {
	const prefix = prefixOf(path);
	return !/\.\d+\.$/.test(prefix) || Object.hasOwn(run.frames, prefix);
}

export const isDone = (state: StepState): boolean => state === "completed" || state === "skipped";

function frameOf(run: Run, path: string): Frame {
	const prefix = prefixOf(path);
	const known = Object.hasOwn(run.frames, prefix) ? run.frames[prefix] : undefined;
	if (known !== undefined) return known;
	const frame: Frame = { running: 0, over: 0, broken: 0 };
	run.frames[prefix] = frame;
	return frame;
}

/** Whether so many items failed that the step cannot complete any more. */
export const isLost = ({ total, failed, need = total }: RunStep): boolean => failed > total - need;

function settle(run: Run, path: string, step: RunStep, at: number): void {
	if (step.open) return;
	const { total, begun, done, failed, late, need = total } = step;
	const all = done + failed === total;
	if (isLost(step)) {
		// What runs comes to its end first: the run must not be undone beside it.
		if (late ? all : done + failed === begun) over(run, path, step, "failed", at);
	} else if (all || (!late && done >= need)) over(run, path, step, "completed", at);
}

function over(run: Run, path: string, step: RunStep, state: Exclude<StepState, "running">, at: number): void {
	step.state = state;
	step.endedAt = at;
	step.order = ++run.over;
	if (step.done === step.total) delete step.nulls;
	const frame = frameOf(run, path);
	frame.running--;
	if (isDone(state)) frame.over++;
	else frame.broken++;
	if (step.items === "frame" && step.begun > step.done + step.failed) cancelInside(run, path, step.begun, at);
}

function cancelInside(run: Run, path: string, begun: number, at: number): void {
	for (const [inner, step] of Object.entries(run.steps)) {
		if (step.state === "running" && inner.startsWith(`${path}.`)) over(run, inner, step, "cancelled", at);
	}
	for (let index = 0; index < begun; index++) delete run.frames[`${path}.${index}.`];
}
