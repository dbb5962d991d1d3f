/** What a run is pinned to when it begins: its definition, those that its steps run, and where their files are. */
import { dirname, resolve } from "node:path";
import { MusterError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Catalog, KnownWorkflow } from "../workflow/catalog.ts";
import type { GivenWorkflow, WorkflowDefinition } from "../workflow/definition.ts";
import { hasPathDefault } from "../workflow/inputs.ts";
import type { NewRun, Run } from "../workflow/run.ts";

/** Besides its own definition. */
export type Pins = Pick<NewRun, "uses" | "folders">;

/** A run's definition with those it may use, ready to begin. */
export interface Resolved extends Required<Pins> {
	known: KnownWorkflow;
	definitions: Map<string, WorkflowDefinition>;
}

/** A definition that is begun again, ready to begin. */
export interface ResolvedAgain extends Omit<Resolved, "known"> {
	definition: WorkflowDefinition;
	hash: string;
	folder?: string | undefined;
}

/** As a record has them: what is empty is absent. */
export const pinsOf = ({ uses = {}, folders = {} }: Pins): Pins => ({
	...(Object.keys(uses).length > 0 && { uses }),
	...(Object.keys(folders).length > 0 && { folders }),
});

/** Where its default paths begin. */
export const folderOf = ({ file }: KnownWorkflow): string | undefined =>
	file === undefined ? undefined : dirname(file);

/** @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE, also of a workflow that a step of it runs */
export async function resolveWorkflow(catalog: Catalog, workflow: string | GivenWorkflow): Promise<Resolved> {
	const known = typeof workflow === "string" ? await catalog.find(workflow) : catalog.of(workflow);
	const definitions = new Map([[known.hash, known.definition]]);
	const uses: { [name: string]: string } = {};
	const folders: { [name: string]: string } = {};
	for (const [name, used] of await catalog.resolveUses(known.definition)) {
		const { hash, definition } = used;
		const folder = folderOf(hash === known.hash ? known : used);
		uses[name] = hash;
		if (folder !== undefined && hasPathDefault(definition)) folders[name] = resolve(folder);
		definitions.set(hash, definition);
	}
	return { known, uses, folders, definitions };
}

/**
 * Of a run that is begun again: those it was pinned to, where they are kept, or the present ones.
 * @throws E_WORKFLOW_UNKNOWN when they are not kept any more and not wanted as they are now
 */
export async function definitionsOf(old: Run, latest: boolean, catalog: Catalog, state: State): Promise<ResolvedAgain> {
	const hashes = [old.hash, ...Object.values(old.uses ?? {})];
	const kept = new Map(
		hashes.flatMap((hash) => {
			const definition = state.definitions.get(hash);
			return definition === undefined ? [] : [[hash, definition] as const];
		}),
	);
	const own = kept.get(old.hash);
	if (!latest && own !== undefined && kept.size === new Set(hashes).size) {
		return { uses: {}, folders: {}, ...pinsOf(old), definitions: kept, definition: own, hash: old.hash };
	}
	const { known, ...resolved } = await resolveWorkflow(catalog, old.workflow);
	if (!latest && known.hash !== old.hash) {
		throw new MusterError("E_WORKFLOW_UNKNOWN", `the definition that ${old.id} was pinned to is not kept any more`, {
			hint: "Run all of it again on the present one with latest (muster retry RUN --latest).",
		});
	}
	return { ...resolved, definition: known.definition, hash: known.hash, folder: folderOf(known) };
}
