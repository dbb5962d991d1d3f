/** What a pause is about, as data and as text: `all`, `type:T`, `workflow:W` or `run:R`. Pure, and the one parser. */
import { MusterError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";

/** Everything, or one task type, workflow or run. */
export type PauseScope = "all" | { type: string } | { workflow: string } | { run: string };

const kinds = ["type", "workflow", "run"] as const;

/** A scope that was read. */
export interface ParsedScope {
	/** As the journal and the state name it. */
	text: string;
	kind: "all" | (typeof kinds)[number];
	/** Of the type or workflow, or the run's id; empty for `all`. */
	name: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,255}$/;

/** Reads either form. @throws E_INPUT_INVALID */
export function parseScope(given: PauseScope | string): ParsedScope {
	if (given === "all") return { text: "all", kind: "all", name: "" };
	const [word, name] = typeof given === "string" ? fromText(given) : fromObject(given);
	const kind = kinds.find((known) => known === word);
	if (kind !== undefined && typeof name === "string" && NAME.test(name)) return { text: `${kind}:${name}`, kind, name };
	const shown = typeof given === "string" ? `"${given.slice(0, 80)}"` : "this";
	throw new MusterError("E_INPUT_INVALID", `${shown} is not something that can be paused`, {
		hint: hintFor(given, word, kind),
	});
}

function fromText(text: string): [string, unknown] {
	const colon = text.indexOf(":");
	return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function fromObject(given: unknown): [string, unknown] {
	const entries = typeof given === "object" && given !== null ? Object.entries(given) : [];
	return entries.length === 1 ? (entries[0] as [string, unknown]) : ["", undefined];
}

function hintFor(given: unknown, word: string, kind: string | undefined): string {
	const forms = "Write all, type:T, workflow:W or run:R.";
	if (kind !== undefined || typeof given !== "string") return forms;
	const suggestion = didYouMean(word, ["all", ...kinds]);
	if (suggestion !== undefined) return `${suggestion} ${forms}`;
	return NAME.test(given) && !given.includes(":") ? `Did you mean type:${given}? ${forms}` : forms;
}
