/** docs/configuration.md, made from the settings' own schema and the options of `muster up`. */
import { settingsShape } from "../config.ts";
import { createProgram } from "./program.ts";
import { code, jsonSchemaOf, markdownTable, rowsOf } from "./schema-rows.ts";

const INTRO = `# Settings

A program gives them to \`startOrchestrator({ ... })\`, \`muster up\` as the options that are named here; what has no option is for
programs. A name that is not known is refused with E_CONFIG_INVALID, which says what is known. Times are in milliseconds, sizes in bytes.
`;

const EXAMPLE = `
\`\`\`ts
await startOrchestrator({
	dataDir: "data",
	workers: 20,
	limits: { running: 50, types: { research: 5 } },
	allow: { folders: ["reports"], commands: [["git", "status"]], webhooks: ["https://hooks.example.org"] },
});
\`\`\`

\`startOrchestrator\` also takes \`skills\` (your own; one of the same name takes the place of one that comes along), \`customAgents\`,
\`definitions\` (workflows given in code), \`log\` and \`clock\`. \`muster up\` also takes \`--port\`, \`--host\` and \`--grace\`: see
[the command line](cli.md).

## Environment

| variable | what it does |
|---|---|
| \`MUSTER_DATA\` | The data folder of every command that is given no \`--data\`. A program reads its own. |
| \`NO_COLOR\` | No colours on the terminal. |
| \`CI\` | \`muster run\` writes lines in place of bars. |
| \`NODE_COMPILE_CACHE\` | Where Node keeps compiled code. Default: \`~/.cache/muster-agents\`. |
| what a workflow names as \`\${env:NAME}\` | The secret of a webhook; it is read where the server runs, at each call. |
`;

/** The whole page. */
export function configurationPage(): string {
	const up = createProgram({ version: () => "", done: () => undefined }).commands.find(
		(command) => command.name() === "up",
	);
	const options = new Set(up?.options.map(({ long }) => long));
	const optionOf = (name: string): string =>
		name === "dataDir" ? "`--data`" : options.has(`--${name}`) ? `\`--${name}\`` : "";
	const rows = rowsOf(jsonSchemaOf(settingsShape, "input")).map(({ name, type, default: value, meaning }) => [
		...[code(name), type, optionOf(name), name === "dataDir" ? "`MUSTER_DATA`" : ""],
		...[code(value), unitOf(name), meaning],
	]);
	const head = ["setting", "type", "option", "environment", "default", "unit", "meaning"];
	return `${INTRO}\n${markdownTable(head, rows)}\n${EXAMPLE}`;
}

const unitOf = (name: string): string => (name.endsWith("Ms") ? "ms" : name.endsWith("Bytes") ? "bytes" : "");
