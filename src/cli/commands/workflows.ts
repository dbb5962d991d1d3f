/** `muster workflows`: what can be run, whether a file can, and what a file may hold. */
import { MusterError } from "../../errors.ts";
import type { EnabledView } from "../../orchestrator/triggers.ts";
import type { WorkflowView } from "../../server/read-routes.ts";
import type { InputSpec } from "../../workflow/definition.ts";
import { coerceInputs } from "../../workflow/inputs.ts";
import { findServer, openConnection, openReader } from "../connection.ts";
import { EXIT_FAILED } from "../exit-codes.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readPairs } from "../values.ts";
import { listHere } from "../workflows-here.ts";

type WorkflowsOptions = GlobalOptions & { check?: string; input?: string[] };

export async function run([what, name]: string[], options: WorkflowsOptions): Promise<number> {
	const terminal = new Terminal(options);
	if (what === "enable" || what === "disable") return enable(terminal, what, name, options);
	if (what === "enabled") return enabled(terminal, options);
	if (what === "schema") {
		const { workflowJsonSchema } = await import("../../workflow/json-schema.ts");
		terminal.print(JSON.stringify(workflowJsonSchema(), null, "\t"));
		return 0;
	}
	if (options.check !== undefined) {
		const { checkWorkflow } = await import("../check-workflow.ts");
		return checkWorkflow(terminal, options.check, options);
	}
	const server = await findServer(options);
	const items = server === undefined ? await listHere(options) : await server.workflows();
	if (options.json) terminal.json({ items });
	else for (const item of items) print(terminal, item);
	terminal.hint("Run one with", "run NAME -i key=value");
	return items.some(({ error }) => error !== undefined) ? EXIT_FAILED : 0;
}

/** Without a server it is stored, and begins with the next start. */
async function enable(
	terminal: Terminal,
	what: "enable" | "disable",
	name: string | undefined,
	options: WorkflowsOptions,
): Promise<number> {
	if (name === undefined) throw new MusterError("E_USAGE", `name the workflow: muster workflows ${what} NAME`);
	const connection = await openConnection(options, { work: false, create: what === "enable" });
	try {
		if (what === "disable") {
			await connection.disableWorkflow(name);
			if (options.json) terminal.json({ workflow: name, enabled: false });
			else terminal.print(`${plain(name)} disabled`);
			return 0;
		}
		const { definition } = await connection.workflow(name);
		const view = await connection.enableWorkflow(name, coerceInputs(definition, readPairs(options.input ?? [])));
		if (options.json) terminal.json(view);
		else printEnabled(terminal, view);
		sayProblems(terminal, view);
		if (connection.url === undefined) terminal.hint("No server runs; its triggers begin to start runs with", "up");
		return 0;
	} finally {
		await connection.close();
	}
}

/** A webhook that refuses everything looks like one that nobody calls. */
function sayProblems(terminal: Terminal, { triggers }: EnabledView): void {
	for (const trigger of triggers) {
		if (!("webhook" in trigger) || trigger.problem === undefined) continue;
		terminal.say(`warning: ${plain(`${trigger.webhook}: ${trigger.problem}`)}`);
	}
}

async function enabled(terminal: Terminal, options: WorkflowsOptions): Promise<number> {
	const reader = await openReader(options);
	try {
		const items = await reader.enabledWorkflows();
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("No workflow is enabled.");
		else for (const item of items) printEnabled(terminal, item);
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

function printEnabled(terminal: Terminal, { workflow, enabledAt, triggers }: EnabledView): void {
	terminal.print(`${terminal.paint("bold", plain(workflow))} enabled ${enabledAt}`);
	for (const trigger of triggers) {
		if ("cron" in trigger) terminal.print(`  cron ${plain(trigger.cron)} (${plain(trigger.timezone)})`);
		else if ("event" in trigger) {
			terminal.print(
				`  event ${plain(trigger.event)}${trigger.filter === undefined ? "" : ` if ${plain(trigger.filter)}`}`,
			);
		} else {
			terminal.print(`  webhook POST ${plain(trigger.webhook)}`);
			if (trigger.problem !== undefined) terminal.print(`    ${terminal.paint("red", plain(trigger.problem))}`);
		}
	}
}

function print(terminal: Terminal, { name, version, description, inputs = {}, file, error }: WorkflowView): void {
	terminal.print(`${terminal.paint("bold", plain(name))}${version === undefined ? "" : ` ${plain(version)}`}`);
	if (error !== undefined) {
		terminal.print(
			`  ${terminal.paint("red", `error ${error.code}:`)} ${plain(error.message, true).replaceAll("\n", "\n  ")}`,
		);
		return;
	}
	if (description !== undefined) terminal.print(`  ${plain(description)}`);
	for (const [input, spec] of Object.entries(inputs))
		terminal.print(`  ${terminal.paint("cyan", `-i ${plain(input)}`)}  ${plain(describe(spec))}`);
	if (file !== undefined) terminal.print(terminal.paint("dim", `  ${plain(file)}`));
}

const LONGEST_DEFAULT = 60;

function describe({ type, description, default: value, enum: allowed }: InputSpec): string {
	const text = value === undefined ? undefined : JSON.stringify(value);
	const shown = text !== undefined && text.length > LONGEST_DEFAULT ? `${text.slice(0, LONGEST_DEFAULT)}…` : text;
	return [
		allowed === undefined ? type : allowed.map((one) => JSON.stringify(one)).join("|"),
		shown === undefined ? "required" : `default ${shown}`,
		...(description === undefined ? [] : [description]),
	].join("; ");
}
