/** Every pattern, stopped at each of its children in turn: a new process goes on, and what is done is not done again. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { deferred, startTest, temporaryFolder } from "../../../test/fixture.ts";
import {
	type AnySkill,
	type CoordinatorOptions,
	DebateCoordinator,
	defineSkill,
	type Json,
	MapReduceCoordinator,
	PipelineCoordinator,
	QuorumVoteCoordinator,
	type RoundsCoordinator,
	SupervisorCoordinator,
	TerminalError,
} from "../../index.ts";

/** What the skills do, by name. */
const deeds: Readonly<Record<string, (input: never) => Json>> = {
	add: (n: number) => n + 1,
	fail: () => {
		throw new TerminalError("it failed");
	},
	yes: () => "yes",
	no: () => "no",
	speak: ({ speaker, round }: { speaker: string; round: number }) => `${speaker}${round}`,
	judge: ({ round }: { round: number }) => ({ satisfied: round === 2, verdict: `in round ${round}` }),
	map: ({ items }: { items: number[] }) => items.length,
	reduce: ({ values }: { values: number[] }) => values.reduce((a, b) => a + b),
};

interface Pattern {
	input: Json;
	children: number;
	make(options: CoordinatorOptions): RoundsCoordinator;
}

const patterns: Readonly<Record<string, Pattern>> = {
	"a pipeline": {
		input: 1,
		children: 4,
		make: (options) =>
			new PipelineCoordinator({ ...options, stages: ["add", "fail", "add", "add"], onFailure: "best-effort" }),
	},
	"a supervisor": {
		input: { parts: [1, 5, 9] },
		children: 5,
		make: (options) =>
			new SupervisorCoordinator({
				...options,
				candidates: ["add", "fail"],
				maxTries: 2,
				check: (_, part) => ((part as number) < 3 ? undefined : "too much"),
				onFailure: "continue",
			}),
	},
	"a vote": {
		input: null,
		children: 4,
		make: (options) => new QuorumVoteCoordinator({ ...options, voters: ["yes", "no", "fail", "yes"] }),
	},
	"a debate": {
		input: "why",
		children: 6,
		make: (options) => new DebateCoordinator({ ...options, debaters: { a: "speak", b: "speak" }, judge: "judge" }),
	},
	"map and reduce": {
		input: { items: [1, 2, 3, 4, 5], chunkSize: 1 },
		children: 5 + 3 + 2 + 1,
		make: (options) => new MapReduceCoordinator({ ...options, map: "map", reduce: "reduce", fanIn: 2 }),
	},
};

/** Children by how often they ran to their end, and the output. */
interface Story {
	output: Json | undefined;
	ended: ReadonlyMap<string, number>;
}

/** Runs the pattern on a single worker; stopped while child number `stopAt` runs and started again, if that is given. */
async function tell(t: TestContext, { input, make }: Pattern, stopAt?: number): Promise<Story> {
	const dataDir = temporaryFolder(t);
	const ended = new Map<string, number>();
	const reached = deferred();
	let started = 0;
	const skills = Object.entries(deeds).map(
		([name, deed]): AnySkill =>
			defineSkill<never, Json>({
				name,
				description: name,
				async run(input, { task, signal }) {
					if (++started === stopAt) {
						reached.resolve();
						await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
					}
					ended.set(task.id, (ended.get(task.id) ?? 0) + 1);
					return deed(input);
				},
			}),
	);
	const open = () => {
		const customAgents = [make({ name: "c", capabilities: ["do"] })];
		return startTest(t, { dataDir, skills, customAgents, workers: 1, coordinators: 0, durability: "normal" });
	};
	let muster = await open();
	const id = await muster.submit({ type: "do", input });
	if (stopAt !== undefined) {
		await reached.promise;
		await muster.shutdown({ grace: 0 });
		muster = await open();
	}
	const { output } = await muster.wait(id);
	await muster.shutdown();
	// Each telling has a task id of its own.
	return { output: JSON.parse(JSON.stringify(output).replaceAll(id, "id")) as Json, ended };
}

for (const [name, pattern] of Object.entries(patterns)) {
	describe(name, () => {
		it("comes to the same and does nothing twice, wherever it is stopped and started again", async (t) => {
			const whole = await tell(t, pattern);
			assert.equal(whole.ended.size, pattern.children);
			for (let stopAt = 1; stopAt <= pattern.children; stopAt++) {
				const story = await tell(t, pattern, stopAt);
				assert.deepEqual(story.output, whole.output, `stopped at child ${stopAt}`);
				assert.equal(story.ended.size, pattern.children, `stopped at child ${stopAt}`);
				assert.deepEqual([...new Set(story.ended.values())], [1], `stopped at child ${stopAt}`);
			}
		});
	});
}
