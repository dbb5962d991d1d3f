/**
 * One route, declared once: the schemas that stand in the document are those that requests are checked with, and the types of
 * what a handler is given and answers. What does not fit them is refused with 400 before the handler; what the handler
 * refuses although it fits, because of what it means, with 422.
 */
import { createHash } from "node:crypto";
import { createRoute, type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Caller } from "../access/callers.ts";
import type { Role } from "../access/role.ts";
import { type ErrorCode, errorTable, hasCode } from "../errors.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { explain } from "../schema.ts";
import { readBytes, readJson } from "./body.ts";
import { type Misfit, problemResponse, Refused } from "./problem.ts";
import { problemAnswers } from "./problem-answers.ts";

/** What handlers find in their context. */
export interface Variables {
	orchestrator: Orchestrator;
	/** Whose token it is; undefined where none is needed. */
	caller: Caller | undefined;
	/** What a change was about, for the audit. */
	subject: string | undefined;
}
export type App = OpenAPIHono<{ Variables: Variables }>;
export type Asking = Context<{ Variables: Variables }>;

/** Answers that are a success, by status. A text is the media type of one that is no JSON. */
type Answers = { readonly [status in Status]?: z.ZodType | string };
type Fields = z.ZodObject;

interface Spec<A extends Answers, P extends Fields, Q extends Fields, H extends Fields, B extends z.ZodType> {
	/** The verb, as the library has it; unique. */
	name: string;
	method: "get" | "post" | "delete";
	/** As OpenAPI writes it, for example `/v1/tasks/{id}`. */
	path: `/${string}`;
	role: Role;
	tag: string;
	/** One line. */
	summary: string;
	description?: string;
	params?: P;
	query?: Q;
	headers?: H;
	body?: B;
	/** Instead of JSON: the body as it was sent, up to so many bytes. */
	bytes?: number;
	/** What a right body looks like, for whoever sent another. */
	hint?: string;
	answers: A;
	/** Headers of the answers that are a success. */
	sends?: { [header: string]: string };
	/** What else it refuses; E_INPUT_INVALID stands here when it refuses what fits the schemas. */
	problems?: readonly ErrorCode[];
	/** And with which status, where it is not that of the code. */
	also?: { [status: number]: readonly ErrorCode[] };
	/** GET: the answer has an ETag, and If-None-Match is looked at. */
	etag?: boolean;
	/** Answers before the orchestrator works, and when it does not. */
	always?: boolean;
	/** A change: what it is about, where neither the path nor Location says so. For the audit: ids and names, nothing else. */
	subject?(body: z.output<B>, answer: Body<A> | undefined): string | readonly string[] | undefined;
}

export interface Asked<P extends Fields, Q extends Fields, H extends Fields, B extends z.ZodType> {
	orchestrator: Orchestrator;
	params: z.output<P>;
	query: z.output<Q>;
	headers: z.output<H>;
	body: z.output<B>;
	bytes: Uint8Array;
	context: Asking;
}

type Body<A extends Answers> = z.output<Extract<A[keyof A], z.ZodType>>;
type Answer<A extends Answers> = { status: Status & keyof A; body: Body<A>; headers?: Headers } | Response;
type Status = 200 | 201 | 202;
type Headers = { [name: string]: string };

export interface Route {
	readonly name: string;
	readonly method: string;
	readonly path: string;
	readonly role: Role;
	readonly always: boolean;
	/** Whether it changes something, so that the audit has a line of it. */
	readonly changes: boolean;
	readonly config: RouteConfig;
	handle(context: Asking): Promise<Response>;
}

type None = z.ZodObject<Record<never, never>>;

export function route<
	const A extends Answers,
	P extends Fields = None,
	Q extends Fields = None,
	H extends Fields = None,
	B extends z.ZodType = z.ZodUndefined,
>(spec: Spec<A, P, Q, H, B>, handler: (asked: Asked<P, Q, H, B>) => Answer<A> | Promise<Answer<A>>): Route {
	const { name, method, path, role, always = false } = spec;
	const changes = changesOf(spec);
	const wanted = spec.headers === undefined ? [] : Object.keys(spec.headers.shape);
	const handle = async (context: Asking): Promise<Response> => {
		const { req } = context;
		// In this order: what is cheap to refuse first, the body last.
		const params = spec.params && check(spec.params, req.param(), "path");
		const query = check(spec.query ?? none, single(req.queries()), "query");
		const given = Object.fromEntries(wanted.map((header) => [header, req.header(header)]));
		const headers = spec.headers && check(spec.headers, given, "header");
		const body = spec.body && check(spec.body, await readJson(context), "", spec.hint);
		const bytes = spec.bytes === undefined ? undefined : await readBytes(context, spec.bytes);
		const tell = (answer?: Body<A>, { location = "" }: Headers = {}): void => {
			const given = spec.subject?.(body as z.output<B>, answer) ?? Object.values(params ?? {}).map(String);
			context.set("subject", shortened([given, location.slice(location.lastIndexOf("/") + 1)].flat()));
		};
		if (changes) tell();
		const asked = { orchestrator: context.var.orchestrator, params, query, headers, body, bytes, context };
		let answer: Answer<A>;
		try {
			answer = await handler(asked as Asked<P, Q, H, B>);
		} catch (error) {
			if (!hasCode(error) || errorTable[error.code].status !== 400) throw error;
			return problemResponse(error, { status: 422, instance: req.path });
		}
		if (answer instanceof Response) return answer;
		const { status, body: view, headers: more = {} } = answer as { status: number; body: unknown; headers?: Headers };
		if (changes) tell(view as Body<A>, more);
		const text = JSON.stringify(view);
		const tag = spec.etag === true ? etagOf(text) : undefined;
		if (tag !== undefined && matchesTag(req.header("if-none-match"), tag)) {
			return new Response(null, { status: 304, headers: { etag: tag, ...more } });
		}
		return new Response(text, {
			status,
			headers: { "content-type": "application/json", ...(tag !== undefined && { etag: tag }), ...more },
		});
	};
	return { name, method, path, role, always, changes, config: configOf(spec), handle };
}

const none = z.strictObject({});

/** Who may only look may ask for some things with a body. */
const changesOf = ({ method, role }: { method: string; role: Role }): boolean => method !== "get" && role !== "viewer";

const MOST_SUBJECTS = 20;
const LONGEST_SUBJECT = 2_000;

function shortened(given: readonly string[]): string | undefined {
	const all = [...new Set(given)].filter((one) => one !== "");
	if (all.length === 0) return undefined;
	const more = all.length > MOST_SUBJECTS ? ` and ${all.length - MOST_SUBJECTS} more` : "";
	return all.slice(0, MOST_SUBJECTS).join(" ").slice(0, LONGEST_SUBJECT) + more;
}

/** A field that is sent twice is a list, and fits no schema. */
const single = (queries: Record<string, string[]>): Record<string, string | string[]> =>
	Object.fromEntries(
		Object.entries(queries).map(([name, [first = "", ...more]]) => [name, more.length > 0 ? [first, ...more] : first]),
	);

const MAX_MISFITS = 20;

/** @throws E_INPUT_INVALID naming each place */
function check<T>(schema: z.ZodType<T>, given: unknown, where: string, hint?: string): T {
	const parsed = schema.safeParse(given);
	if (parsed.success) return parsed.data;
	const errors = parsed.error.issues.slice(0, MAX_MISFITS).map(({ path, message }): Misfit => {
		const pointer = [where, ...path.map((part) => String(part).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
		return { pointer, message };
	});
	const what = where === "" ? "request" : where;
	throw new Refused(400, "E_INPUT_INVALID", `the ${what} is not right: ${explain(parsed.error)}`, { hint, errors });
}

const etagOf = (text: string): string => `"${createHash("sha256").update(text).digest("base64url").slice(0, 27)}"`;

const matchesTag = (given: string | undefined, tag: string): boolean =>
	(given ?? "").split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === tag);

/** What the document says of it. */
function configOf(spec: Omit<Spec<Answers, Fields, Fields, Fields, z.ZodType>, "subject">): RouteConfig {
	const { name, method, path, role, tag, summary, description, params, query, headers, body, bytes } = spec;
	const responses: RouteConfig["responses"] = {};
	for (const [status, answer] of Object.entries(spec.answers)) {
		responses[status] = {
			description: titles[status] ?? "Success",
			content:
				typeof answer === "string"
					? { [answer]: { schema: { type: "string" } } }
					: { "application/json": { schema: answer } },
			...(sent(spec) && { headers: sent(spec) as never }),
		};
	}
	if (spec.etag === true) responses[304] = { description: "It is as `If-None-Match` says" };
	Object.assign(
		responses,
		problemAnswers({
			open: role === "anyone",
			body: body !== undefined ? "json" : bytes !== undefined ? "bytes" : undefined,
			always: spec.always === true,
			changes: changesOf(spec),
			problems: spec.problems ?? [],
			also: spec.also ?? {},
		}),
	);
	const fields = { ...headers?.shape, ...(spec.etag === true && { "if-none-match": z.string().optional() }) };
	return createRoute({
		...{ operationId: name, method, path, tags: [tag], summary, responses },
		...(description !== undefined && { description }),
		security: role === "anyone" ? [] : [{ token: [] }],
		"x-muster-role": role,
		request: {
			...(params && { params }),
			...(query && { query }),
			...(Object.keys(fields).length > 0 && { headers: z.object(fields) }),
			...(body && { body: { required: true, content: { "application/json": { schema: body } } } }),
			...(bytes !== undefined && { body: { required: true, content: { "application/json": { schema: {} } } } }),
		},
	} as Parameters<typeof createRoute>[0]);
}

function sent({ sends = {}, etag }: { sends?: Headers; etag?: boolean }): object | undefined {
	const all = { ...sends, ...(etag === true && { ETag: "Of this answer; send it as If-None-Match." }) };
	if (Object.keys(all).length === 0) return undefined;
	return Object.fromEntries(
		Object.entries(all).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
	);
}

const titles: Record<string, string> = {
	200: "It is done",
	201: "It is stored",
	202: "It is stored, and not over yet",
};
