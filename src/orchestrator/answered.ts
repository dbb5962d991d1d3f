/** What became of a question that nobody asks any more, as far as its task or run is still known. */
import { MusterError } from "../errors.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import { isTerminal } from "../task/task.ts";
import { isRunOver, type RunStep } from "../workflow/run.ts";
import { stepAt } from "../workflow/run-fold.ts";

type Known = Pick<Ledger, "task" | "run">;

/** The error for whoever answers it now: E_CONFLICT when it is known, else E_APPROVAL_UNKNOWN. */
export function notAsked(known: Known, id: string): MusterError {
	const fate = id.includes("#") ? fateInTask(known, id) : fateInRun(known, id);
	if (fate === undefined) {
		return new MusterError("E_APPROVAL_UNKNOWN", `nobody asks for approval under ${id}`, {
			hint: "List what is asked with: muster approvals",
		});
	}
	const [owner, what] = fate;
	return new MusterError("E_CONFLICT", `${id} is asked no more: ${what}`, {
		hint: `Look at it with: muster task ${owner}`,
	});
}

type Fate = [owner: string, what: string];

function fateInTask(known: Known, id: string): Fate | undefined {
	const [owner = "", key = ""] = id.split(/#(.*)/s, 2);
	const task = known.task(owner);
	const ask = task?.asks?.[key];
	if (task === undefined || ask === undefined) return undefined;
	if (ask.answer !== undefined) return [owner, answered(ask.answer)];
	return isTerminal(task.state) ? [owner, `the task was ${task.state}`] : undefined;
}

/** An id is that of a run and the path of a step, and inner runs have dots in theirs: the longest that is a run counts. */
function fateInRun(known: Known, id: string): Fate | undefined {
	for (let dot = id.lastIndexOf("."); dot > 0; dot = id.lastIndexOf(".", dot - 1)) {
		const run = known.run(id.slice(0, dot));
		if (run === undefined) continue;
		const step = stepAt(run, id.slice(dot + 1));
		if (step?.wait?.kind !== "approval" || step.endedAt === undefined) {
			return step?.wait !== undefined && isRunOver(run.state) ? [run.id, `its run was ${run.state}`] : undefined;
		}
		return [run.id, fateOfStep(step, step.endedAt)];
	}
	return undefined;
}

function fateOfStep({ outputs, error, state }: RunStep, endedAt: number): string {
	const output = outputs[0] as { approved?: unknown; expired?: true; by?: string; at?: number } | null | undefined;
	if (typeof output?.approved === "boolean") {
		return answered({ approved: output.approved, expired: output.expired, by: output.by, at: output.at ?? endedAt });
	}
	return `${error === undefined ? `its step was ${state}` : error.message}, at ${iso(endedAt)}`;
}

function answered(answer: {
	approved: boolean;
	by?: string | undefined;
	at: number;
	expired?: true | undefined;
}): string {
	const { approved, by, at, expired } = answer;
	if (expired) return `it expired at ${iso(at)}`;
	return `already answered: ${approved ? "approved" : "denied"}${by === undefined ? "" : ` by ${by}`} at ${iso(at)}`;
}

const iso = (ms: number): string => new Date(ms).toISOString();
