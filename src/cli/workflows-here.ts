/** The workflows that a command started here would know. */
import { fileURLToPath } from "node:url";
import { readSettings } from "../config.ts";
import { type WorkflowView, workflowView } from "../server/read-routes.ts";
import { Catalog } from "../workflow/catalog.ts";
import { dataFolder } from "./connection.ts";
import type { GlobalOptions } from "./program.ts";

export function catalogHere(options: GlobalOptions): Catalog {
	const own = fileURLToPath(new URL("../../workflows", import.meta.url));
	const { workflows } = readSettings({ dataDir: dataFolder(options) });
	return new Catalog([own, ...workflows]);
}

export const listHere = async (options: GlobalOptions): Promise<WorkflowView[]> =>
	(await catalogHere(options).list()).map(workflowView);
