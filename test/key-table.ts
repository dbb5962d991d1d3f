/** The tables of docs/workflow-format.md, made from the JSON Schema of workflow files. */
import { type JsonSchema, workflowJsonSchema } from "../src/workflow/json-schema.ts";

/** One row for each key of a map: key, type, default, meaning. The place is a path such as `step.wait.approval`. */
export function keyTable(place: string): string {
	const map = mapOf(place);
	const rows = Object.entries(map.properties ?? {}).map(([key, schema]) => {
		const value = map.required?.includes(key) ? "required" : shown(schema.default);
		return `| \`${key}\` | ${typeOf(schema)} | ${value} | ${schema.description} |`;
	});
	return ["| key | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

const root = workflowJsonSchema();
const definitions = root.$defs ?? {};

function mapOf(place: string): JsonSchema {
	const [start = "", ...keys] = place.split(".");
	let at = start === "file" ? root : definitions[start];
	for (const key of keys) at = at && longForm(at).properties?.[key];
	if (at === undefined) throw new Error(`there is nothing at ${place}`);
	return longForm(at);
}

/** Of what may be a text or a map, the map. */
const longForm = (schema: JsonSchema): JsonSchema => schema.anyOf?.find((option) => option.properties) ?? schema;

/** Every map of the schema that has keys of its own. */
export const keyTablePlaces: string[] = places("file", root)
	.concat(...Object.entries(definitions).map(([name, schema]) => places(name, schema)))
	.toSorted();

function places(place: string, schema: JsonSchema): string[] {
	const keys = Object.entries(longForm(schema).properties ?? {});
	// Its only key stands in its own row.
	return keys.length === 0 || place === "step.forEach.onFailure"
		? []
		: [place, ...keys.flatMap(([key, member]) => places(`${place}.${key}`, member))];
}

const shown = (value: unknown): string =>
	value === undefined || isEmpty(value) ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
const isEmpty = (value: unknown): boolean =>
	typeof value === "object" && value !== null && Object.keys(value).length === 0;

function typeOf(schema: JsonSchema): string {
	const { $ref, anyOf, enum: values, const: only, type, items, additionalProperties, minimum, maximum } = schema;
	if ($ref !== undefined) {
		const name = $ref.slice("#/$defs/".length);
		return name === "duration" ? "duration" : name === "steps" ? "list of steps" : "map";
	}
	if (anyOf !== undefined) return anyOf.map(typeOf).join(" or ");
	if (values !== undefined) return values.map((value) => `\`${value}\``).join(", ");
	if (only !== undefined) return `\`${only}\``;
	if (type === "string") return "text";
	if (type === "boolean") return "true or false";
	if (type === "integer") return `${minimum} to ${maximum}`;
	if (type === "number") return maximum === undefined ? "number" : `${minimum} to ${maximum}`;
	if (type === "array") return items?.type === "string" ? "list of texts" : "list";
	if (type !== "object") return "any value";
	if (typeof additionalProperties !== "object") return "map";
	return additionalProperties.type === "string" ? "map of texts" : "map by name";
}
