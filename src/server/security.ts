/**
 * Who may speak to the server. Host and Origin are looked at before anything else, so that no page in a browser reaches
 * a handler, whatever it knows; then the token.
 */
import type { Context, MiddlewareHandler } from "hono";
import { type Caller, type Callers, OWNER } from "../access/callers.ts";
import { hasCode, MusterError } from "../errors.ts";
import type { Place } from "./place.ts";
import { problemResponse } from "./problem.ts";
import type { Variables } from "./route.ts";

/** @param place asked at each request: it is known when the server listens */
export function guardOrigin(place: () => Place): MiddlewareHandler {
	return async (context, next) => {
		const refusal = refuse((name) => context.req.header(name), place(), isEncrypted(context));
		if (refusal === undefined) return next();
		const error = new MusterError("E_FORBIDDEN", refusal, { hint: `Use ${place().url}.` });
		return problemResponse(error, { instance: context.req.path });
	};
}

function refuse(
	header: (name: string) => string | undefined,
	{ originOf }: Place,
	encrypted: boolean,
): string | undefined {
	const host = header("host")?.toLowerCase();
	const own = host === undefined ? undefined : originOf(host, encrypted);
	if (own === undefined) return "this server does not answer for the Host of the request";
	const origin = header("origin")?.toLowerCase();
	if (origin !== undefined && origin !== own) return "the request comes from a page of another origin";
	const site = header("sec-fetch-site");
	if (site !== undefined && site !== "same-origin" && site !== "none") return "the request comes from another site";
	return undefined;
}

/** What the socket's side knows of a request; nothing of it in a test that calls the application itself. */
interface Connection {
	incoming?: { socket: { remoteAddress?: string; encrypted?: boolean } };
	outgoing?: { destroy(): void; once(event: "close", run: () => void): void };
}

const connectionOf = ({ env }: Context): Connection => (env ?? {}) as Connection;
const isEncrypted = (context: Context): boolean => connectionOf(context).incoming?.socket.encrypted === true;

export const addressOf = (context: Context): string =>
	connectionOf(context).incoming?.socket.remoteAddress ?? "unknown";

/** @param isOpen whether a path is for anyone: it says nothing of the work, or is signed instead */
export function guardToken(
	callers: Pick<Callers, "identify">,
	isOpen: (path: string) => boolean,
): MiddlewareHandler<{ Variables: Variables }> {
	return async (context, next) => {
		if (isOpen(context.req.path)) return next();
		const secret = /^Bearer (\S{1,256})$/i.exec(context.req.header("authorization") ?? "")?.[1];
		let caller: Caller;
		try {
			caller = callers.identify(secret, addressOf(context));
		} catch (error) {
			const headers = hasCode(error, "E_UNAUTHORIZED") ? { "www-authenticate": "Bearer" } : {};
			return problemResponse(error, { instance: context.req.path, headers });
		}
		context.set("caller", caller);
		// A wait, a stream: whatever is still open when the token counts no more.
		const { outgoing } = connectionOf(context);
		if (outgoing !== undefined && caller.name !== OWNER) {
			const over = caller.hold(() => outgoing.destroy());
			outgoing.once("close", over);
		}
		return next();
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
