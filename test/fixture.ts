/** An orchestrator on a folder of its own, gone with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Orchestrator, type StartOptions, startOrchestrator } from "../src/index.ts";

export function temporaryFolder(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), "muster-test-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** Small fleet, no workflows from the working folder; shut down without grace after the test. */
export async function startTest(t: TestContext, options: StartOptions = {}): Promise<Orchestrator> {
	const dataDir = options.dataDir ?? temporaryFolder(t);
	const orchestrator = await startOrchestrator({
		workers: 2,
		coordinators: 1,
		workflows: [],
		abortGraceMs: 200,
		...options,
		dataDir,
	});
	t.after(() => orchestrator.shutdown({ grace: 0 }));
	return orchestrator;
}

/** A promise with its ends outside. */
export const deferred = <T = void>(): PromiseWithResolvers<T> => Promise.withResolvers<T>();
