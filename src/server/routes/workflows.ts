/** Workflows that can be run, and what people are asked by their steps. */
import { z } from "@hono/zod-openapi";
import { hasCode, type MusterError } from "../../errors.ts";
import { parseWorkflow } from "../../workflow/yaml.ts";
import { type Route, route } from "../route.ts";
import { approval, knownWorkflow, type ValidationView, validation, workflow } from "../schemas/workflow.ts";
import { workflowView } from "../workflow-view.ts";
import { checkName, id, listOf, workflowName } from "./fields.ts";

const list = route(
	{
		...{ name: "workflows", method: "get", path: "/v1/workflows", role: "viewer", tag: "workflows" },
		summary: "Workflows that the server knows",
		description: "One whose file is not valid has `error` and nothing of its content.",
		answers: { 200: listOf(workflow, "Workflow") },
		problems: ["E_FILE_UNREADABLE"],
		etag: true,
	},
	async ({ orchestrator }) => ({ status: 200, body: { items: (await orchestrator.catalog.list()).map(workflowView) } }),
);

const one = route(
	{
		...{ name: "workflow", method: "get", path: "/v1/workflows/{name}", role: "viewer", tag: "workflows" },
		summary: "One workflow with its whole definition",
		params: z.object({ name: workflowName }),
		answers: { 200: knownWorkflow },
		problems: ["E_WORKFLOW_UNKNOWN", "E_WORKFLOW_INVALID", "E_INPUT_INVALID", "E_FILE_UNREADABLE"],
		etag: true,
	},
	async ({ orchestrator, params: { name } }) => {
		checkName(name);
		return { status: 200, body: await orchestrator.workflow(name) };
	},
);

const validate = route(
	{
		...{ name: "validateWorkflow", method: "post", path: "/v1/workflows:validate", role: "viewer", tag: "workflows" },
		summary: "Whether the text of a workflow file is valid, and what is wrong with it",
		body: z
			.strictObject({ yaml: z.string().max(4_000_000), file: z.string().min(1).max(4_096).optional() })
			.openapi("ValidateWorkflow", {
				example: { yaml: "apiVersion: muster/v1\nkind: Workflow\nname: hello\nsteps: []\n" },
			}),
		answers: { 200: validation },
	},
	async ({ orchestrator, body: { yaml, file = "workflow.yaml" } }) => {
		try {
			const { definition, hash } = await orchestrator.workflow(parseWorkflow(yaml, file));
			return { status: 200, body: { valid: true, name: definition.name, hash, problems: [] } };
		} catch (error) {
			if (!hasCode(error, "E_WORKFLOW_INVALID")) throw error;
			return { status: 200, body: { valid: false, problems: problemsOf(error) } };
		}
	},
);

function problemsOf({ message, details }: MusterError): ValidationView["problems"] {
	const problems = details?.problems as ({ file?: string } & ValidationView["problems"][number])[] | undefined;
	return problems?.map(({ file: _, ...problem }) => problem) ?? [{ message }];
}

const approvals = route(
	{
		...{ name: "approvals", method: "get", path: "/v1/approvals", role: "viewer", tag: "approvals" },
		summary: "What people are asked, the oldest first",
		answers: { 200: listOf(approval, "Approval") },
		etag: true,
	},
	({ orchestrator }) => ({ status: 200, body: { items: orchestrator.approvals() } }),
);

const answer = route(
	{
		...{ name: "answerApprovals", method: "post", path: "/v1/approvals", role: "operator", tag: "approvals" },
		summary: "Approve or deny, all or nothing",
		subject: ({ ids, approved }) => [approved ? "approved" : "denied", ...ids],
		body: z
			.strictObject({
				ids: z.array(id).min(1).max(1_000),
				approved: z.boolean(),
				by: z.string().max(2_000).optional().openapi({ description: "Who answers, for the record." }),
				comment: z.string().max(2_000).optional(),
				hashes: z
					.record(z.string(), z.string())
					.optional()
					.openapi({ description: "Of what was seen, by id: refused when something else is asked by now." }),
			})
			.openapi("AnswerApprovals", { example: { ids: ["run_1.approve"], approved: true, by: "Ann" } }),
		hint: 'It has the form {"ids": ["run_1.approve"], "approved": true, "by": "Ann"}.',
		answers: { 200: z.strictObject({ answered: z.int() }).openapi("Answered") },
		problems: ["E_APPROVAL_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body: { ids, approved, by, comment, hashes } }) => {
		const options = {
			...(by !== undefined && { by }),
			...(comment !== undefined && { comment }),
			...(hashes !== undefined && { hashes }),
		};
		await (approved ? orchestrator.approve(ids, options) : orchestrator.deny(ids, options));
		return { status: 200, body: { answered: new Set(ids).size } };
	},
);

export const workflowRoutes: readonly Route[] = [list, one, validate];
export const approvalRoutes: readonly Route[] = [approvals, answer];
