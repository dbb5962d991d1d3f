/**
 * Who may speak to the server. Host and Origin are looked at before anything else, so that no page in a browser reaches
 * a handler, whatever it knows; then the token.
 */
import { timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { MusterError } from "../errors.ts";
import { problemResponse } from "./problem.ts";

/** @param port asked at each request: it is known when the server listens */
export function guardOrigin(port: () => number): MiddlewareHandler {
	return async (context, next) => {
		const refusal = refuse((name) => context.req.header(name), port());
		if (refusal === undefined) return next();
		const error = new MusterError("E_FORBIDDEN", refusal, { hint: `Use http://127.0.0.1:${port()}.` });
		return problemResponse(error, { instance: context.req.path });
	};
}

function refuse(header: (name: string) => string | undefined, port: number): string | undefined {
	const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
	const host = header("host")?.toLowerCase();
	if (host === undefined || !hosts.includes(host)) return "this server does not answer for the Host of the request";
	const origin = header("origin")?.toLowerCase();
	if (origin !== undefined && origin !== `http://${host}`) return "the request comes from a page of another origin";
	const site = header("sec-fetch-site");
	if (site !== undefined && site !== "same-origin" && site !== "none") return "the request comes from another site";
	return undefined;
}

/** @param isOpen whether a path is for anyone: it says nothing of the work, or is signed instead */
export function guardToken(token: string, isOpen: (path: string) => boolean): MiddlewareHandler {
	const wanted = Buffer.from(token);
	return async (context, next) => {
		if (isOpen(context.req.path)) return next();
		const given = Buffer.from(/^Bearer (\S{1,256})$/i.exec(context.req.header("authorization") ?? "")?.[1] ?? "");
		// Every token is as long as the right one, so its length is no secret.
		if (given.length === wanted.length && timingSafeEqual(given, wanted)) return next();
		const error = new MusterError("E_UNAUTHORIZED", "the request has no token, or a wrong one", {
			hint: 'Send "Authorization: Bearer ..." with the content of the file "token" in the data folder.',
		});
		return problemResponse(error, { instance: context.req.path, headers: { "www-authenticate": "Bearer" } });
	};
}

const NOTHING = "default-src 'none'; frame-ancestors 'none'";

/** No answer is cached, guessed at or framed. */
export const harden: MiddlewareHandler = async (context, next) => {
	await next();
	const { headers } = context.res;
	headers.set("x-content-type-options", "nosniff");
	headers.set("x-frame-options", "DENY");
	if (!headers.has("content-security-policy")) headers.set("content-security-policy", NOTHING);
	headers.set("referrer-policy", "no-referrer");
	if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
};
