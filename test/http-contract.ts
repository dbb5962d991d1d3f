/** What the document promises, held against what is answered: every answer that a test gets goes through here. */
import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { allRoutes } from "../src/server/app.ts";
import { documentOf } from "../src/server/document.ts";
import type { Route } from "../src/server/route.ts";

const nothing = (): never => {
	throw new Error("the document is made without a server");
};
export const routes: readonly Route[] = allRoutes({
	notReady: nothing,
	document: nothing,
	page: nothing,
	callers: nothing,
});
export const document = documentOf(routes, "http://127.0.0.1:7620");

interface Operation {
	operationId: string;
	responses: { [status: string]: { $ref?: string; content?: { [type: string]: { schema?: object } } } };
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
ajv.addSchema(document, "document");
const compiled = new Map<string, ValidateFunction>();

const escaped = (part: string): string => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

function validatorOf(...place: string[]): ValidateFunction {
	const ref = `document#/${place.map(escaped).join("/")}`;
	const known = compiled.get(ref) ?? ajv.compile({ $ref: ref });
	compiled.set(ref, known);
	return known;
}

const fits = (path: string, given: string): boolean => {
	const wanted = path.split("/");
	const parts = given.split("/");
	const long = path.endsWith("{path}") && parts.length > wanted.length;
	return (wanted.length === parts.length || long) && wanted.every((part, i) => /^\{/.test(part) || part === parts[i]);
};

const sharedResponses = (document.components?.responses ?? {}) as Operation["responses"];

/** Operations that were answered with a success so far. */
export const succeeded = new Set<string>();

/** Status, media type and body are among those that the document has for the operation. */
export async function checkAnswer(method: string, url: string, response: Response): Promise<void> {
	const given = new URL(url).pathname;
	const found = routes.filter((route) => fits(route.path, given) && route.method === method.toLowerCase());
	// Where several fit, the one without a field is meant.
	const route = found.sort((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
	if (route === undefined) return;
	const where = `${method} ${route.path} ${response.status}`;
	const paths = document.paths as { [path: string]: { [method: string]: Operation } };
	const operation = paths[route.path]?.[route.method];
	let place = ["paths", route.path, route.method, "responses", String(response.status)];
	let declared = operation?.responses[String(response.status)];
	if (declared?.$ref !== undefined) {
		place = declared.$ref.slice("#/".length).split("/");
		declared = sharedResponses[place[2] as string];
	}
	assert.ok(declared !== undefined, `${where} is not in the document: ${await response.clone().text()}`);
	if (response.ok) succeeded.add(route.name);
	if (response.status === 304) return;
	const type = response.headers.get("content-type")?.split(";")[0] ?? "";
	assert.ok(Object.hasOwn(declared.content ?? {}, type), `${where} is ${type}, which is not in the document`);
	if (!/json$/.test(type) || /ndjson/.test(type)) return;
	const validate = validatorOf(...place, "content", type, "schema");
	const body: unknown = await response.clone().json();
	assert.ok(validate(body), `${where}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body).slice(0, 500)}`);
}
