/** What a task builds on: the outputs of what it depends on, or of the steps that its step needs. */
import type { Json } from "../json.ts";
import type { Task } from "../task/task.ts";
import { previousSteps } from "../workflow/scope.ts";
import type { Ledger } from "./ledger.ts";

/** See `previous` of `SkillContext`. */
export function previousOf(ledger: Ledger, { run: place, dependsOn = [] }: Task): Json[] {
	const { state } = ledger;
	if (place === undefined) return dependsOn.map((id) => ledger.task(id)?.output ?? null);
	const run = state.runs.get(place.id);
	const definition = run && state.definitions.get(run.hash);
	if (run === undefined || definition === undefined) return [];
	return previousSteps(definition, place.step).map((path) => {
		const { each, outputs = [] } = run.steps[path] ?? {};
		return each ? outputs.map((output) => output ?? null) : (outputs.at(-1) ?? null);
	});
}
