/** Why a task does not run: one reason, the same in library, API and command line. */
import type { State } from "../state.ts";
import { defaultRetry } from "../task/retry.ts";
import type { Task } from "../task/task.ts";
import { timeText } from "../time-text.ts";
import { LimitGate, RateGate, SuspectGate } from "./gates.ts";
import type { Held, Matcher } from "./matcher.ts";
import { pauseOfTask } from "./pauses.ts";
import type { Registry, Seat } from "./registry.ts";

export interface WaitingReason {
	reason:
		| "dependency"
		| "delay"
		| "back-off"
		/** Its type, its workflow, its run or everything is paused. */
		| "paused"
		/** As many run as its concurrency key, its type or the whole may. */
		| "limit"
		/** Its rate key gives its start later. */
		| "rate"
		| "no-capable-agent"
		| "no-free-slot"
		/** Nothing holds it back: it is being stored or handed to an agent at this moment. */
		| "starting"
		| "children"
		| "approval"
		| "storage-full"
		/** The process that works on the folder could say it, and cannot be asked: it has no server. */
		| "elsewhere"
		| "stopping";
	/** A sentence for a person. */
	text: string;
	/**
	 * What is paused or limited: `all`, `type:T`, `workflow:W`, `run:R`, `key:K` (a concurrency key), `rate:K`, `threads`, or `suspects`
	 * (tasks that are given up when the process dies once more over them).
	 */
	scope?: string;
	/** Since when it is paused, milliseconds since 1970. */
	since?: number;
	/** Ids of the tasks, or names of the agents, it waits for; at most 10. */
	holders?: string[];
	/** When it goes on at the earliest (an approval: when it expires), milliseconds since 1970. */
	until?: number;
	/** About how long until it starts, going by the last ones of its kind; see `Matcher.estimateMs`. */
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
/** The last time that a Date can hold. */
const LATEST = 8.64e15;

export function whyWaiting(task: Task, world: WaitingWorld): WaitingReason | undefined {
	const { state } = world;
	switch (task.state) {
		case "blocked": {
			const open = liveOf(task.dependsOn, state).filter((dependency) => dependency.state !== "completed");
			const due = task.runAt !== undefined && task.runAt > world.nowMs ? { until: task.runAt } : {};
			const delay = due.until === undefined ? "" : `, and is not due before ${timeText(due.until)}`;
			const text = `waits for ${open.length} task(s) to complete: ${described(open, world)}${delay}`;
			return { reason: "dependency", text, holders: idsOf(open.values()), ...due };
		}
		case "scheduled": {
			const until = task.runAt ?? 0;
			const pause = pauseOfTask(task, state);
			const besides = pause === undefined ? "" : `; besides, ${pause.text}`;
			if (task.attempts === 0)
				return { reason: "delay", text: `is not due before ${timeText(until)}${besides}`, until };
			const { maxAttempts } = task.retry ?? defaultRetry;
			const next = `attempt ${(task.failures ?? 0) + 1} of ${maxAttempts}`;
			const why = task.error?.message ?? "the last attempt failed";
			return {
				reason: "back-off",
				text: `is tried again at ${timeText(until)} (${next}), after: ${why}${besides}`,
				until,
			};
		}
		case "waiting": {
			const ask = Object.values(task.asks ?? {}).find(({ answer }) => answer === undefined);
			if (ask !== undefined) {
				const { title, until } = ask;
				const expiry = until === undefined ? "" : `, until ${timeText(until)}`;
				const text = `asks a person: ${title}${expiry}; see it with: muster approvals`;
				return { reason: "approval", text, ...(until !== undefined && { until }) };
			}
			const open = liveOf(task.children, state).filter(({ endedAt }) => endedAt === undefined);
			const text = `waits for ${open.length} of its children: ${described(open, world)}`;
			return { reason: "children", text, holders: idsOf(open.values()) };
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
		return { reason: "stopping", text: "nothing starts now: the orchestrator is stopping, or not running" };
	if (world.full) return { reason: "storage-full", text: "the disk is full; nothing new starts until there is space" };
	const pause = pauseOfTask(task, world.state);
	const { type, capabilities } = task;
	const demand = [type, ...(capabilities ?? [])].join(" + ");
	const nobody = registry.canDo(type, capabilities) ? undefined : `no agent can do ${demand}`;
	if (pause !== undefined)
		return nobody === undefined ? pause : { ...pause, text: `${pause.text}; besides, ${nobody}` };
	if (nobody !== undefined) {
		const hint = "it starts when one is added; muster agents shows what there is";
		return { reason: "no-capable-agent", text: `${nobody}; ${hint}` };
	}
	const held = matcher?.heldBy(task);
	if (held !== undefined) return whyHeld(task, held, world);
	const pools = registry.able(type, capabilities);
	if (task.ready === undefined || pools.some((pool) => pool.free > 0)) {
		return { reason: "starting", text: "starts in a moment" };
	}
	const able = [...Iterator.from(registry.seats).filter((seat) => pools.includes(seat.pool))];
	const holders = able.slice(0, MAX_HOLDERS).map(({ name }) => name);
	const text = `every agent that can do ${demand} is busy or not available: ${loads(able, world)}`;
	return { reason: "no-free-slot", text, holders, ...estimate(task, matcher) };
}

function whyHeld(task: Task, held: Held, world: WaitingWorld): WaitingReason {
	if (!("gate" in held)) {
		const { limit, scope } = held;
		const holders = idsOf(Iterator.from(world.running()).filter(({ type }) => held.has(type)));
		const text = `${limitText(limit, scope, task)} at the same time; it waits for ${holders.join(", ")}`;
		return { reason: "limit", text, scope, holders, ...estimate(task, world.matcher) };
	}
	const { gate } = held;
	if (gate instanceof RateGate) {
		const until = Math.min(LATEST, world.nowMs + (world.matcher?.estimateMs(task) ?? 0));
		const text = `the rate of ${gate.rateKey} lets it start at ${timeText(until)}`;
		return { reason: "rate", text, scope: `rate:${gate.rateKey}`, until };
	}
	const holders = gate instanceof LimitGate ? idsOf(gate.holders.values()) : [];
	if (gate instanceof SuspectGate) {
		const text = `the process died twice while it ran, and it is given up when that happens once more; such tasks run one at a time: it waits for ${holders.join(", ")}`;
		return { reason: "limit", text, scope: "suspects", holders };
	}
	const { key, limit } = task.concurrency ?? { key: "", limit: 1 };
	const text = `at most ${limit} of the concurrency key ${key} may run at the same time; it waits for ${holders.join(", ")}`;
	return { reason: "limit", text, scope: `key:${key}`, holders, ...estimate(task, world.matcher) };
}

function limitText(limit: number, scope: string, { type }: Task): string {
	if (scope === "threads")
		return `skills like ${type} run in threads, of which there are ${limit}: at most ${limit} may run`;
	return `at most ${limit} ${scope === "all" ? "task(s) in all" : `of type ${type}`} may run`;
}

function estimate(task: Task, matcher: WaitingWorld["matcher"]): { estimateMs?: number } {
	const estimateMs = matcher?.estimateMs(task);
	return estimateMs === undefined ? {} : { estimateMs };
}

const idsOf = (tasks: IteratorObject<Task>): string[] => [...tasks.take(MAX_HOLDERS)].map(({ id }) => id);

const liveOf = (ids: readonly string[] | undefined, { tasks }: State): Task[] =>
	(ids ?? []).flatMap((id) => tasks.get(id) ?? []);

/** Each with its state, and why it is not started where that is the question. */
function described(tasks: readonly Task[], world: WaitingWorld): string {
	const parts = tasks.slice(0, MAX_HOLDERS).map((task) => {
		const due = task.state === "scheduled" ? ` until ${timeText(task.runAt ?? 0)}` : "";
		const why = task.state === "ready" ? `: ${whyReady(task, world).text}` : due;
		return `${task.id} (${task.state}${why})`;
	});
	return parts.join(", ") + (tasks.length > MAX_HOLDERS ? ", ..." : "");
}

/** What agents do: the tasks of those that are busy, the state of the others. */
function loads(seats: readonly Seat[], world: WaitingWorld): string {
	const tasks = new Map<string, string[]>();
	for (const { id, history } of world.running()) {
		const agent = history?.at(-1)?.agent ?? "";
		tasks.set(agent, [...(tasks.get(agent) ?? []), id]);
	}
	const parts = seats.slice(0, MAX_HOLDERS).map(({ name, state }) => {
		const held = tasks.get(name)?.slice(0, MAX_HOLDERS).join(" ") ?? "";
		return state === "busy" || state === "ready" ? `${name} has ${held}` : `${name} is ${state}`;
	});
	return parts.join(", ") + (seats.length > MAX_HOLDERS ? ", ..." : "");
}
