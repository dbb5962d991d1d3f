/** The shape of a workflow file as a JSON Schema, for editors: the same as `schemas/workflow.schema.json`. */
import { z } from "zod";
import { workflowSchema } from "./schema.ts";

export interface JsonSchema {
	$schema?: string;
	$ref?: string;
	$defs?: { [name: string]: JsonSchema };
	title?: string;
	description?: string;
	type?: string | string[];
	properties?: { [name: string]: JsonSchema };
	required?: string[];
	additionalProperties?: boolean | JsonSchema;
	items?: JsonSchema;
	anyOf?: JsonSchema[];
	oneOf?: JsonSchema[];
	enum?: unknown[];
	const?: unknown;
	default?: unknown;
	[keyword: string]: unknown;
}

/** Draft 2020-12. A file that does not fit it is refused; of one that fits, `validate.ts` has the last word. */
export function workflowJsonSchema(): JsonSchema {
	const { $schema, ...schema } = z.toJSONSchema(workflowSchema, {
		io: "input",
		unrepresentable: "any", // a value of any kind, which is what a template is
		override({ zodSchema, jsonSchema: made }) {
			const schema = made as JsonSchema;
			allowText(schema);
			const value = defaultOf(zodSchema);
			if (value !== undefined) schema.default = value;
		},
	}) as JsonSchema;
	return { $schema: $schema as string, title: "Muster workflow", ...schema };
}

/** The library leaves away the defaults of values that are changed when they are read, such as durations. */
function defaultOf(schema: z.core.$ZodType): unknown {
	return (
		z.globalRegistry.get(schema)?.default ?? (schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined)
	);
}

/** Where the file may have a text in place of a map or list; see `orJust` in `schema-values.ts`. */
function allowText(schema: JsonSchema): void {
	if (schema.orText !== true) return;
	const { orText: _, description, ...longer } = schema;
	for (const keyword of Object.keys(schema)) delete schema[keyword];
	Object.assign(schema, { anyOf: [{ type: "string" }, longer] });
	if (description !== undefined) schema.description = description;
}
