/** What can be asked while nothing works: whether the process lives, why it is not ready, and what there is to ask. */
import { z } from "@hono/zod-openapi";
import type { MusterError } from "../../errors.ts";
import { type Route, route } from "../route.ts";

export interface ProcessParts {
	/** Why nothing can be asked now, or undefined when it can. */
	notReady: () => MusterError | undefined;
	/** The OpenAPI document and the page that is made from it, as text. */
	document: () => string;
	page: () => string;
}

/** No script and nothing from elsewhere: the page is text and a style of its own. */
const PAGE_POLICY =
	"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export const processRoutes = ({ notReady, document, page }: ProcessParts): Route[] => {
	const tag = "process";
	const open = { method: "get", role: "anyone", tag, always: true } as const;
	return [
		route(
			{
				...{ ...open, name: "healthz", path: "/healthz" },
				summary: "Whether the process lives",
				answers: { 200: z.strictObject({ status: z.literal("ok"), pid: z.int() }).openapi("Health") },
			},
			() => ({ status: 200, body: { status: "ok" as const, pid: process.pid } }),
		),
		route(
			{
				...{ ...open, name: "readyz", path: "/readyz" },
				summary: "Whether it works, and why it does not",
				answers: { 200: z.strictObject({ status: z.literal("ready") }).openapi("Ready") },
				problems: ["E_STARTING", "E_STOPPED", "E_UNREACHABLE"],
			},
			() => {
				const reason = notReady();
				if (reason !== undefined) throw reason;
				return { status: 200, body: { status: "ready" as const } };
			},
		),
		route(
			{
				...{ ...open, name: "openapi", path: "/openapi.json" },
				summary: "This document (OpenAPI 3.1)",
				answers: { 200: z.looseObject({ openapi: z.string() }).openapi("Document") },
			},
			() => new Response(document(), { headers: { "content-type": "application/json" } }),
		),
		route(
			{
				...{ ...open, name: "docs", path: "/docs" },
				summary: "This document as a page",
				answers: { 200: "text/html" },
			},
			() =>
				new Response(page(), {
					headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": PAGE_POLICY },
				}),
		),
	];
};
