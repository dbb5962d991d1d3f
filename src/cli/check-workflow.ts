/** `muster workflows --check`: whether a file is a workflow, and fits the workflows and skills that are known here. */
import { readFile } from "node:fs/promises";
import { hasCode, MusterError } from "../errors.ts";
import { builtInSkills } from "../main.ts";
import type { Catalog } from "../workflow/catalog.ts";
import { allSteps, type WorkflowDefinition } from "../workflow/definition.ts";
import { definitionHash } from "../workflow/hash.ts";
import { checkOutside, type Outside } from "../workflow/outside.ts";
import { fileError, fileLine, parseWorkflow, problemsInFile } from "../workflow/yaml.ts";
import { plain } from "./plain.ts";
import type { GlobalOptions } from "./program.ts";
import { reportError } from "./report-error.ts";
import type { Terminal } from "./terminal.ts";
import { catalogHere } from "./workflows-here.ts";

export async function checkWorkflow(terminal: Terminal, file: string, options: GlobalOptions): Promise<number> {
	if (!/\.ya?ml$/i.test(file)) throw new MusterError("E_USAGE", `${file} is not the path of a .yaml file`);
	try {
		const text = await read(file);
		const definition = parseWorkflow(text, file);
		const found = checkOutside(definition, await outsideOf(definition, catalogHere(options)));
		const problems = problemsInFile(text, file, found.problems);
		const warnings = problemsInFile(text, file, found.warnings);
		for (const warning of warnings) terminal.say(`note: ${plain(fileLine(warning))}`);
		if (problems.length > 0) throw fileError(problems, found.problems.dropped);
		const { name, steps } = definition;
		if (options.json) terminal.json({ ok: true, file, name, hash: definitionHash(definition), problems, warnings });
		else terminal.print(`${file} is a valid workflow: ${name}, ${steps.length} step(s)`);
		return 0;
	} catch (error) {
		if (!options.json || !hasCode(error, "E_WORKFLOW_INVALID")) throw error;
		terminal.json({ ok: false, file, problems: error.details?.problems ?? [] });
		return reportError(error);
	}
}

async function read(file: string): Promise<string> {
	try {
		return await readFile(file, "utf8");
	} catch (cause) {
		throw new MusterError("E_FILE_UNREADABLE", `${file} cannot be read: ${(cause as Error).message}`, {
			hint: "Check the path and its permissions.",
			cause,
		});
	}
}

async function outsideOf(definition: WorkflowDefinition, catalog: Catalog): Promise<Outside> {
	const workflows = new Map<string, WorkflowDefinition | MusterError>([[definition.name, definition]]);
	for (const { workflow: name } of allSteps(definition)) {
		if (name === undefined || workflows.has(name)) continue;
		const found = await catalog.find(name).catch((error: MusterError) => error);
		workflows.set(name, "code" in found ? found : found.definition);
	}
	const skills = new Map(builtInSkills().map(({ name, input }) => [name, input]));
	return { workflows, skills: skills.set("coordinate", undefined) };
}
