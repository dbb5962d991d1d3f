/** Parts of requests that several routes have. */
import { z } from "@hono/zod-openapi";
import { MusterError } from "../../errors.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { parseWorkflow } from "../../workflow/yaml.ts";

export const id = z.string().min(1).max(256);
export const byId = z.object({ id: id.openapi({ example: "tsk_01" }) });

export const pageOf = <S extends z.ZodType>(item: S, name: string) =>
	z
		.strictObject({
			items: z.array(item),
			nextCursor: z.string().optional().openapi({ description: "Of the next page; absent when this is the last." }),
		})
		.openapi(`${name}Page`);

export const listOf = <S extends z.ZodType>(item: S, name: string) =>
	z.strictObject({ items: z.array(item) }).openapi(`${name}List`);

export const limitOf = (most: number) =>
	z.coerce
		.number()
		.pipe(z.int().min(1).max(most))
		.optional()
		.openapi({ type: "integer", minimum: 1, maximum: most, description: "Most items. Default 100." });

export const cursor = z
	.string()
	.max(1_024)
	.regex(/^[A-Za-z0-9_.-]+$/)
	.optional()
	.openapi({ description: "`nextCursor` of the page before, with the same filters." });

const instant = z.iso.datetime({ offset: true }).optional();

/** What every page takes. */
export const pageFields = {
	limit: limitOf(200),
	cursor,
	since: instant.openapi({ description: "Submitted or created at this time or later." }),
	until: instant.openapi({ description: "Before this time." }),
};

/** One state, several as the field again, or with commas between them. */
export const states = <T extends string>(known: readonly [T, ...T[]] | readonly T[]) =>
	z
		.preprocess(
			(given) => (typeof given === "string" ? given.split(",") : given),
			z.array(z.enum(known)).min(1).max(20),
		)
		.optional()
		.openapi({ type: "array", items: { type: "string", enum: [...known] }, minItems: 1, maxItems: 20 });

/** The name of a task type, an agent, an error code. */
export const word = z.string().min(1).max(64);

export const idempotencyKey = z
	.string()
	.min(1)
	.max(256)
	.optional()
	.openapi({ description: "The same key again gives the first answer; with another body it is refused (422)." });

export const REPLAYED = { "Idempotency-Replayed": "`true` when it was there already under the key." };
export const LOCATION = { Location: "Where it is." };

export const workflowName = z
	.string()
	.regex(/^[A-Za-z0-9_.-]{1,64}$/)
	.openapi({ description: "The name of a workflow that the server knows.", example: "content-creation" });

/** A name, or the text of a file with the name it has in messages. */
export const workflowRequest = z
	.union([
		workflowName,
		z
			.strictObject({
				yaml: z.string().max(4_000_000),
				file: z.string().min(1).max(4_096).optional().openapi({ description: "What it is called in messages." }),
			})
			.openapi({ description: "The text of a workflow file." }),
	])
	.openapi("WorkflowRequest");

export const inputs = z.record(z.string(), z.unknown()).optional();

export function definitionOf(workflow: z.output<typeof workflowRequest>): Parameters<Orchestrator["startRun"]>[0] {
	if (typeof workflow !== "string") return parseWorkflow(workflow.yaml, workflow.file ?? "workflow.yaml");
	checkName(workflow);
	return workflow;
}

/** Over HTTP a workflow has a name; a path would let a caller try which files there are. @throws E_INPUT_INVALID */
export function checkName(name: string): void {
	if (!/\.ya?ml$/i.test(name)) return;
	throw new MusterError("E_INPUT_INVALID", `${JSON.stringify(name.slice(0, 80))} cannot be the name of a workflow`, {
		hint: "Send the text of a file as {workflow: {yaml, file}}.",
	});
}
