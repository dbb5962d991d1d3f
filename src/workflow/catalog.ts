/** The workflows an orchestrator knows by name: those given in code, and the YAML files of its folders. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, MusterError } from "../errors.ts";
import { didYouMean } from "../suggest.ts";
import { allSteps, builtOf, type GivenWorkflow, type WorkflowDefinition } from "./definition.ts";
import { definitionHash } from "./hash.ts";
import { assertValid } from "./validate.ts";
import { parseWorkflow } from "./yaml.ts";

export interface KnownWorkflow {
	definition: WorkflowDefinition;
	hash: string;
	/** Where it comes from; undefined for one given in code. */
	file?: string;
}

/** Most workflows that one may use, those that these use included. */
const MAX_USES = 100;

export class Catalog {
	readonly #folders: readonly string[];
	readonly #given = new Map<string, KnownWorkflow>();
	readonly #checked = new WeakMap<GivenWorkflow, KnownWorkflow>();

	/** @param folders later ones go before earlier ones where names are the same */
	constructor(folders: readonly string[]) {
		this.#folders = folders;
	}

	/** @throws E_WORKFLOW_INVALID */
	add(given: GivenWorkflow): KnownWorkflow {
		const known = this.of(given);
		this.#given.set(known.definition.name, known);
		return known;
	}

	/** One that no file holds. @throws E_WORKFLOW_INVALID */
	of(given: GivenWorkflow): KnownWorkflow {
		const checked = this.#checked.get(given);
		if (checked !== undefined) return checked;
		const definition = builtOf(given);
		assertValid(definition);
		const known = { definition, hash: definitionHash(definition) };
		this.#checked.set(given, known);
		return known;
	}

	/** By its name, or by the path of a file. @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE */
	async find(nameOrFile: string): Promise<KnownWorkflow> {
		if (/\.ya?ml$/i.test(nameOrFile)) return this.#read(nameOrFile);
		const given = this.#given.get(nameOrFile);
		if (given !== undefined) return given;
		const files = await this.#files();
		const file = files.get(nameOrFile);
		if (file !== undefined) return this.#read(file);
		const names = [...this.#given.keys(), ...files.keys()];
		throw new MusterError("E_WORKFLOW_UNKNOWN", `there is no workflow "${nameOrFile}"`, {
			hint:
				didYouMean(nameOrFile, names) ?? `There are: ${names.join(", ") || "none"}. A path of a .yaml file works too.`,
		});
	}

	/**
	 * The workflows that its steps run, at any depth, by name; it may be among them itself.
	 * @throws E_WORKFLOW_UNKNOWN naming the step, E_WORKFLOW_INVALID, E_FILE_UNREADABLE
	 */
	async resolveUses(definition: WorkflowDefinition): Promise<Map<string, KnownWorkflow>> {
		const uses = new Map<string, KnownWorkflow>();
		const open = [...usesOf(definition)];
		for (let use = open.pop(); use !== undefined; use = open.pop()) {
			const { name, by } = use;
			if (uses.has(name)) continue;
			if (uses.size >= MAX_USES) {
				throw new MusterError("E_WORKFLOW_INVALID", `"${definition.name}" uses more than ${MAX_USES} other workflows`, {
					hint: "Those that other workflows run count as well.",
				});
			}
			const known = name === definition.name ? this.of(definition) : await this.#use(name, by);
			uses.set(name, known);
			open.push(...usesOf(known.definition));
		}
		return uses;
	}

	async #use(name: string, by: string): Promise<KnownWorkflow> {
		try {
			return await this.find(name);
		} catch (error) {
			if (!hasCode(error, "E_WORKFLOW_UNKNOWN")) throw error;
			throw new MusterError("E_WORKFLOW_UNKNOWN", `${by}: ${error.message}`, { hint: error.hint, details: { name } });
		}
	}

	/** All of them; a file that is not valid is listed with its error. */
	async list(): Promise<{ name: string; file?: string; workflow?: KnownWorkflow; error?: MusterError }[]> {
		const found = [...this.#given].map(([name, workflow]) => ({ name, workflow }));
		const files = [...(await this.#files())].filter(([name]) => !this.#given.has(name));
		const read = files.map(async ([name, file]) => {
			try {
				return { name, file, workflow: await this.#read(file) };
			} catch (error) {
				return { name, file, error: error as MusterError };
			}
		});
		return [...found, ...(await Promise.all(read))];
	}

	/** A file's name without its ending is the workflow's name. */
	async #files(): Promise<Map<string, string>> {
		const files = new Map<string, string>();
		for (const folder of this.#folders) {
			let names: string[];
			try {
				names = await readdir(folder);
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
				throw unreadable(folder, error);
			}
			for (const name of names.sort()) {
				if (/\.ya?ml$/i.test(name)) files.set(name.replace(/\.ya?ml$/i, ""), join(folder, name));
			}
		}
		return files;
	}

	async #read(file: string): Promise<KnownWorkflow> {
		let text: string;
		try {
			text = await readFile(file, "utf8");
		} catch (error) {
			throw unreadable(file, error);
		}
		const definition = parseWorkflow(text, file);
		return { definition, hash: definitionHash(definition), file };
	}
}

/** The workflows that a definition's own steps run, and for an error by which step. */
function* usesOf(definition: WorkflowDefinition): Generator<{ name: string; by: string }> {
	for (const { id, workflow: name } of allSteps(definition)) {
		if (name !== undefined) yield { name, by: `step "${id}" of "${definition.name}"` };
	}
}

function unreadable(path: string, cause: unknown): MusterError {
	return new MusterError("E_FILE_UNREADABLE", `${path} cannot be read: ${(cause as Error).message}`, {
		hint: "Check the path and its permissions.",
		cause,
	});
}
