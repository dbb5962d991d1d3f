/** What a pause is about. The same words in library, HTTP and command line. */
import { MusterError } from "../errors.ts";

/** `all`, or a task type, a workflow by its name, a run by its id. */
export type PauseScope = "all" | { type: string } | { workflow: string } | { run: string };

const KINDS = ["type", "workflow", "run"] as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,255}$/;

/** As text: `all`, `type:T`, `workflow:W`, `run:R`. @throws E_INPUT_INVALID */
export function scopeText(scope: PauseScope | string): string {
	if (typeof scope === "string") {
		const [kind = "", name = ""] = scope.split(/:(.*)/s, 2);
		if (scope === "all" || ((KINDS as readonly string[]).includes(kind) && NAME.test(name))) return scope;
		throw wrong(scope);
	}
	const found = KINDS.filter((kind) => typeof (scope as Record<string, unknown> | null)?.[kind] === "string");
	const [kind] = found;
	if (kind === undefined || found.length > 1 || Object.keys(scope).length > 1) throw wrong(JSON.stringify(scope));
	return scopeText(`${kind}:${(scope as Record<string, string>)[kind]}`);
}

const wrong = (given: string): MusterError =>
	new MusterError("E_INPUT_INVALID", `${JSON.stringify(given.slice(0, 80))} is nothing that can be paused`, {
		hint: "There are: all, type:TYPE, workflow:NAME, run:ID.",
	});
