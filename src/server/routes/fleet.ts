/** The fleet as a whole: its status, its agents, and what holds the queue back. */
import { z } from "@hono/zod-openapi";
import { MusterError } from "../../errors.ts";
import { didYouMean } from "../../suggest.ts";
import { type Route, route } from "../route.ts";
import { agent, paused, status } from "../schemas/fleet.ts";
import { duration } from "../schemas/task-spec.ts";
import { listOf } from "./fields.ts";

const statusRoute = route(
	{
		...{ name: "status", method: "get", path: "/v1/status", role: "viewer", tag: "fleet" },
		summary: "How the fleet is",
		answers: { 200: status },
	},
	({ orchestrator }) => ({ status: 200, body: orchestrator.status() }),
);

const agents = route(
	{
		...{ name: "agents", method: "get", path: "/v1/agents", role: "viewer", tag: "fleet" },
		summary: "The agents",
		answers: { 200: listOf(agent, "Agent") },
		etag: true,
	},
	({ orchestrator }) => ({ status: 200, body: { items: orchestrator.agents() } }),
);

const oneAgent = route(
	{
		...{ name: "agent", method: "get", path: "/v1/agents/{name}", role: "viewer", tag: "fleet" },
		summary: "One agent",
		params: z.object({ name: z.string().min(1).max(256).openapi({ example: "worker-1" }) }),
		answers: { 200: agent },
		problems: ["E_AGENT_UNKNOWN"],
		etag: true,
	},
	({ orchestrator, params: { name } }) => {
		const all = orchestrator.agents();
		const found = all.find((one) => one.name === name);
		if (found !== undefined) return { status: 200, body: found };
		const hint =
			didYouMean(
				name,
				all.map((one) => one.name),
			) ?? "List them with: muster agents";
		throw new MusterError("E_AGENT_UNKNOWN", `there is no agent ${name}`, { hint });
	},
);

const scopeName = z
	.string()
	.min(1)
	.max(200)
	.regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/);

const scope = z
	.union([
		z.literal("all"),
		z.string().regex(/^(type|workflow|run):[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/),
		z.strictObject({ type: scopeName }),
		z.strictObject({ workflow: scopeName }),
		z.strictObject({ run: scopeName }),
	])
	.openapi("Scope", {
		description: "`all` (the default), `type:T`, `workflow:W` or `run:R`.",
		example: "type:research",
	});

const nameOf = (given: z.output<typeof scope> = "all"): string =>
	typeof given === "string" ? given : Object.entries(given).flat().join(":");

const SCOPE_HINT = 'It has the form {"scope": "type:research", "reason": "..."}; without a scope everything is meant.';

const pause = route(
	{
		...{ name: "pause", method: "post", path: "/v1/pause", role: "operator", tag: "fleet" },
		summary: "Nothing of the scope starts any more; what runs goes on",
		subject: ({ scope }) => nameOf(scope),
		body: z
			.strictObject({ scope: scope.optional(), reason: z.string().max(500).optional() })
			.openapi("PauseRequest", { example: { scope: "type:research", reason: "maintenance" } }),
		hint: SCOPE_HINT,
		answers: { 200: paused },
		problems: ["E_RUN_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body: { scope, reason } }) => {
		await orchestrator.pause(scope, reason === undefined ? {} : { reason });
		return { status: 200, body: { paused: orchestrator.status().paused } };
	},
);

const resume = route(
	{
		...{ name: "resume", method: "post", path: "/v1/resume", role: "operator", tag: "fleet" },
		summary: "Ends a pause of the same scope",
		subject: ({ scope }) => nameOf(scope),
		body: z.strictObject({ scope: scope.optional() }).openapi("ResumeRequest", { example: { scope: "type:research" } }),
		hint: SCOPE_HINT,
		answers: { 200: paused },
		problems: ["E_RUN_UNKNOWN", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body: { scope } }) => {
		await orchestrator.resume(scope);
		return { status: 200, body: { paused: orchestrator.status().paused } };
	},
);

const drain = route(
	{
		...{ name: "drain", method: "post", path: "/v1/drain", role: "operator", tag: "fleet" },
		summary: "Pauses everything and answers when nothing runs any more",
		subject: () => nameOf(),
		body: z
			.strictObject({ timeout: duration.optional().openapi({ description: "Longest wait. The pause stays." }) })
			.openapi("DrainRequest", { example: { timeout: "30s" } }),
		answers: { 200: paused },
		problems: ["E_WAIT_TIMEOUT", "E_CONFLICT", "E_STORAGE_FULL"],
	},
	async ({ orchestrator, body: { timeout } }) => {
		await orchestrator.drain(timeout === undefined ? {} : { timeout });
		return { status: 200, body: { paused: orchestrator.status().paused } };
	},
);

export const fleetRoutes: readonly Route[] = [statusRoute, agents, oneAgent, pause, resume, drain];
