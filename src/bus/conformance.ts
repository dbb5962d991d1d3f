/**
 * What every bus must do, written against the ports alone (`bus.ts`, `stream.ts`). An adapter's test file is a call of this
 * and its specials. The cases stand in `test/bus/`, one file for each part.
 *
 * `knownGaps` names cases that an adapter does not pass, each with the reason; a gap that passes fails the run.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { consumerCases } from "../../test/bus/consumers.ts";
import { messageCases } from "../../test/bus/messages.ts";
import { requestCases, serviceCases } from "../../test/bus/requests.ts";
import { type BusUnderTest, Stage } from "../../test/bus/stage.ts";
import { streamCases } from "../../test/bus/streams.ts";

export interface ConformanceOptions {
	name: string;
	open(t: TestContext): Promise<BusUnderTest>;
	knownGaps?: Readonly<Record<string, string>>;
}

const parts = [messageCases, requestCases, serviceCases, streamCases, consumerCases];

export function busConformance({ name, open, knownGaps = {} }: ConformanceOptions): void {
	const cases = parts.flatMap((part) => Object.entries(part));
	for (const [title, run] of cases) {
		const reason = knownGaps[title];
		if (reason === undefined) test(`${name}: ${title}`, async (t) => run(new Stage(await open(t))));
		else {
			test(`${name}: ${title} (known gap: ${reason})`, async (t) => {
				const stage = new Stage(await open(t));
				await assert.rejects(run(stage), "the gap is closed: take it off the list");
			});
		}
	}
	const titles = new Set(cases.map(([title]) => title));
	assert.equal(titles.size, cases.length, "two cases have the same title");
	for (const title of Object.keys(knownGaps)) assert.ok(titles.has(title), `no case is called "${title}"`);
}
