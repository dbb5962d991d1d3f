/**
 * The HTTP control plane as one application: guards first, then the routes. It is there before the orchestrator works,
 * so it holds a phase: while that is `starting`, everything below /v1 and /hooks answers 503 with the reason.
 */
import { Hono } from "hono";
import { errorTable, hasCode, MusterError, toErrorData } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { problemResponse } from "./problem.ts";
import { addQueueRoutes } from "./queue-routes.ts";
import { addReadRoutes } from "./read-routes.ts";
import { addRunRoutes } from "./run-routes.ts";
import { guardOrigin, guardToken, harden } from "./security.ts";
import { addTriggerRoutes } from "./trigger-routes.ts";
import { addWorkRoutes } from "./work-routes.ts";

export type Phase =
	| { state: "starting" }
	/** `stopping`: it takes nothing new, which the orchestrator says itself, and can still be asked. */
	| { state: "ready" | "stopping"; orchestrator: Orchestrator };

export interface AppOptions {
	token: string;
	/** Where it listens: the Host of every request has to name it. */
	port: () => number;
	phase: () => Phase;
	log: Log;
}

/** What handlers find in their context. */
export interface Variables {
	orchestrator: Orchestrator;
}

export type App = Hono<{ Variables: Variables }>;

export function createApp({ token, port, phase, log }: AppOptions): App {
	const app: App = new Hono<{ Variables: Variables }>();
	app.use(harden);
	app.use(guardOrigin(port));
	app.use(guardToken(token));
	app.get("/healthz", (context) => context.json({ status: "ok", pid: process.pid }));
	app.get("/readyz", (context) => {
		const reason = notReady(phase());
		return reason === undefined ? context.json({ status: "ready" }) : problemResponse(reason, { status: 503 });
	});
	for (const paths of ["/v1/*", "/hooks/*"]) {
		app.use(paths, async (context, next) => {
			const now = phase();
			if (now.state === "starting") return problemResponse(notReady(now), { status: 503 });
			context.set("orchestrator", now.orchestrator);
			return next();
		});
	}
	addReadRoutes(app);
	addWorkRoutes(app);
	addTriggerRoutes(app);
	addQueueRoutes(app);
	addRunRoutes(app);
	app.notFound((context) => unknownRoute(app, context.req.method, context.req.path));
	app.onError((error, context) => {
		// What has a code was thrown on purpose; only a fault of ours goes into the log.
		if (!hasCode(error) || errorTable[error.code].status === 500) {
			log.error("a request failed", { path: context.req.path, error: error.stack ?? String(error) });
		}
		const close = hasCode(error, "E_INPUT_TOO_LARGE") ? { connection: "close" } : {};
		return problemResponse(error, { headers: close });
	});
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

/** Names what there is, so that a typing mistake is found at once. */
function unknownRoute(app: App, method: string, path: string): Response {
	const known = app.routes.filter((route) => route.method !== "ALL" && matches(route.path, path));
	const allowed = [...new Set(known.map((route) => route.method))];
	if (allowed.length > 0) {
		const error = new MusterError("E_USAGE", `${path} does not take ${method}`, {
			hint: `It takes ${allowed.join(", ")}.`,
		});
		return problemResponse(error, { status: 405, headers: { allow: allowed.join(", ") } });
	}
	const paths = [...new Set(app.routes.filter((route) => route.method === "GET").map((route) => route.path))];
	const error = new MusterError("E_USAGE", `there is nothing at ${path.slice(0, 200)}`, {
		hint: `There are: ${paths.join(", ")}.`,
	});
	return problemResponse(error, { status: 404 });
}

/** Whether a path fits a route such as `/v1/tasks/:id`. */
function matches(route: string, path: string): boolean {
	const wanted = route.split("/");
	const given = path.split("/");
	return wanted.length === given.length && wanted.every((part, i) => part.startsWith(":") || part === given[i]);
}
