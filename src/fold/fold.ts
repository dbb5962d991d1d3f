/** The fold: what each event does to the state, exhaustive by its type. S1: the only writer of the state. */
import { MusterError } from "../errors.ts";
import type { Event, EventType } from "../events.ts";
import type { Sink, State } from "../state.ts";
import type { Fold, Folds } from "./folds.ts";
import { queueFolds } from "./queue.ts";
import { runFolds } from "./runs.ts";
import { streamFolds } from "./streams.ts";
import { taskFolds } from "./tasks.ts";

const folds: Folds<EventType> = {
	"epoch.started"(state, event) {
		state.epoch = event.epoch;
	},
	...taskFolds,
	...runFolds,
	...queueFolds,
	...streamFolds,
};

/** Folds one event in. @throws E_JOURNAL_CORRUPT on an unknown type, E_INTERNAL when it does not fit (S2) */
export function apply(state: State, event: Event, sink: Sink): void {
	if (!Object.hasOwn(folds, event.type)) {
		throw new MusterError("E_JOURNAL_CORRUPT", `the event type ${JSON.stringify(event.type)} is unknown`);
	}
	(folds[event.type] as Fold<EventType>)(state, event as never, sink);
}
