/** `muster pause`: nothing of a scope starts any more, also after a restart. */
import { hasCode } from "../../errors.ts";
import { didYouMean } from "../../suggest.ts";
import { type Connection, openConnection } from "../connection.ts";
import { wholeScope } from "../ids.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

export async function run([given = "all"]: string[], options: GlobalOptions & { reason?: string }): Promise<number> {
	const terminal = new Terminal(options);
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const scope = await wholeScope(connection, given);
		const before = (await connection.status()).paused.find((pause) => pause.scope === scope);
		await connection.pause(scope, options.reason);
		const unknown = await unknownIn(connection, scope);
		if (unknown !== undefined) terminal.say(`note: ${plain(unknown)}`);
		const { paused } = await connection.status();
		if (options.json) terminal.json({ paused });
		else terminal.print(`${scope} paused`);
		if (before !== undefined) terminal.say(`it was paused already, since ${before.since}; nothing changed`);
		terminal.hint(
			"What runs goes on to its end. Let work start again with",
			`resume${scope === "all" ? "" : ` ${scope}`}`,
		);
		return 0;
	} finally {
		await connection.close();
	}
}

const LOOKED_AT = 1_000;

/** What comes later under a name is paused too, so a name that is not known now is told of and not refused. */
async function unknownIn(connection: Connection, scope: string): Promise<string | undefined> {
	const [kind, name = ""] = scope.split(/:(.*)/s, 2);
	const later = `what comes under this name is held back too.`;
	if (kind === "type") {
		const { builtInNames } = await import("../../main.ts");
		const fleet = (await connection.agents()).flatMap(({ capabilities }) => capabilities);
		const types = (await connection.tasks(LOOKED_AT)).map(({ type }) => type);
		const known = new Set(["coordinate", ...builtInNames, ...fleet, ...types]);
		if (known.has(name)) return undefined;
		return `no task type "${name}" is known now; ${later} ${didYouMean(name, known) ?? ""}`.trimEnd();
	}
	if (kind !== "workflow") return undefined;
	try {
		await connection.workflow(name);
	} catch (error) {
		if (!hasCode(error, "E_WORKFLOW_UNKNOWN")) return undefined;
		if ((await connection.runs(LOOKED_AT)).some(({ workflow }) => workflow === name)) return undefined;
		return `no workflow "${name}" is known now; ${later} ${error.hint ?? ""}`.trimEnd();
	}
	return undefined;
}
