/** The members of a JSON Schema as rows for people: name, type, default, meaning. For `muster skills` and the pages in docs/. */
import { z } from "zod";
import type { JsonSchema } from "../workflow/json-schema.ts";

export interface Row {
	/** With dots for inner members, `[]` for the items of a list, and the kind of item where there are several. */
	name: string;
	type: string;
	/** `required`, the default, or nothing. */
	default: string;
	meaning: string;
}

export const jsonSchemaOf = (schema: z.ZodType, io: "input" | "output"): JsonSchema =>
	z.toJSONSchema(schema, { io, unrepresentable: "any" }) as JsonSchema;

/** One list of rows for each form that it may have. */
export const formsOf = (schema: JsonSchema): Row[][] =>
	(schema.anyOf ?? schema.oneOf ?? [schema]).map((form) => rowsOf(form));

/** Its members, and under each of them the members inside that have a meaning of their own. */
export function rowsOf({ properties = {}, required = [] }: JsonSchema, before = ""): Row[] {
	return Object.entries(properties)
		.filter(([, member]) => member.const === undefined)
		.flatMap(([key, member]) => {
			const name = before + key;
			const { description, default: value } = member;
			if (description === undefined && !before) return [];
			const wanted = required.includes(key) && value === undefined ? "required" : shown(value);
			const own =
				description === undefined ? [] : [{ name, type: typeOf(member), default: wanted, meaning: description }];
			return [...own, ...innerRows(name, member)];
		});
}

function innerRows(name: string, member: JsonSchema): Row[] {
	const inner = member.type === "array" && member.items ? member.items : member;
	const prefix = inner === member ? `${name}.` : `${name}[].`;
	const forms = (inner.anyOf ?? inner.oneOf ?? [inner]).filter((form) => isTold(form));
	return forms.flatMap((form) => {
		const kind = Object.entries(form.properties ?? {}).find(([, { const: only }]) => only !== undefined);
		const rows = rowsOf(form, prefix);
		if (kind !== undefined) return rows.map((row) => ({ ...row, name: `${row.name} (${kind[0]}: ${kind[1].const})` }));
		const either = (row: Row): Row => (row.default === "required" ? { ...row, default: "one of these" } : row);
		return forms.length > 1 ? rows.map(either) : rows;
	});
}

const isTold = ({ properties = {} }: JsonSchema): boolean =>
	Object.values(properties).some(({ description }) => description !== undefined);

const shown = (value: unknown): string => (value === undefined ? "" : JSON.stringify(value));

export function typeOf(schema: JsonSchema): string {
	const { anyOf, oneOf, enum: values, const: only, type, items, title, additionalProperties } = schema;
	if (title !== undefined) return title;
	const forms = anyOf ?? oneOf;
	if (forms !== undefined) return [...new Set(forms.map(typeOf))].join(" or ");
	if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(", ");
	if (only !== undefined) return JSON.stringify(only);
	if (type === "string") return "text";
	if (type === "boolean") return "true or false";
	if (type === "integer") return `whole number${range(schema)}`;
	if (type === "number") return `number${range(schema)}`;
	if (type === "null") return "null";
	if (type === "array") return `list${items?.type === "string" ? " of texts" : ""}`;
	if (type !== "object") return "any JSON";
	if (typeof additionalProperties !== "object") return "map";
	return `map by name${additionalProperties.type === "string" ? " of texts" : ""}`;
}

function range({ minimum, maximum }: JsonSchema): string {
	const least = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
	const most = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
	if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
	return least !== undefined ? `, at least ${least}` : most !== undefined ? `, at most ${most}` : "";
}

/** As a table of a page. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]): string =>
		`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
	return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

export const code = (text: string): string => (["", "required", "one of these"].includes(text) ? text : `\`${text}\``);
