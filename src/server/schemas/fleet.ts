/** Agents, status and what is paused, as they are answered. */
import { z } from "@hono/zod-openapi";
import type { PauseView } from "../../orchestrator/queue-controls.ts";
import type { Status } from "../../orchestrator/status.ts";
import type { AgentView } from "../../orchestrator/view.ts";
import { count, exactly, time } from "./exactly.ts";

const agentStates = ["initializing", "ready", "busy", "draining", "unhealthy", "stopped"] as const;

export const agent = exactly<AgentView>()(
	z
		.strictObject({
			name: z.string(),
			kind: z.enum(["worker", "coordinator", "specialized"]),
			state: z.enum(agentStates),
			capabilities: z
				.array(z.string())
				.openapi({ description: "Task types it does, and what else tasks may ask for." }),
			concurrency: count,
			running: count,
			stats: z.strictObject({ completed: count, failed: count, lost: count, abandoned: count }),
		})
		.openapi("Agent"),
);

const pause = exactly<PauseView>()(
	z.strictObject({ scope: z.string(), since: time, reason: z.string().optional() }).openapi("Pause"),
);

export const paused = z.strictObject({ paused: z.array(pause) }).openapi("Paused");

export const status = exactly<Status>()(
	z
		.strictObject({
			orchestrator: z.enum(["running", "stopping", "failed"]),
			timestamp: time,
			pid: count,
			uptimeMs: z.number(),
			dataDir: z.string(),
			durability: z.enum(["full", "normal"]),
			agents: z.record(z.enum(agentStates), count),
			workerAgents: count,
			coordinatorAgents: count,
			specializedAgents: count,
			totalAgents: count,
			components: z.strictObject({
				journal: z.strictObject({ state: z.enum(["ready", "full", "failed"]), lastEvent: count }),
				views: z.strictObject({
					state: z.enum(["ready", "behind"]),
					lagEvents: count,
					lagMs: z.number().optional(),
					lagTasks: z.int(),
					position: count,
					deleted: z.strictObject({ tasks: count, runs: count }),
				}),
				threads: z.strictObject({ live: count, most: count }),
				eventLoop: z.strictObject({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() }),
				memory: z.strictObject({ rssBytes: count }),
			}),
			taskQueue: z.strictObject({
				...{ pending: count, blocked: count, scheduled: count, ready: count, running: count, waiting: count },
				...{ submitted: count, completed: count, failed: count, cancelled: count, skipped: count },
				successRate: z.number().nullable(),
				...{ retried: count, reoffered: count, refusedResults: count },
			}),
			runs: z.strictObject({ running: count }),
			paused: z.array(pause),
			limits: z.strictObject({
				maxTasks: count,
				running: count.optional(),
				types: z.record(z.string(), count),
			}),
		})
		.openapi("Status"),
);
