/** Why a run as a whole does not go on: one reason, the same in library, API and command line. */
import type { State } from "../state.ts";
import type { Run } from "../workflow/run.ts";
import { pauseOfRun } from "./pauses.ts";

export interface RunWaitingReason {
	/** `group`: its concurrency group is full. `misfit`: it does not fit its definition. `paused`: nothing of it starts. */
	reason: "group" | "misfit" | "paused";
	/** A sentence for a person. */
	text: string;
	/** Ids of the runs it waits for; at most 10. */
	holders?: string[];
}

const MAX_HOLDERS = 10;

export function whyRunWaits(run: Run, state: State): RunWaitingReason | undefined {
	if (run.state === "queued" && run.group !== undefined) {
		const { key, limit } = run.group;
		const holders = [...(state.groups.get(key) ?? [])].filter((other) => other.state !== "queued").map(({ id }) => id);
		const text = `the group ${key} lets ${limit} run(s) go on at a time; it waits for ${holders.slice(0, MAX_HOLDERS).join(", ")}`;
		return { reason: "group", text, holders: holders.slice(0, MAX_HOLDERS) };
	}
	if (run.state === "parked") {
		const why = run.parked?.message ?? "it does not fit its definition";
		return { reason: "misfit", text: `${why}; it is tried again at the next start, or cancel it` };
	}
	if (run.state !== "running") return undefined;
	const pause = pauseOfRun(run, state);
	return pause && { reason: pause.reason, text: pause.text };
}
