/** Plain progress lines: one for each change of a step, with the seconds since the start. */
import { type Orchestrator, type RunView, systemClock } from "../src/index.ts";

const startedMs = systemClock.monotonic();

export const clockSeconds = (): string => ((systemClock.monotonic() - startedMs) / 1_000).toFixed(1);

export const say = (text: string): void => console.log(`${clockSeconds().padStart(5)}s  ${text}`);

/** Says each change of each step, and resolves with the run when it is over. */
export async function follow(orchestrator: Orchestrator, id: string): Promise<RunView> {
	const told = new Map<string, string>();
	let last: RunView | undefined;
	for await (const run of orchestrator.watchRun(id)) {
		last = run;
		for (const { id: step, state, total, done, message } of run.steps) {
			if (state === "waiting") continue;
			const parts = total > 1 ? ` ${done} of ${total}` : "";
			const now = `${state}${parts}`;
			if (told.get(step) === now) continue;
			told.set(step, now);
			const doing = state === "running" && message !== undefined ? `: ${message}` : "";
			say(`${run.workflow.padEnd(16)}  ${step.padEnd(10)} ${now}${doing}`);
		}
	}
	return last as RunView;
}
