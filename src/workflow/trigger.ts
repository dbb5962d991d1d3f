/** An enabled workflow: what starts its runs by itself. Plain data; the definition it is pinned to has the details. */
import type { Json } from "../json.ts";

export interface Trigger {
	/** The workflow's name; there is one enabling of each. */
	id: string;
	/** Hash of the definition that was enabled; a changed file changes nothing until it is enabled again. */
	hash: string;
	/** Hashes of the workflows its steps may run, by name. */
	uses?: { [name: string]: string };
	/** As in a run. */
	folders?: { [name: string]: string };
	/** Given when it was enabled; what a trigger's `with` gives goes before. */
	inputs: { [name: string]: Json };
	enabledAt: number;
}

export type NewTrigger = Omit<Trigger, "enabledAt">;
