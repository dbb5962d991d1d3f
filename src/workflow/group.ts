/** The concurrency group of a run. Pure. */
import { MusterError } from "../errors.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { planOf } from "./plan.ts";
import type { NewRun, Run } from "./run.ts";
import { named } from "./scope.ts";

const MAX_GROUP_LENGTH = 256;

/**
 * Before a run is created: whether its group may take it at all.
 *
 * @param live runs of a group that are not over
 * @throws E_CONFLICT when the group is full and its policy is `reject`, or when only the runs around this one could make
 * room; E_EXPRESSION, E_INPUT_INVALID
 */
export function checkGroup(
	definition: WorkflowDefinition,
	run: Pick<NewRun, "id" | "inputs">,
	live: (key: string) => Iterable<{ id: string }>,
): void {
	const { concurrency, name } = definition;
	const key = groupOf(definition, run)?.key;
	if (concurrency === undefined || key === undefined) return;
	const { limit, policy } = concurrency;
	const holders = Array.from(live(key), ({ id }) => id);
	// The id of an inner run begins with that of the run around it.
	const around = holders.filter((id) => run.id.startsWith(`${id}.`));
	if (around.length >= limit)
		throw full(`the run would wait for itself: it is inside of ${around[0]}, in the same group`, around);
	if (policy === "reject" && holders.length >= limit) {
		throw full(`${holders.length} run(s) of "${name}" are in the group ${key} already`, holders);
	}
}

const full = (message: string, holders: readonly string[]): MusterError =>
	new MusterError("E_CONFLICT", message, {
		hint: "Wait for one of them, or cancel it.",
		details: { holders: holders.slice(0, 10) },
		retryable: true,
	});

/** Groups of different workflows are different. @throws E_EXPRESSION, E_INPUT_INVALID */
export function groupOf(definition: WorkflowDefinition, { id, inputs }: Pick<NewRun, "id" | "inputs">): Run["group"] {
	const { concurrency, name } = definition;
	const { group } = planOf(definition);
	if (concurrency === undefined || group === undefined) return undefined;
	const value = named('The "group" of the workflow', () =>
		group.fill({ inputs, steps: {}, run: { id, workflow: name } }),
	);
	const key = typeof value === "string" ? value : JSON.stringify(value);
	if (key.length <= MAX_GROUP_LENGTH) {
		const { limit, policy } = concurrency;
		return { key: `${name}:${key}`, limit, ...(policy === "cancel-previous" && { policy }) };
	}
	throw new MusterError("E_INPUT_INVALID", `the concurrency group has more than ${MAX_GROUP_LENGTH} characters`);
}
