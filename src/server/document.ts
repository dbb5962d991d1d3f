/** The OpenAPI document, made from the routes as they are declared. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { sharedAnswers } from "./problem-answers.ts";
import type { Route } from "./route.ts";

export type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

const TAGS = {
	tasks: "Single units of work.",
	runs: "Executions of workflows.",
	workflows: "Definitions that can be run.",
	approvals: "What people are asked.",
	fleet: "Agents, status, pause and drain.",
	schedules: "Tasks at times.",
	triggers: "What starts runs of workflows by itself.",
	bus: "Messages, requests and durable streams.",
	"dead letters": "Tasks that failed for good.",
	artifacts: "Files that work has made.",
	access: "Who may do what.",
	process: "The server itself. Without a token.",
};

const DESCRIPTION = `Every answer that is no success is a problem of RFC 9457 with a stable \`code\`. 400 says that a request
does not fit the schemas here; 422 that it fits, and that what it means is refused. Lists are \`{items, nextCursor?}\`.
\`x-muster-role\` names who may use a route: viewer reads, operator also changes, admin also gives and takes tokens.`;

export function documentOf(routes: readonly Route[], url: string): Document {
	const app = new OpenAPIHono();
	app.openAPIRegistry.registerComponent("securitySchemes", "token", {
		...{ type: "http", scheme: "bearer" },
		description: 'The content of the file "token" in the data folder, or a token made by `muster token create NAME`.',
	});
	for (const { name, answer } of sharedAnswers) app.openAPIRegistry.registerComponent("responses", name, answer);
	for (const { config } of routes) app.openAPIRegistry.registerPath(config);
	return app.getOpenAPI31Document({
		openapi: "3.1.0",
		info: { title: "Muster", version: "1", description: DESCRIPTION, license: { name: "MIT" } },
		servers: [{ url }],
		tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
	});
}
