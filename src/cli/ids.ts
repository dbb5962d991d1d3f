/** Ids as people give them: whole, or their beginning when no other one begins so. */
import { hasCode, MusterError } from "../errors.ts";
import type { RunView, StepView, TaskView } from "../orchestrator/view.ts";
import { gather, type Reader } from "./connection.ts";

export type Found = { run: RunView } | { task: TaskView };
export type FoundStep = { step: StepView; of: RunView };

/** So many of the newest ones are looked at for one that begins so. */
const LISTED = 1_000;

/** @throws E_TASK_UNKNOWN, E_USAGE when several begin so */
export async function findById(reader: Reader, given: string): Promise<Found> {
	const exact = await lookUp(reader, given);
	if (exact !== undefined) return exact;
	const [{ items: runs }, { items: tasks }] = await Promise.all([
		gather((page) => reader.runs(page), LISTED),
		gather((page) => reader.tasks(page), LISTED),
	]);
	const ids = new Set([...runs, ...tasks].map((item) => item.id).filter((id) => id.startsWith(given)));
	// `run_1m86` begins the id of a run and those of all its tasks: the run is meant.
	const wholeRuns = runs.map((run) => run.id).filter((id) => ids.has(id));
	const candidates = wholeRuns.length === 1 ? wholeRuns : [...ids];
	const only = candidates.length === 1 ? await lookUp(reader, candidates[0] as string) : undefined;
	if (only !== undefined) return only;
	if (candidates.length === 0) {
		// A step that is no task has such an id: the reader's own error says what it is.
		if (given.includes(".")) return { task: await reader.task(given) };
		throw new MusterError("E_TASK_UNKNOWN", `there is no task or run ${given}`, {
			hint: "List them with: muster ps, or: muster ps --runs",
		});
	}
	throw new MusterError("E_USAGE", `${candidates.length} ids begin with ${given}`, {
		hint: `For example ${candidates.slice(0, 3).join(", ")}. Give more of it.`,
	});
}

/** @throws as {@link findById}, and when it is a run */
export async function findTask(reader: Reader, given: string): Promise<TaskView> {
	const found = await findById(reader, given);
	if ("task" in found) return found.task;
	throw new MusterError("E_USAGE", `${found.run.id} is a run, and a task is needed here`);
}

export async function lookUp(reader: Reader, id: string): Promise<Found | undefined> {
	try {
		return { run: await reader.run(id) };
	} catch (error) {
		if (!hasCode(error, "E_RUN_UNKNOWN")) throw error;
	}
	try {
		return { task: await reader.task(id) };
	} catch (error) {
		if (!hasCode(error, "E_TASK_UNKNOWN")) throw error;
		return undefined;
	}
}

/** Whether it was there before the command asked for it, and was given in place of a new one. */
export const wasThere = ({ submittedAt }: TaskView, askedAt: number): boolean => Date.parse(submittedAt) < askedAt;

/** A step, or an item of one that has not begun, has an id like a task's: that of its run, a dot and its path. */
export async function findStep(reader: Reader, id: string): Promise<FoundStep | undefined> {
	for (let dot = id.indexOf("."); dot !== -1; dot = id.indexOf(".", dot + 1)) {
		const found = await lookUp(reader, id.slice(0, dot));
		if (found === undefined || !("run" in found)) continue;
		const path = id.slice(dot + 1);
		const around = found.run.steps.filter((step) => path === step.id || path.startsWith(`${step.id}.`));
		const step = around.sort((a, b) => b.id.length - a.id.length)[0];
		if (step !== undefined) return { step, of: found.run };
	}
	return undefined;
}

/** The scope of a pause with the id of a run made whole. @throws as {@link findById}, and when it is a task */
export async function wholeScope(reader: Reader, given: string): Promise<string> {
	if (!given.startsWith("run:")) return given;
	const found = await findById(reader, given.slice("run:".length));
	if ("run" in found) return `run:${found.run.id}`;
	throw new MusterError("E_USAGE", `${found.task.id} is a task, and a run is needed here`);
}
