/** docs/cli.md, made from the program's own help, so that the page and the program cannot say different things. */
import { createProgram } from "./program.ts";

const WIDTH = 100;

const INTRO = `# Command line

\`muster <command> [options]\`. Data goes to stdout, talk and progress to stderr.

A command uses the server of its data folder (\`--data\`, else \`$MUSTER_DATA\`, else \`data\`) when one runs. When none does,
\`run\`, \`submit\` and \`cancel\` open the folder themselves, and the others read what it holds without touching it.

With \`--json\` stdout holds one JSON value and nothing else: lists as \`{"items": [...]}\`, with the same members as the
HTTP API; \`run\` adds \`files\` to the run, \`task\` adds \`tasks\` to a run. An error is always text on stderr:
\`error E_CODE: message\`, then \`hint: what to do\`.

In a terminal \`run\` draws a bar for each step; elsewhere, and with \`CI\` set, it writes a line when something changed.
The log of everything that works is \`muster.log\` in the data folder.
`;

/** The whole page. */
export function helpPage(): string {
	const program = createProgram({ version: () => "", done: () => undefined });
	const page = [INTRO];
	for (const command of [program, ...program.commands]) {
		// Each command would repeat the global options; the first section has them.
		command.configureHelp({ ...program.configureHelp(), helpWidth: WIDTH, showGlobalOptions: false });
		const heading = command === program ? "muster" : `muster ${command.name()}`;
		page.push(`## ${heading}\n\n\`\`\`text\n${captureHelp(command)}\n\`\`\`\n`);
	}
	return page.join("\n");
}

function captureHelp(command: ReturnType<typeof createProgram>): string {
	let text = "";
	command.configureOutput({
		writeOut: (part) => {
			text += part;
		},
		getOutHelpWidth: () => WIDTH,
		getOutHasColors: () => false,
	});
	command.outputHelp();
	return text.trim();
}
