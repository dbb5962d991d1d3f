/** The inputs of a workflow from a zod object. Of lists and objects a run checks no more than that they are that. */
import { z } from "zod";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { InputSpec } from "./definition.ts";

/** @throws E_WORKFLOW_INVALID for what an input cannot say, which would otherwise be checked nowhere */
export function inputSpecs(schema: z.ZodObject): Record<string, InputSpec> {
	if ((schema.def.checks ?? []).length > 0)
		throw cannot("the inputs", "have a rule of their own", "Check it in a skill.");
	return Object.fromEntries(
		Object.entries(schema.shape).map(([name, one]) => [name, inputSpec(name, one as z.ZodType)]),
	);
}

function inputSpec(name: string, schema: z.ZodType): InputSpec {
	const { description } = schema;
	const path = schema.meta()?.format === "path" ? { format: "path" as const } : {};
	const told = { ...(description === undefined ? {} : { description }), ...path };
	if (schema instanceof z.ZodDefault) {
		return { ...inputSpec(name, schema.def.innerType as z.ZodType), ...told, default: schema.def.defaultValue as Json };
	}
	return { ...plainSpec(`the input "${name}"`, schema), ...told };
}

function plainSpec(what: string, schema: z.ZodType): InputSpec {
	if ("coerce" in schema.def && schema.def.coerce === true)
		throw cannot(what, "is changed by z.coerce", "Take it as it is given, and change it in a skill.");
	if (schema instanceof z.ZodNumber) return numberSpec(what, schema);
	if (schema instanceof z.ZodOptional) throw cannot(what, "is optional", "Give it a default.");
	const [rule] = (schema.def.checks ?? []).map((check) => check._zod.def.check);
	if (rule !== undefined || "format" in schema.def)
		throw cannot(what, `has the rule ${rule ?? schema.def.type}`, "Check it in a skill.");
	if (schema instanceof z.ZodString) return { type: "string" };
	if (schema instanceof z.ZodBoolean) return { type: "boolean" };
	if (schema instanceof z.ZodArray) return { type: "array" };
	if (schema instanceof z.ZodObject || schema instanceof z.ZodRecord) return { type: "object" };
	if (schema instanceof z.ZodEnum && schema.options.every((option) => typeof option === "string")) {
		return { type: "string", enum: schema.options };
	}
	const kinds = "string, int, number, boolean, array, object and enum, with default, min, max and describe";
	throw cannot(what, `is of the kind ${schema.def.type}`, `There are ${kinds}.`);
}

function numberSpec(what: string, schema: z.ZodNumber): InputSpec {
	const spec: InputSpec = { type: "number" };
	// z.int() is a number that is itself a check.
	const itself = "check" in schema.def ? [schema.def as unknown as NumberCheck] : [];
	for (const rule of [...itself, ...(schema.def.checks ?? []).map(({ _zod }) => _zod.def as NumberCheck)]) {
		const { check, format, value = 0, inclusive } = rule;
		if (check === "number_format" && format === "safeint") spec.type = "integer";
		else if (check === "greater_than" && inclusive) spec.minimum = Math.max(value, spec.minimum ?? value);
		else if (check === "less_than" && inclusive) spec.maximum = Math.min(value, spec.maximum ?? value);
		else throw cannot(what, `has the rule ${format ?? check}`, "Of numbers there are int, min and max.");
	}
	return spec;
}

interface NumberCheck {
	check: string;
	format?: string;
	value?: number;
	inclusive?: boolean;
}

const cannot = (what: string, problem: string, hint: string): MusterError =>
	new MusterError("E_WORKFLOW_INVALID", `${what} ${problem}, which the inputs of a workflow cannot say`, { hint });
