/**
 * The HTTP control plane as one application: guards first, then the routes. It is there before the orchestrator works,
 * so it holds a phase: while that is `starting`, everything below /v1 and /hooks answers 503 with the reason.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Audit } from "../access/audit.ts";
import type { Callers } from "../access/callers.ts";
import { errorTable, hasCode, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { admission } from "./admission.ts";
import { documentOf } from "./document.ts";
import { pageOf } from "./page.ts";
import type { Place } from "./place.ts";
import { problemResponse } from "./problem.ts";
import type { App, Asking, Route, Variables } from "./route.ts";
import { accessRoutes } from "./routes/access.ts";
import { workRoutes } from "./routes/all.ts";
import { processRoutes } from "./routes/process.ts";
import { guardOrigin, guardToken, harden } from "./security.ts";

export type Phase =
	| { state: "starting" }
	/** `stopping`: it takes nothing new, which the orchestrator says itself, and can still be asked. */
	| { state: "ready" | "stopping"; orchestrator: Orchestrator };

export interface AppOptions {
	callers: Callers;
	audit: Audit;
	/** Where it listens: the Host of every request has to name it. */
	place: () => Place;
	phase: () => Phase;
	log: Log;
	now: () => number;
}

/** What routes are made of that do not ask the orchestrator. */
type RouteParts = Parameters<typeof processRoutes>[0] & { callers: Parameters<typeof accessRoutes>[0] };

/** Every route that there is, without an orchestrator: for the document. */
export const allRoutes = (parts: RouteParts): Route[] => [
	...workRoutes,
	...accessRoutes(parts.callers),
	...processRoutes(parts),
];

export function createApp({ callers, audit, place, phase, log, now }: AppOptions): App {
	const app: App = new OpenAPIHono<{ Variables: Variables }>();
	// Made when somebody asks, and then kept: anyone may.
	let document: { text: string; page: string } | undefined;
	const made = () => {
		if (document !== undefined) return document;
		const given = documentOf(routes, place().url);
		document = { text: JSON.stringify(given), page: pageOf(given) };
		return document;
	};
	const routes = allRoutes({
		notReady: () => notReady(phase()),
		document: () => made().text,
		page: () => made().page,
		callers: () => callers,
	});
	const refusal = (error: unknown, { req }: Pick<Asking, "req">): Response => {
		// What has a code was thrown on purpose; only a fault of ours goes into the log.
		if (!hasCode(error) || errorTable[error.code].status === 500) {
			log.error("a request failed", { path: req.path, error: (error as Error).stack ?? String(error) });
		}
		const close = hasCode(error, "E_INPUT_TOO_LARGE") ? { connection: "close" } : {};
		return problemResponse(error, { instance: req.path, headers: close });
	};
	const admit = admission({ audit, now, refusal });
	app.use(harden);
	app.use(guardOrigin(place));
	const open = openPaths(routes);
	app.use(guardToken(callers, (path) => open.some((one) => matches(one, path))));
	for (const route of routes) {
		app.on(route.method, routingPath(route.path), async (context) => {
			const now = phase();
			if (now.state !== "starting") context.set("orchestrator", now.orchestrator);
			else if (!route.always) return problemResponse(notReady(now), { status: 503, instance: context.req.path });
			return admit(route, context);
		});
	}
	app.notFound(({ req }) => unknownRoute(routes, req.method, req.path));
	app.onError(refusal);
	return app;
}

/** Why nothing can be asked now, or undefined when it can. */
function notReady(phase: Phase): MusterError | undefined {
	if (phase.state === "starting") {
		return new MusterError("E_STARTING", "the server is still reading its data folder", { hint: "Ask again soon." });
	}
	if (phase.state === "stopping") return new MusterError("E_STOPPED", "the server is stopping");
	const { failure } = phase.orchestrator;
	if (failure !== undefined) {
		return new MusterError("E_JOURNAL_FAILED", `nothing can be stored: ${toErrorData(failure).message}`, {
			hint: "Start it again once the disk is well; nothing acknowledged is lost.",
		});
	}
	return undefined;
}

/** As the router writes it. The path of a webhook may have several parts. */
const routingPath = (path: string): string => path.replace("{path}", ":path{.+}").replaceAll(/\{(\w+)\}(?!\})/g, ":$1");

/** Whether a path fits a route such as `/v1/tasks/{id}`. */
function matches(route: string, path: string): boolean {
	const wanted = route.split("/");
	const given = path.split("/");
	const fits = wanted.length === given.length || (route.endsWith("{path}") && given.length > wanted.length);
	return fits && wanted.every((part, i) => (part.startsWith("{") ? given[i] !== "" : part === given[i]));
}

/** Those that need no token, whatever the method: one that they do not take is answered with 405. */
const openPaths = (routes: readonly Route[]): string[] => {
	const closed = new Set(routes.filter(({ role }) => role !== "anyone").map(({ path }) => path));
	return routes.map(({ path }) => path).filter((path) => !closed.has(path));
};

/** Names what there is, so that a typing mistake is found at once. */
function unknownRoute(routes: readonly Route[], method: string, path: string): Response {
	const known = routes.filter((route) => matches(route.path, path));
	const allowed = [...new Set(known.map((route) => route.method.toUpperCase()))];
	if (allowed.length > 0) {
		const error = new MusterError("E_USAGE", `${path.slice(0, 200)} does not take ${method.slice(0, 20)}`, {
			hint: `It takes ${allowed.join(", ")}.`,
		});
		return problemResponse(error, { status: 405, instance: path, headers: { allow: allowed.join(", ") } });
	}
	const paths = [...new Set(routes.filter((route) => route.method === "get").map((route) => route.path))];
	const error = new MusterError("E_USAGE", `there is nothing at ${path.slice(0, 200)}`, {
		hint: `There are: ${paths.join(", ")}.`,
	});
	return problemResponse(error, { status: 404, instance: path });
}
