/**
 * What every workflow engine must do, written against the port alone: what a definition means, whoever drives its runs.
 * An engine's test file is a call of this and its specials. The cases stand in `test/engine/`, one file for each part.
 *
 * `knownGaps` names cases an engine does not pass, each with the reason; a gap that passes fails the run.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { afterwardCases } from "../../test/engine/afterwards.ts";
import { againCases } from "../../test/engine/again.ts";
import { cancelCases } from "../../test/engine/cancel.ts";
import { groupCases } from "../../test/engine/groups.ts";
import { innerRunCases } from "../../test/engine/inner-runs.ts";
import { itemCases } from "../../test/engine/items.ts";
import { loopCases } from "../../test/engine/loops.ts";
import { type EngineUnderTest, type OpenOptions, Stage } from "../../test/engine/stage.ts";
import { stepCases } from "../../test/engine/steps.ts";
import { waitCases } from "../../test/engine/waits.ts";

export interface ConformanceOptions {
	name: string;
	/** A new engine with nothing in it and agents that do the given skills; gone with the test. */
	open(t: TestContext, options: OpenOptions): Promise<EngineUnderTest>;
	knownGaps?: Readonly<Record<string, string>>;
}

const parts = [
	stepCases,
	itemCases,
	loopCases,
	waitCases,
	innerRunCases,
	afterwardCases,
	groupCases,
	cancelCases,
	againCases,
];

export function engineConformance({ name, open, knownGaps = {} }: ConformanceOptions): void {
	const cases = parts.flatMap((part) => Object.entries(part));
	for (const [title, run] of cases) {
		const reason = knownGaps[title];
		const stage = (t: TestContext): Stage => new Stage((options) => open(t, options));
		if (reason === undefined) test(`${name}: ${title}`, (t) => run(stage(t)));
		else {
			test(`${name}: ${title} (known gap: ${reason})`, async (t) => {
				await assert.rejects(run(stage(t)), "the gap is closed: take it off the list");
			});
		}
	}
	const titles = new Set(cases.map(([title]) => title));
	assert.equal(titles.size, cases.length, "two cases have the same title");
	for (const title of Object.keys(knownGaps)) assert.ok(titles.has(title), `no case is called "${title}"`);
}
