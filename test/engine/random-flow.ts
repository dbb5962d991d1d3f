/** Random workflows of every kind of step: valid ones, whose expressions may fail when they are evaluated. */
import fc from "fast-check";
import type { Json } from "../../src/json.ts";
import type { ItemPolicy, StepDefinition, WorkflowDefinition } from "../../src/workflow/definition.ts";

const x = (expression: string): string => `$\{{ ${expression} }}`;

/** Valid, and fails when it is evaluated. */
const broken = x("1 / inputs.zero");

/** A step without its place in a list: what it does, and which of the steps before it it needs. */
interface Node {
	needs: number;
	kind: "task" | "each" | "workflow" | "wait" | "duration" | "group" | "groups" | "loop";
	items: number;
	parallel: number;
	policy: ItemPolicy;
	condition: "none" | "none" | "false" | "skipped" | "bad";
	input: "fine" | "fine" | "fine" | "bad" | "bad item";
	undo: "none" | "none" | "fine" | "bad";
	until: string | undefined;
	onMax: "continue" | "fail";
	body: Node[];
}

const nodes = (depth: number): fc.Arbitrary<Node[]> =>
	fc.array(node(depth), { minLength: 1, maxLength: depth === 0 ? 6 : 3 });

const often = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

function node(depth: number): fc.Arbitrary<Node> {
	const flat = ["task", "task", "each", "each", "workflow", "wait", "duration"] as const;
	return fc.record({
		needs: fc.nat(),
		kind: depth < 2 ? often<Node["kind"]>(...flat, "group", "groups", "groups", "loop") : often<Node["kind"]>(...flat),
		items: often(0, 1, 2, 2, 3, 4),
		parallel: fc.integer({ min: 1, max: 5 }),
		policy: often<ItemPolicy>("fail", "continue", "best-effort", { quorum: 1 }, { quorum: 1 }, { quorum: 2 }),
		condition: often<Node["condition"]>("none", "none", "none", "none", "false", "skipped", "bad"),
		input: often<Node["input"]>("fine", "fine", "fine", "fine", "fine", "fine", "bad", "bad item"),
		undo: often<Node["undo"]>("none", "none", "fine", "bad"),
		until: often(undefined, "round >= 1", "false", "1 / inputs.zero > 0"),
		onMax: often("continue", "fail"),
		body: depth < 2 ? nodes(depth + 1) : fc.constant([]),
	}) as fc.Arbitrary<Node>;
}

/** Ids are the same in every list, so that inner steps hide outer ones. */
function stepsOf(list: readonly Node[], prefix: string): StepDefinition[] {
	return list.map((node, place) => {
		const needs = list.flatMap((_, other) => (other < place && (node.needs >> other) & 1 ? [`${prefix}${other}`] : []));
		const [need] = needs;
		const step: StepDefinition = { id: `${prefix}${place}`, needs };
		if (node.condition === "false") step.if = "false";
		if (node.condition === "bad") step.if = "1 / inputs.zero > 0";
		if (node.condition === "skipped" && need !== undefined) step.if = `steps.${need}.state == "skipped"`;
		const items = Array.from({ length: node.items }, (_, index) => index);
		if (node.kind === "each" || node.kind === "groups") {
			step.forEach = { in: items, as: "item", parallel: node.parallel, onFailure: node.policy };
		}
		const given: Json = node.input === "bad" ? broken : need === undefined ? 1 : x(`steps.${need}.outputs`);
		if (node.kind === "task" || node.kind === "each" || node.kind === "workflow") {
			step[node.kind === "workflow" ? "workflow" : "skill"] = "work";
			const badItem = node.input === "bad item" && node.kind === "each";
			step.with = badItem ? x("1 / (item - 1)") : node.kind === "workflow" ? { given: [given] } : given;
			if (node.undo !== "none") {
				const undo = node.undo === "bad" ? broken : x(`steps.${step.id}.outputs`);
				step.compensate = { skill: "undo", with: undo };
			}
		} else if (node.kind === "wait") step.wait = { signal: "go" };
		else if (node.kind === "duration") step.wait = { durationMs: node.input === "bad" ? x("'soon'") : 5 };
		else if (node.kind === "loop") {
			const { until, onMax } = node;
			step.loop = { max: 3, ...(until !== undefined && { until, onMax }), steps: stepsOf(node.body, prefix) };
		} else step.steps = stepsOf(node.body, prefix);
		return step;
	});
}

/** What the workflow steps of the random ones run. */
export const inner: WorkflowDefinition = {
	name: "work",
	inputs: { given: { type: "array" } },
	steps: [
		{ id: "a", needs: [], skill: "work", with: x("inputs.given"), compensate: { skill: "undo", with: 1 } },
		{ id: "b", needs: ["a"], skill: "work", with: 2 },
	],
	outputs: { b: x("steps.b.output") },
};

export const definitions: fc.Arbitrary<WorkflowDefinition> = fc
	.record({
		main: nodes(0),
		onFailure: fc.option(nodes(1)),
		last: fc.option(nodes(1)),
		shuffle: fc.nat(),
	})
	.map(({ main, onFailure, last, shuffle }) => {
		const steps = stepsOf(main, "s");
		const by = shuffle % steps.length; // the order of the file is not the order of the needs
		return {
			name: "flow",
			inputs: { zero: { type: "integer", default: 0 } },
			steps: [...steps.slice(by), ...steps.slice(0, by)],
			...(onFailure && { onFailure: stepsOf(onFailure, "f") }),
			...(last && { finally: stepsOf(last, "z") }),
			outputs: { all: x("steps") },
		};
	});
