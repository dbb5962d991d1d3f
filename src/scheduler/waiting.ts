/** Why a task does not run: one reason, the same in library, API and command line. */
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import { LimitGate, RateGate, SuspectGate } from "./gates.ts";
import type { Held, Matcher } from "./matcher.ts";
import { pauseOfTask } from "./pauses.ts";
import type { Registry } from "./registry.ts";

export interface WaitingReason {
	reason:
		| "dependency"
		| "delay"
		| "back-off"
		/** Its type, its workflow, its run or everything is paused. */
		| "paused"
		/** As many run as its concurrency key, its type or the whole may. */
		| "limit"
		/** Its rate key gives the next start later. */
		| "rate"
		| "no-capable-agent"
		| "no-free-slot"
		/** Nothing holds it back: it is being stored or handed to an agent at this moment. */
		| "starting"
		| "children"
		| "approval"
		| "storage-full"
		| "stopping";
	/** A sentence for a person. */
	text: string;
	/**
	 * What is paused or limited: `all`, `type:T`, `workflow:W`, `run:R`, `key:K` (a concurrency key), `rate:K`, or `suspects`
	 * (tasks that are given up when the process dies once more over them).
	 */
	scope?: string;
	/** Since when it is paused, milliseconds since 1970. */
	since?: number;
	/** Ids of the tasks, or names of the agents, it waits for; at most 10. */
	holders?: string[];
	/** When it goes on at the earliest (an approval: when it expires), milliseconds since 1970. */
	until?: number;
	/** About how long until it starts, from the pace of the last starts of its kind; see `Matcher.estimateMs`. */
	estimateMs?: number;
}

export interface WaitingWorld {
	state: State;
	registry: Registry;
	/** Absent where nothing can start: a folder that is only read. */
	matcher?: Pick<Matcher, "heldBy" | "estimateMs"> | undefined;
	/** Tasks that run now. */
	running(): Iterable<Task>;
	stopping: boolean;
	full: boolean;
	/** Wall clock. */
	nowMs: number;
}

const MAX_HOLDERS = 10;

export function whyWaiting(task: Task, world: WaitingWorld): WaitingReason | undefined {
	const { state } = world;
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
			const ask = Object.values(task.asks ?? {}).find(({ answer }) => answer === undefined);
			if (ask !== undefined) {
				const { title, until } = ask;
				return { reason: "approval", text: `asks a person: ${title}`, ...(until !== undefined && { until }) };
			}
			const open = (task.children ?? []).filter((id) => {
				const child = state.tasks.get(id);
				return child !== undefined && child.endedAt === undefined;
			});
			const holders = open.slice(0, MAX_HOLDERS);
			return { reason: "children", text: `waits for ${open.length} of its children: ${holders.join(", ")}`, holders };
		}
		case "ready":
			return whyReady(task, world);
		default:
			return undefined;
	}
}

function whyReady(task: Task, world: WaitingWorld): WaitingReason {
	const { registry, matcher } = world;
	if (world.stopping)
		return { reason: "stopping", text: "the orchestrator is stopping; it starts after the next start" };
	if (world.full) return { reason: "storage-full", text: "the disk is full; nothing new starts until there is space" };
	const pause = pauseOfTask(task, world.state);
	if (pause !== undefined) return pause;
	const { type, capabilities } = task;
	const demand = [type, ...(capabilities ?? [])].join(" + ");
	if (!registry.canDo(type, capabilities)) {
		return { reason: "no-capable-agent", text: `no agent can do ${demand}; it starts when one is added` };
	}
	const held = matcher?.heldBy(task);
	if (held !== undefined) return whyHeld(task, held, world);
	const pools = registry.able(type, capabilities);
	if (task.ready === undefined || pools.some((pool) => pool.free > 0)) {
		return { reason: "starting", text: "starts in a moment" };
	}
	const able = Iterator.from(registry.seats).filter((seat) => pools.includes(seat.pool));
	const holders = [...able.take(MAX_HOLDERS)].map(({ name }) => name);
	const text = `every agent that can do ${demand} is busy or not available`;
	return { reason: "no-free-slot", text, holders, ...estimate(task, matcher) };
}

function whyHeld(task: Task, held: Held, world: WaitingWorld): WaitingReason {
	if (!("gate" in held)) {
		const { limit, scope } = held;
		const ofType = scope !== "all";
		const running = Iterator.from(world.running()).filter(({ type }) => !ofType || type === task.type);
		const text = `at most ${limit} ${ofType ? `of type ${task.type}` : "task(s) in all"} may run at the same time`;
		return { reason: "limit", text, scope, holders: idsOf(running), ...estimate(task, world.matcher) };
	}
	const { gate } = held;
	if (gate instanceof RateGate) {
		const until = world.nowMs + Math.ceil(gate.opensInMs());
		const text = `the rate of ${gate.rateKey} gives the next start at ${new Date(until).toISOString()}`;
		return { reason: "rate", text, scope: `rate:${gate.rateKey}`, until };
	}
	const holders = gate instanceof LimitGate ? idsOf(gate.holders.values()) : [];
	if (gate instanceof SuspectGate) {
		const text = `the process died twice while it ran: such tasks run one at a time; it waits for ${holders.join(", ")}`;
		return { reason: "limit", text, scope: "suspects", holders };
	}
	const { key, limit } = task.concurrency ?? { key: "", limit: 1 };
	const text = `at most ${limit} of the concurrency key ${key} may run at the same time; it waits for ${holders.join(", ")}`;
	return { reason: "limit", text, scope: `key:${key}`, holders };
}

function estimate(task: Task, matcher: WaitingWorld["matcher"]): { estimateMs?: number } {
	const estimateMs = matcher?.estimateMs(task);
	return estimateMs === undefined ? {} : { estimateMs };
}

const idsOf = (tasks: IteratorObject<Task>): string[] => [...tasks.take(MAX_HOLDERS)].map(({ id }) => id);
