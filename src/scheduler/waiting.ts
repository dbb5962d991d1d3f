/** Why a task does not run: one reason, the same in library, API and command line. */
import type { State } from "../state.ts";
import { isSuspect } from "../task/settle.ts";
import type { Task } from "../task/task.ts";
import type { Registry } from "./registry.ts";

export interface WaitingReason {
	reason:
		| "dependency"
		| "delay"
		| "back-off"
		| "no-capable-agent"
		| "no-free-slot"
		| "children"
		| "storage-full"
		| "stopping";
	/** A sentence for a person. */
	text: string;
	/** Ids of the tasks, or names of the agents, it waits for; at most 10. */
	holders?: string[];
	/** When it goes on at the earliest, milliseconds since 1970. */
	until?: number;
}

const MAX_HOLDERS = 10;

export function whyWaiting(
	task: Task,
	world: { state: State; registry: Registry; stopping: boolean; full: boolean },
): WaitingReason | undefined {
	const { state, registry } = world;
	switch (task.state) {
		case "blocked": {
			const open = (task.dependsOn ?? []).filter(
				(id) => state.tasks.has(id) && state.tasks.get(id)?.state !== "completed",
			);
			const holders = open.slice(0, MAX_HOLDERS);
			return {
				reason: "dependency",
				text: `waits for ${open.length} task(s) to complete: ${holders.join(", ")}`,
				holders,
			};
		}
		case "scheduled": {
			const until = task.runAt ?? 0;
			const at = new Date(until).toISOString();
			if (task.attempts === 0) return { reason: "delay", text: `is not due before ${at}`, until };
			const why = task.error?.message ?? "the last attempt failed";
			return { reason: "back-off", text: `is tried again at ${at}, after: ${why}`, until };
		}
		case "waiting": {
			const open = (task.children ?? []).filter((id) => {
				const child = state.tasks.get(id);
				return child !== undefined && child.endedAt === undefined;
			});
			const holders = open.slice(0, MAX_HOLDERS);
			return { reason: "children", text: `waits for ${open.length} of its children: ${holders.join(", ")}`, holders };
		}
		case "ready":
			return whyReady(task, world, registry);
		default:
			return undefined;
	}
}

function whyReady(task: Task, world: { stopping: boolean; full: boolean }, registry: Registry): WaitingReason {
	if (world.stopping)
		return { reason: "stopping", text: "the orchestrator is stopping; it starts after the next start" };
	if (world.full) return { reason: "storage-full", text: "the disk is full; nothing new starts until there is space" };
	const demand = [task.type, ...(task.capabilities ?? [])].join(" + ");
	if (!registry.canDo(task.type, task.capabilities)) {
		return { reason: "no-capable-agent", text: `no agent can do ${demand}; it starts when one is added` };
	}
	if (isSuspect(task)) {
		const text = "the process died twice while it ran: such tasks run one at a time";
		return { reason: "no-free-slot", text };
	}
	const holders: string[] = [];
	for (const seat of registry.seats) {
		if (holders.length === MAX_HOLDERS) break;
		if (registry.able(task.type, task.capabilities).includes(seat.pool)) holders.push(seat.name);
	}
	return { reason: "no-free-slot", text: `every agent that can do ${demand} is busy or not available`, holders };
}
