/** How events change runs, and which definitions stay because something uses them. What is inside of one run: `workflow/run-fold.ts`. */
import { MusterError } from "../errors.ts";
import type { EventType } from "../events.ts";
import { lengthWithin, MAX_INPUT_BYTES } from "../json.ts";
import type { Sink, State } from "../state.ts";
import { outermost, type Run } from "../workflow/run.ts";
import {
	beginItem,
	beginStep,
	copyStep,
	createRun,
	endItem,
	endRun,
	endStep,
	keepSignal,
	useSignal,
} from "../workflow/run-fold.ts";
import type { Folds } from "./folds.ts";

/** Definitions that nothing uses, for runs that begin soon. */
export const UNUSED_DEFINITIONS_KEPT = 100;

export const runFolds: Folds<
	Extract<EventType, `workflow.${string}` | `run.${string}` | `step.${string}` | `item.${string}`>
> = {
	"workflow.defined"(state, event) {
		state.definitions.set(event.hash, event.definition);
	},
	"run.created"(state, event) {
		const run = createRun(event, event.at);
		state.runs.set(run.id, run);
		const parent = run.parent && state.runs.get(run.parent.id);
		if (run.parent !== undefined && parent !== undefined) beginItem(parent, run.parent.step);
		const root = run.parent && state.runs.get(outermost(run.id));
		if (root !== undefined) {
			root.inner ??= { live: 0, all: 0, inputs: 0 };
			root.inner.live++;
			root.inner.all++;
			root.inner.inputs += Math.min(lengthWithin(run.inputs, MAX_INPUT_BYTES), MAX_INPUT_BYTES);
		}
		linkRun(state, run);
	},
	"run.started"(state, event) {
		const run = needRun(state, event.id);
		run.state = "running";
		run.startedAt = event.at;
	},
	"step.started"(state, event) {
		beginStep(needRun(state, event.run), event, event.at);
	},
	"step.skipped"(state, event) {
		endStep(needRun(state, event.run), event.step, "skipped", event.at);
	},
	"item.started"(state, event) {
		beginItem(needRun(state, event.run), event.step);
	},
	"item.ended"(state, event) {
		const run = needRun(state, event.run);
		if (event.signal !== undefined) useSignal(run, event.signal);
		endItem(run, event.step, event.index, event, event.at);
	},
	"step.ended"(state, event) {
		endStep(needRun(state, event.run), event.step, event.state, event.at, event.error);
	},
	"step.copied"(state, event) {
		copyStep(needRun(state, event.run), event.step, event.record);
	},
	"run.signalled"(state, event) {
		keepSignal(needRun(state, event.id), event.name, event.data);
	},
	"run.parked"(state, event) {
		const run = needRun(state, event.id);
		run.state = "parked";
		run.parked = event.error;
	},
	"run.unparked"(state, event) {
		const run = needRun(state, event.id);
		run.state = "running";
		delete run.parked;
	},
	"run.completed"(state, event, sink) {
		const run = needRun(state, event.id);
		run.outputs = event.outputs;
		runEnded(state, run, "completed", event.at, sink);
	},
	"run.failed"(state, event, sink) {
		const run = needRun(state, event.id);
		run.error = event.error;
		runEnded(state, run, "failed", event.at, sink);
	},
	"run.cancelled"(state, event, sink) {
		const run = needRun(state, event.id);
		run.error = event.error;
		runEnded(state, run, "cancelled", event.at, sink);
	},
};

function needRun(state: State, id: string): Run {
	const run = state.runs.get(id);
	if (run === undefined) throw new MusterError("E_INTERNAL", `the run ${id} is not live`);
	return run;
}

function runEnded(state: State, run: Run, end: "completed" | "failed" | "cancelled", at: number, sink: Sink): void {
	endRun(run, end, at);
	state.runs.delete(run.id);
	state.paused.delete(`run:${run.id}`);
	unuse(state, run);
	const group = run.group && state.groups.get(run.group.key);
	if (run.group !== undefined && group?.delete(run) && group.size === 0) state.groups.delete(run.group.key);
	const root = run.parent && state.runs.get(outermost(run.id));
	if (root?.inner !== undefined) root.inner.live--;
	const parent = run.parent && state.runs.get(run.parent.id);
	if (run.parent !== undefined && parent !== undefined) {
		endItem(parent, run.parent.step, run.parent.index, { output: run.outputs, error: run.error }, at);
	}
	sink.run(run);
}

type UsesDefinitions = Pick<Run, "hash" | "uses">;

export function use(state: State, { hash, uses = {} }: UsesDefinitions): void {
	for (const used of new Set([hash, ...Object.values(uses)])) state.uses.set(used, (state.uses.get(used) ?? 0) + 1);
}

export function unuse(state: State, { hash, uses = {} }: UsesDefinitions): void {
	for (const used of new Set([hash, ...Object.values(uses)])) {
		const left = (state.uses.get(used) ?? 1) - 1;
		if (left > 0) state.uses.set(used, left);
		else state.uses.delete(used);
		if (state.definitions.size <= state.uses.size + UNUSED_DEFINITIONS_KEPT) continue;
		const unused = state.definitions.keys().find((known) => !state.uses.has(known));
		if (unused !== undefined) state.definitions.delete(unused);
	}
}

export function linkRun(state: State, run: Run): void {
	use(state, run);
	if (run.group === undefined) return;
	const group = state.groups.get(run.group.key);
	if (group) group.add(run);
	else state.groups.set(run.group.key, new Set([run]));
}
