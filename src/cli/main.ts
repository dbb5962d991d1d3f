/** The command line's way in: reads the arguments, calls one command, and turns what goes wrong into text and a code. */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { createProgram, VersionShown } from "./program.ts";

/** Does what the arguments say; sets the exit code and never ends the process itself. */
export async function main(argv: readonly string[]): Promise<void> {
	for (const stream of [process.stdout, process.stderr]) stream.on("error", leaveQuietly);
	const program = createProgram({ version, done: setExitCode });
	for (const command of [program, ...program.commands]) {
		command.exitOverride();
		command.configureOutput({ outputError: (text, write) => write(usageError(text, command.name())) });
	}
	try {
		if (argv.length <= 2) program.outputHelp();
		else await program.parseAsync(argv);
	} catch (error) {
		if (error instanceof VersionShown) return;
		if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
		else process.exitCode = (await import("./report-error.ts")).reportError(error);
	}
}

function setExitCode(code: number): void {
	process.exitCode = code;
}

/** The reader has gone (`muster ps | head`): what is still written goes nowhere. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
	if (error.code !== "EPIPE") throw error;
}

function version(): string {
	const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
	return (JSON.parse(text) as { version: string }).version;
}

/** commander's words in our form: `error E_USAGE: ...`, then a hint. */
function usageError(text: string, command: string): string {
	const message = text.replace(/^error: /, "").trim();
	const suggestion = /\(Did you mean (.+)\?\)$/s.exec(message);
	const problem = suggestion === null ? message : message.slice(0, suggestion.index).trim();
	const help = command === "muster" ? "muster --help" : `muster ${command} --help`;
	const hint = suggestion === null ? `See: ${help}` : `Did you mean ${suggestion[1]}? See: ${help}`;
	return `error E_USAGE: ${problem}\nhint: ${hint}\n`;
}

if (import.meta.main) await main(process.argv);
