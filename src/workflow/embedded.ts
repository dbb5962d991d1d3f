/**
 * The embedded workflow engine: turns what `decide` says into events. A step is one or more tasks whose ids follow from
 * the run, the step and the index, so nothing can ever start twice. Everything it emits goes into the same journal group
 * as the event that led to it; after a crash the same state gives the same commands again.
 */
import { MusterError, toErrorData } from "../errors.ts";
import type { Event } from "../events.ts";
import { type Json, MAX_INPUT_BYTES } from "../json.ts";
import type { State } from "../state.ts";
import type { NewTask, Priority, Task } from "../task/task.ts";
import { decide } from "./decide.ts";
import type { StepDefinition, WorkflowDefinition } from "./definition.ts";
import type { Command, Run } from "./run.ts";

const MAX_STEP_INPUT_BYTES = 64 * 1024 * 1024;

type Emit = (event: Event) => void;

/** `run.step` for a single task, `run.step.3` for the fourth of a forEach. */
export const stepTaskId = (run: string, step: string, each: boolean, index: number): string =>
	each ? `${run}.${step}.${index}` : `${run}.${step}`;

/** The events that begin a run: its creation and its first steps. */
export function beginRun(definition: WorkflowDefinition, hash: string, run: Run, known: boolean): Event[] {
	const { id, workflow, inputs, createdAt: at } = run;
	const events: Event[] = known ? [] : [{ type: "workflow.defined", at, hash, definition }];
	events.push({ type: "run.created", at, id, workflow, hash, inputs });
	carryOut(definition, run, decide(definition, run), at, (event) => events.push(event));
	return events;
}

/** Called inside the transaction in which a step of the run came to its end, and at a start for every live run. */
export function advanceRun(state: State, id: string, at: number, emit: Emit): void {
	const run = state.runs.get(id);
	if (run === undefined) return;
	const definition = state.definitions.get(run.hash);
	if (definition === undefined) {
		const error = new MusterError("E_INTERNAL", `the definition ${run.hash} of the run ${id} is not in the journal`);
		emit({ type: "run.failed", at, id, error: toErrorData(error) });
		return;
	}
	carryOut(definition, run, decide(definition, run), at, emit);
}

/** Whether the end of this task may let its run go on: only when its step is over. */
export function stepIsOver(state: State, task: Task): boolean {
	if (task.run === undefined) return false;
	const step = state.runs.get(task.run.id)?.steps[task.run.step];
	return step !== undefined && step.state !== "running";
}

function carryOut(definition: WorkflowDefinition, run: Run, commands: Command[], at: number, emit: Emit): void {
	for (const command of commands) {
		switch (command.kind) {
			case "start": {
				const step = definition.steps.find((candidate) => candidate.id === command.step) as StepDefinition;
				const tasks = command.inputs.map((input, index) => stepTask(run, step, command.each, index, input, at));
				const problem = inputProblem(tasks);
				if (problem !== undefined) {
					emit({ type: "run.failed", at, id: run.id, error: toErrorData(problem) });
					return;
				}
				emit({ type: "step.started", at, run: run.id, step: step.id, each: command.each, total: tasks.length });
				for (const task of tasks) emit({ type: "task.submitted", at, task });
				break;
			}
			case "skip":
				emit({ type: "step.skipped", at, run: run.id, step: command.step });
				break;
			case "complete":
				emit({ type: "run.completed", at, id: run.id, outputs: command.outputs });
				break;
			case "fail":
				emit({ type: "run.failed", at, id: run.id, error: command.error });
				break;
		}
	}
}

function stepTask(run: Run, step: StepDefinition, each: boolean, index: number, input: Json, at: number): NewTask {
	const task: { -readonly [K in keyof NewTask]: NewTask[K] } = {
		id: stepTaskId(run.id, step.id, each, index),
		type: step.skill,
		input,
		priority: (step.priority ?? "normal") as Priority,
		submittedAt: at,
		run: { id: run.id, step: step.id, index },
	};
	if (step.retry !== undefined) task.retry = step.retry;
	if (step.capabilities?.length) task.capabilities = step.capabilities;
	if (step.timeoutMs !== undefined) task.timeoutMs = step.timeoutMs;
	if (step.idleTimeoutMs !== undefined) task.idleTimeoutMs = step.idleTimeoutMs;
	return task;
}

/** All tasks of a step go into the journal at once, so their inputs are bounded one by one and together. */
function inputProblem(tasks: readonly NewTask[]): MusterError | undefined {
	let all = 0;
	for (const { id, input } of tasks) {
		const bytes = Buffer.byteLength(JSON.stringify(input));
		all += bytes;
		if (bytes > MAX_INPUT_BYTES) return tooLarge(`the input of ${id} has`, MAX_INPUT_BYTES);
		if (all > MAX_STEP_INPUT_BYTES)
			return tooLarge(`the inputs of the tasks beside ${id} have together`, MAX_STEP_INPUT_BYTES);
	}
	return undefined;
}

function tooLarge(what: string, limit: number): MusterError {
	return new MusterError("E_INPUT_TOO_LARGE", `${what} more than ${limit} bytes`, {
		hint: "Let the step before it store large results as artifacts and pass their references.",
	});
}
