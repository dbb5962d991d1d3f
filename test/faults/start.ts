/** An orchestrator for one test, on a folder of its own, ended with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
	type AnySkill,
	defineSkill,
	type Orchestrator,
	type Skill,
	type StartOptions,
	startOrchestrator,
} from "../../src/index.ts";

export function dataFolder(t: TestContext, under = tmpdir()): string {
	const folder = mkdtempSync(join(under, "muster-fault-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

export async function start(t: TestContext, options: StartOptions = {}): Promise<Orchestrator> {
	const orchestrator = await startOrchestrator({
		...{ workers: 4, coordinators: 1, abortGraceMs: 40, durability: "normal" },
		...{ dataDir: options.dataDir ?? dataFolder(t) },
		...options,
	});
	t.after(() => orchestrator.shutdown({ grace: 0 }));
	return orchestrator;
}

/** A skill by its name and work alone. */
export const does = (name: string, run: Skill["run"]): AnySkill => defineSkill({ name, description: name, run });

/** A promise and what settles it: for a test that decides when a skill goes on. */
export const gate = <T = void>(): PromiseWithResolvers<T> => Promise.withResolvers<T>();

/** Ends when its signal is aborted. */
export const hang = does(
	"hang",
	(_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
);

/** Never ends, whatever is asked of it. */
export const deaf = does("deaf", () => new Promise(() => undefined));
export const echo = does("echo", (input) => input);
