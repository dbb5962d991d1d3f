/**
 * The run that is killed after each of its events: a forEach, a loop, an approval, a sub-workflow and a saga. Each of its
 * deeds is one effect on the outside world, which the witness counts.
 */

import { TerminalError } from "../../src/errors.ts";
import type { Json } from "../../src/json.ts";
import { type AnySkill, defineSkill } from "../../src/skill/skill.ts";
import type { StepDefinition, WorkflowDefinition } from "../../src/workflow/definition.ts";

/** What is outside of the process. */
export interface Witness {
	/** A deed begins; this is no effect. */
	begin(task: string): void;
	do(deed: string): void;
	isDone(deed: string): boolean;
}

interface Told {
	deed: string;
	/** Fails after its deed with this message, unless it is empty. */
	fail?: string;
}

export const deedSkill = (witness: Witness): AnySkill =>
	defineSkill<Told, Json>({
		name: "deed",
		description: "Does one thing to the outside world.",
		async run({ deed, fail }, context) {
			witness.begin(context.task.id);
			await context.effect({
				key: "once",
				describe: deed,
				run: async () => {
					witness.do(deed);
					return null;
				},
				verify: async () => (witness.isDone(deed) ? null : undefined),
			});
			if (fail) throw new TerminalError(fail);
			return deed;
		},
	});

const deed = (id: string, needs: string[], told: Told, undo?: string): StepDefinition => ({
	id,
	needs,
	skill: "deed",
	with: told as unknown as Json,
	...(undo !== undefined && { compensate: { skill: "deed", with: { deed: undo } } }),
});

const child: WorkflowDefinition = {
	name: "child",
	inputs: { name: { type: "string" } },
	steps: [
		deed("one", [], { deed: "${{ inputs.name + ' one' }}" }),
		deed("two", ["one"], { deed: "${{ steps.one.output + ' two' }}" }),
	],
	outputs: { said: "${{ steps.two.output }}" },
};

export const saga: WorkflowDefinition = {
	name: "saga",
	inputs: { fail: { type: "string", default: "" } },
	steps: [
		deed("reserve", [], { deed: "reserve" }, "undo reserve"),
		{
			...deed("each", ["reserve"], { deed: "${{ 'each ' + string(n) }}" }, "${{ 'undo ' + output }}"),
			forEach: { in: [1, 2, 3], as: "n", parallel: 2 },
		},
		{
			id: "loop",
			needs: ["reserve"],
			loop: {
				max: 5,
				until: "round >= 1",
				steps: [deed("turn", [], { deed: "${{ 'turn ' + string(round) }}" }, "${{ 'undo ' + steps.turn.output }}")],
			},
		},
		{
			id: "ask",
			needs: ["each", "loop"],
			wait: { approval: { title: "Go on?", content: "${{ steps.each.outputs }}" } },
		},
		{
			id: "inner",
			needs: ["ask"],
			workflow: "child",
			with: { name: "inner" },
			compensate: { skill: "deed", with: { deed: "${{ 'undo ' + steps.inner.output.said }}" } },
		},
		deed("last", ["inner"], { deed: "last", fail: "${{ inputs.fail }}" }),
	],
	onFailure: [deed("tell", [], { deed: "${{ 'tell of ' + error.step }}" })],
	finally: [deed("clean", [], { deed: "${{ 'clean after ' + run.state }}" })],
	outputs: { said: "${{ steps.inner.output.said }}", each: "${{ steps.each.outputs }}" },
};

export const sagaWorkflows = [saga, child];

const done = ["reserve", "each 1", "each 2", "each 3", "turn 0", "turn 1", "inner one", "inner one two", "last"];

/** Every deed of a run that goes well, and of one that fails at its end. */
export const deeds: { readonly [variant: string]: readonly string[] } = {
	"": [...done, "clean after completed"].sort(),
	"no ink": [
		...done,
		...[
			"undo inner one two",
			"undo turn 0",
			"undo turn 1",
			"undo each 1",
			"undo each 2",
			"undo each 3",
			"undo reserve",
		],
		...["tell of last", "clean after failed"],
	].sort(),
};
