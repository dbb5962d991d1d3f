/** Why a task does not run: one reason, the same in library, API and command line. */
import type { State } from "../state.ts";
import type { Task } from "../task/task.ts";
import { LimitGate, PauseGate, RateGate, SuspectGate } from "./gates.ts";
import type { Matcher } from "./matcher.ts";
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
		| "children"
		| "approval"
		| "storage-full"
		| "stopping";
	/** A sentence for a person. */
	text: string;
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
	const pause = ["all", `type:${task.type}`].find((scope) => world.state.paused.has(scope));
	if (pause !== undefined) return paused(pause, world);
	const demand = [task.type, ...(task.capabilities ?? [])].join(" + ");
	if (!registry.canDo(task.type, task.capabilities)) {
		return { reason: "no-capable-agent", text: `no agent can do ${demand}; it starts when one is added` };
	}
	const held = matcher?.heldBy(task);
	if (held !== undefined) return whyHeld(task, held, world);
	const holders: string[] = [];
	for (const seat of registry.seats) {
		if (holders.length === MAX_HOLDERS) break;
		if (registry.able(task.type, task.capabilities).includes(seat.pool)) holders.push(seat.name);
	}
	const estimateMs = matcher?.estimateMs(task);
	return {
		...{ reason: "no-free-slot", text: `every agent that can do ${demand} is busy or not available`, holders },
		...(estimateMs !== undefined && { estimateMs }),
	};
}

type Held = NonNullable<ReturnType<Matcher["heldBy"]>>;

function whyHeld(task: Task, held: Held, world: WaitingWorld): WaitingReason {
	const { state, matcher } = world;
	const estimateMs = matcher?.estimateMs(task);
	const estimate = estimateMs === undefined ? {} : { estimateMs };
	if (!("gate" in held)) {
		const what = "type" in held ? `${held.limit} of type ${held.type}` : `${held.limit} task(s) in all`;
		const running = state.tasks
			.values()
			.filter(({ token, type }) => token !== undefined && (!("type" in held) || type === held.type));
		const holders = [...running.take(MAX_HOLDERS)].map(({ id }) => id);
		return { reason: "limit", text: `at most ${what} may run at the same time`, holders, ...estimate };
	}
	const { gate } = held;
	if (gate instanceof PauseGate) return paused(gate.scope, world);
	if (gate instanceof RateGate) {
		const until = world.nowMs + Math.ceil(gate.opensInMs());
		const text = `the rate of ${task.rate?.key} gives the next start at ${new Date(until).toISOString()}`;
		return { reason: "rate", text, until };
	}
	const holders = gate instanceof LimitGate ? [...gate.holders].slice(0, MAX_HOLDERS).map(({ id }) => id) : [];
	if (gate instanceof SuspectGate) {
		const text = "the process died twice while it ran: such tasks run one at a time";
		return { reason: "limit", text, holders };
	}
	const { key, limit } = task.concurrency ?? { key: "", limit: 1 };
	const text = `at most ${limit} of the concurrency key ${key} may run at the same time; it waits for ${holders.join(", ")}`;
	return { reason: "limit", text, holders };
}

function paused(scope: string, { state }: WaitingWorld): WaitingReason {
	const { at, reason } = state.paused.get(scope) ?? { at: 0 };
	const what = scope === "all" ? "everything" : scope;
	const text = `${what} is paused since ${new Date(at).toISOString()}${reason === undefined ? "" : `: ${reason}`}`;
	return { reason: "paused", text };
}
