/** The OpenAPI document as people read it: what `page.ts` and `markdown.ts` write down. */
import type { Document } from "./document.ts";

export interface Field {
	name: string;
	/** `path`, `query`, `header`; empty for a member of a schema. */
	where: string;
	type: string;
	required: boolean;
	text: string;
}

export interface OperationOutline {
	name: string;
	method: string;
	path: string;
	summary: string;
	text: string;
	role: string;
	fields: Field[];
	/** Name or type of the schema of its body. */
	body: string | undefined;
	answers: { status: string; text: string; type: string }[];
	curl: string;
}

export interface Outline {
	title: string;
	text: string;
	groups: { name: string; text: string; operations: OperationOutline[] }[];
	schemas: { name: string; text: string; type: string; members: Field[] }[];
}

/** What is read of a schema. */
interface Schema {
	$ref?: string;
	type?: string | string[];
	description?: string;
	example?: unknown;
	enum?: unknown[];
	const?: unknown;
	format?: string;
	items?: Schema;
	anyOf?: Schema[];
	oneOf?: Schema[];
	properties?: { [name: string]: Schema };
	additionalProperties?: Schema | boolean;
	required?: string[];
}

interface Operation {
	operationId: string;
	summary: string;
	description?: string;
	tags: string[];
	"x-muster-role": string;
	parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[];
	requestBody?: { content: { [type: string]: { schema: Schema } } };
	responses: { [status: string]: Response | { $ref: string } };
}

interface Response {
	description: string;
	content?: { [type: string]: { schema?: Schema } };
}

export function outlineOf({ info, servers, tags = [], paths = {}, components = {} }: Document): Outline {
	const schemas = (components.schemas ?? {}) as { [name: string]: Schema };
	const responses = (components.responses ?? {}) as { [name: string]: Response };
	const operations = Object.entries(paths).flatMap(([path, methods]) =>
		Object.entries(methods as { [method: string]: Operation }).map(([method, operation]) => ({
			tag: operation.tags[0],
			...operationOf({ path, method, operation, schemas, responses, url: servers?.[0]?.url ?? "" }),
		})),
	);
	return {
		title: info.title,
		text: info.description ?? "",
		groups: tags.map(({ name, description = "" }) => ({
			...{ name, text: description },
			operations: operations.filter(({ tag }) => tag === name),
		})),
		schemas: Object.entries(schemas)
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([name, schema]) => ({
				...{ name, text: schema.description ?? "", type: typeOf(schema) },
				members: membersOf(schema),
			})),
	};
}

function operationOf(parts: {
	path: string;
	method: string;
	operation: Operation;
	schemas: { [name: string]: Schema };
	responses: { [name: string]: Response };
	url: string;
}): OperationOutline {
	const { path, method, operation, schemas, responses, url } = parts;
	const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
	const fields = (operation.parameters ?? []).map(
		({ name, in: where, required = false, description = "", schema }) => ({
			...{ name, where, required, type: typeOf(schema), text: description },
		}),
	);
	const role = operation["x-muster-role"];
	const lines = [
		`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}${url}${filled(path, operation)}`,
		...(role === "anyone" ? [] : ['-H "Authorization: Bearer $(cat data/token)"']),
		...(body === undefined
			? []
			: [`-H "Content-Type: application/json" -d '${JSON.stringify(exampleOf(body, schemas))}'`]),
	];
	return {
		...{ name: operation.operationId, method: method.toUpperCase(), path, role, fields },
		...{ summary: operation.summary, text: operation.description ?? "" },
		body: body === undefined ? undefined : typeOf(body),
		answers: Object.entries(operation.responses).map(([status, answer]) => {
			const { description, content = {} } = "$ref" in answer ? (responses[nameOf(answer.$ref)] as Response) : answer;
			const [type, { schema = undefined } = {}] = Object.entries(content)[0] ?? ["", {}];
			return { status, text: description, type: /json$/.test(type) && schema ? typeOf(schema) : type };
		}),
		curl: lines.join(" \\\n  "),
	};
}

/** The path with examples in place of its fields. */
const filled = (path: string, { parameters = [] }: Operation): string =>
	path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
		const field = parameters.find((one) => one.in === "path" && one.name === name);
		return String(field?.schema.example ?? name.toUpperCase());
	});

const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf("/") + 1);

function exampleOf(schema: Schema, schemas: { [name: string]: Schema }): unknown {
	const meant = schema.$ref === undefined ? schema : (schemas[nameOf(schema.$ref)] ?? {});
	return meant.example ?? {};
}

const membersOf = ({ properties = {}, required = [] }: Schema): Field[] =>
	Object.entries(properties).map(([name, schema]) => ({
		...{ name, where: "", type: typeOf(schema), required: required.includes(name), text: schema.description ?? "" },
	}));

/** In a few words; a schema with a name is named. */
function typeOf(schema: Schema): string {
	const { $ref, type, enum: values, const: value, format, items, additionalProperties, anyOf, oneOf } = schema;
	if ($ref !== undefined) return nameOf($ref);
	const several = anyOf ?? oneOf;
	if (several !== undefined) return [...new Set(several.map(typeOf))].join(" or ");
	if (value !== undefined) return JSON.stringify(value);
	if (values !== undefined)
		return values.length > MOST_VALUES ? "text" : values.map((one) => JSON.stringify(one)).join(", ");
	if (type === "array") return `list of ${items === undefined ? "any" : typeOf(items)}`;
	if (type === "object" && typeof additionalProperties === "object") return `map of ${typeOf(additionalProperties)}`;
	if (type === undefined) return "any";
	const text = [type].flat().map((one) => (one === "string" ? "text" : one));
	return `${text.join(" or ")}${format === undefined ? "" : ` (${format})`}`;
}

const MOST_VALUES = 12;
