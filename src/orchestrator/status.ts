/** One JSON object that says how the fleet is. Every figure is computed from the state or measured. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Settings } from "../config.ts";
import type { Lag } from "../journal/journal.ts";
import type { Dispatcher } from "../scheduler/dispatcher.ts";
import type { Ledger } from "../scheduler/ledger.ts";
import type { AgentState, Registry } from "../scheduler/registry.ts";
import { isTerminal, type TaskState } from "../task/task.ts";
import type { PauseView } from "./queue-controls.ts";

const RESOLUTION_MS = 100;

/** How late the event loop is, over the time since the last look. */
export class LoopDelay {
	readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

	constructor() {
		this.#histogram.enable();
	}

	/** The histogram holds the time between two timers; what is beyond its resolution is delay. */
	read(): { p50Ms: number; p99Ms: number; maxMs: number } {
		const ms = (nanoseconds: number): number => Math.max(0, Math.round((nanoseconds / 1e6 - RESOLUTION_MS) * 10) / 10);
		const { count } = this.#histogram;
		if (count === 0) return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
		const read = { p50: this.#histogram.percentile(50), p99: this.#histogram.percentile(99), max: this.#histogram.max };
		this.#histogram.reset();
		return { p50Ms: ms(read.p50), p99Ms: ms(read.p99), maxMs: ms(read.max) };
	}

	stop(): void {
		this.#histogram.disable();
	}
}

/** How far the lists and histories of what is over are behind the journal. */
export interface ViewsStatus {
	state: "ready" | "behind";
	/** Events that are not in them yet. */
	lagEvents: number;
	/** For how long the oldest of those has been waiting. */
	lagMs?: number;
	/** Finished tasks that memory keeps for as long. */
	lagTasks: number;
	/** Number of the last event in them. */
	position: number;
	/** What was deleted from them because of its age or of all their size. */
	deleted: { tasks: number; runs: number };
}

function viewsStatus({ lastEvent, behindSince }: Lag, ledger: Ledger, monotonicMs: number): ViewsStatus {
	const lagEvents = Math.max(0, ledger.journal.lastEvent - lastEvent);
	return {
		state: lagEvents === 0 ? "ready" : "behind",
		lagEvents,
		...(lagEvents > 0 && behindSince !== undefined && { lagMs: Math.round(monotonicMs - behindSince) }),
		lagTasks: ledger.held - ledger.state.tasks.size,
		position: lastEvent,
		deleted: ledger.history.deleted(),
	};
}

export interface Status {
	orchestrator: "running" | "stopping" | "failed";
	timestamp: string;
	pid: number;
	uptimeMs: number;
	dataDir: string;
	durability: "full" | "normal";
	/** Agents by state. */
	agents: Record<AgentState, number>;
	workerAgents: number;
	coordinatorAgents: number;
	specializedAgents: number;
	totalAgents: number;
	components: {
		journal: { state: "ready" | "full" | "failed"; lastEvent: number };
		views: ViewsStatus;
		threads: { live: number; most: number };
		eventLoop: { p50Ms: number; p99Ms: number; maxMs: number };
		memory: { rssBytes: number };
	};
	taskQueue: {
		/** Not running and not over. */
		pending: number;
		blocked: number;
		scheduled: number;
		ready: number;
		running: number;
		waiting: number;
		submitted: number;
		completed: number;
		failed: number;
		cancelled: number;
		skipped: number;
		/** Completed among completed and failed, 0..1; null when there are none. */
		successRate: number | null;
		retried: number;
		reoffered: number;
		/** Results that came after their attempt had ended. */
		refusedResults: number;
	};
	runs: { running: number };
	/** What may not start now. */
	paused: PauseView[];
	limits: { maxTasks: number; running?: number | undefined; types: { [type: string]: number } };
}

export function statusOf(parts: {
	ledger: Ledger;
	registry: Registry;
	dispatcher: Dispatcher;
	settings: Settings;
	threads: number;
	loopDelay: LoopDelay;
	nowMs: number;
	startedMs: number;
	phase: Status["orchestrator"];
	paused: PauseView[];
	lag: Lag;
	monotonicMs: number;
}): Status {
	const { ledger, registry, dispatcher, settings } = parts;
	const { counts, runs } = ledger.state;
	const states = countStates(ledger);
	const agents: Record<AgentState, number> = {
		initializing: 0,
		ready: 0,
		busy: 0,
		draining: 0,
		unhealthy: 0,
		stopped: 0,
	};
	const kinds = { worker: 0, coordinator: 0, specialized: 0 };
	for (const seat of registry.seats) {
		agents[seat.state]++;
		kinds[seat.performer.kind]++;
	}
	const over = counts.completed + counts.failed;
	const { blocked, scheduled, ready, running, waiting } = states;
	return {
		orchestrator: parts.phase,
		timestamp: new Date(parts.nowMs).toISOString(),
		pid: process.pid,
		uptimeMs: parts.nowMs - parts.startedMs,
		dataDir: settings.dataDir,
		durability: settings.durability,
		agents,
		workerAgents: kinds.worker,
		coordinatorAgents: kinds.coordinator,
		specializedAgents: kinds.specialized,
		totalAgents: registry.size,
		components: {
			journal: {
				state: parts.phase === "failed" ? "failed" : ledger.journal.full ? "full" : "ready",
				lastEvent: ledger.journal.lastEvent,
			},
			views: viewsStatus(parts.lag, ledger, parts.monotonicMs),
			threads: { live: parts.threads, most: settings.threads },
			eventLoop: parts.loopDelay.read(),
			memory: { rssBytes: process.memoryUsage.rss() },
		},
		taskQueue: {
			...{ pending: blocked + scheduled + ready + waiting, blocked, scheduled, ready, running, waiting },
			submitted: counts.submitted,
			completed: counts.completed,
			failed: counts.failed,
			cancelled: counts.cancelled,
			skipped: counts.skipped,
			successRate: over === 0 ? null : counts.completed / over,
			retried: counts.retried,
			reoffered: counts.reoffered,
			refusedResults: dispatcher.refusedResults,
		},
		runs: { running: runs.size },
		paused: parts.paused,
		limits: { maxTasks: settings.maxTasks, ...settings.limits },
	};
}

function countStates(ledger: Ledger): Record<TaskState, number> {
	const states = {
		blocked: 0,
		scheduled: 0,
		ready: 0,
		running: 0,
		waiting: 0,
		completed: 0,
		failed: 0,
		cancelled: 0,
		skipped: 0,
	};
	for (const task of ledger.state.tasks.values()) if (!isTerminal(task.state)) states[task.state]++;
	return states;
}
