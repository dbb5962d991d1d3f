/** Events sent to the orchestrator, and which waits they end. Pure. */
import type { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { planOf } from "./plan.ts";
import type { Run } from "./run.ts";
import { scopeOf, stepOf } from "./scope.ts";

/** In the form of CloudEvents, as far as it matters here. */
export interface SentEvent {
	/** For example `com.example.order.paid`. */
	type: string;
	data: Json;
	/** Each run that it triggers starts once for one id of the sender's own; a wait takes any event, also one of the same id. */
	id: string;
	source?: string;
	/** RFC 3339. */
	time: string;
}

/** Whether an event ends the wait of a step. A filter that cannot be evaluated for it does not match. */
export function matchesEvent(definition: WorkflowDefinition, run: Run, path: string, event: SentEvent): boolean {
	const plan = planOf(definition);
	const { planned, place } = stepOf(plan, path);
	const { filter } = planned;
	if (filter === undefined) return true;
	try {
		return filter.fill(scopeOf(plan, run, place, filter.reads, planned, { event: event as unknown as Json }));
	} catch (error) {
		if ((error as MusterError).code === "E_EXPRESSION") return false;
		throw error;
	}
}
