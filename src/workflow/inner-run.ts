/** A run of another workflow that a step begins: whether it may, and what it is. */
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { State } from "../state.ts";
import { MAX_INNER_INPUTS, MAX_INNER_LIVE, MAX_INNER_RUNS } from "./bounds.ts";
import { checkCircle } from "./circle.ts";
import { MAX_RUN_DEPTH, type WorkflowDefinition } from "./definition.ts";
import { checkGroup, groupOf } from "./group.ts";
import { checkInputs } from "./inputs.ts";
import { type NewRun, outermost, type Run } from "./run.ts";

/**
 * @param name of the workflow that the step at the path runs
 * @throws E_INPUT_INVALID, E_WORKFLOW_UNKNOWN, E_CONFLICT, E_STEP_FAILED when there are too many, E_CANCELLED
 */
export function innerRun(
	state: State,
	run: Run,
	{ id, name, step, index }: { id: string; name: string; step: string; index: number },
	input: Json,
): { child: NewRun; definition: WorkflowDefinition } {
	const { uses = {}, folders = {}, parent } = run;
	const hash = Object.hasOwn(uses, name) ? uses[name] : undefined;
	const definition = hash === undefined ? undefined : state.definitions.get(hash);
	if (hash === undefined || definition === undefined) {
		throw new MusterError("E_WORKFLOW_UNKNOWN", `the workflow "${name}" was not there when the run began`);
	}
	const depth = (parent?.depth ?? 0) + 1;
	if (depth > MAX_RUN_DEPTH) throw new MusterError("E_INPUT_INVALID", `runs may nest ${MAX_RUN_DEPTH} deep`);
	checkOutermost(state, run);
	const inputs = checkInputs(definition, input, Object.hasOwn(folders, name) ? folders[name] : undefined);
	const child: NewRun = {
		...{ id, workflow: name, hash, inputs },
		...(Object.keys(uses).length > 0 && { uses }),
		...(Object.keys(folders).length > 0 && { folders }),
		parent: { id: run.id, step, index, depth },
	};
	checkGroup(definition, child, (key) => state.groups.get(key) ?? []);
	checkCircle(state, child, groupOf(definition, child));
	return { child, definition };
}

/** A workflow that runs itself more than once would otherwise become as many runs as memory holds. */
function checkOutermost(state: State, run: Run): void {
	const outer = state.runs.get(outermost(run.id));
	if (outer === undefined) throw new MusterError("E_CANCELLED", "the run around it is over");
	const { live, all, inputs } = outer.inner ?? { live: 0, all: 0, inputs: 0 };
	const reached =
		live >= MAX_INNER_LIVE
			? `${MAX_INNER_LIVE} at the same time`
			: all >= MAX_INNER_RUNS
				? `${MAX_INNER_RUNS} in all`
				: inputs >= MAX_INNER_INPUTS && `those with ${MAX_INNER_INPUTS} characters of inputs`;
	if (reached === false) return;
	throw new MusterError("E_STEP_FAILED", `the run ${outer.id} may have no more runs inside of it than ${reached}`, {
		hint: "Let fewer go on at the same time (forEach.parallel), or give several items to one of them.",
	});
}
