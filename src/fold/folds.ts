/** The shape of the fold: for each type of event, what it does to the state. */
import type { Event, EventType } from "../events.ts";
import type { Sink, State } from "../state.ts";

export type Fold<T extends EventType> = (state: State, event: Extract<Event, { type: T }>, sink: Sink) => void;
export type Folds<T extends EventType> = { readonly [Type in T]: Fold<Type> };
