/** Workflows as lists show them. */
import type { KnownWorkflow } from "../workflow/catalog.ts";
import { kindOf, type StepDefinition, type StepKind } from "../workflow/definition.ts";

/** One whose file is not valid has `error` and nothing of its content. */
export interface WorkflowView {
	name: string;
	file?: string;
	version?: string;
	description?: string;
	hash?: string;
	inputs?: KnownWorkflow["definition"]["inputs"];
	/** Of the main list. */
	steps?: { id: string; kind: StepKind; skill?: string; workflow?: string; needs: string[] }[];
	error?: { code: string; message: string };
}

/** What a catalog lists, for callers. */
export function workflowView(found: {
	name: string;
	file?: string;
	workflow?: KnownWorkflow;
	error?: { code: string; message: string };
}): WorkflowView {
	const { name, file, workflow, error } = found;
	if (workflow === undefined) {
		const { code = "E_INTERNAL", message = "" } = error ?? {};
		return { name, ...(file !== undefined && { file }), error: { code, message } };
	}
	const { version, description, inputs, steps } = workflow.definition;
	return {
		name,
		...(file !== undefined && { file }),
		...(version !== undefined && { version }),
		...(description !== undefined && { description }),
		hash: workflow.hash,
		inputs,
		steps: steps.map((step) => ({ id: step.id, kind: kindOf(step), ...whatOf(step), needs: step.needs })),
	};
}

const whatOf = ({ skill, workflow }: StepDefinition): { skill?: string; workflow?: string } => ({
	...(skill !== undefined && { skill }),
	...(workflow !== undefined && { workflow }),
});
