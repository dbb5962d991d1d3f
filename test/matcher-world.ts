/** A matcher with agents that do nothing, a clock moved by hand, and alarms that ring with it. */
import { HandClock } from "../src/clock.ts";
import { Matcher } from "../src/scheduler/matcher.ts";
import type { Performer } from "../src/scheduler/performer.ts";
import type { Limits } from "../src/scheduler/quota.ts";
import { Registry, type Seat } from "../src/scheduler/registry.ts";
import { createState } from "../src/state.ts";
import { createTask, type NewTask, type Task } from "../src/task/task.ts";

export const AGING_MS = 60_000;

export function matcherWorld({ slots = 1, agents = 1, limits = {} as Partial<Limits> } = {}) {
	const registry = new Registry();
	for (let i = 0; i < agents; i++) {
		const performer: Performer = {
			...{ name: `agent-${i}`, kind: "worker", capabilities: ["work", "other"], concurrency: slots },
			...{ start: async () => undefined, stop: async () => undefined, alive: async () => true },
			perform: async () => null,
		};
		registry.setState(registry.add(performer), "ready");
	}
	const clock = new HandClock();
	const state = createState();
	const alarms = new Map<string, number>();
	const matcher = new Matcher({
		...{ registry, clock, state, agingMs: AGING_MS, limits: { types: {}, ...limits } },
		wakeIn: (key, delayMs) => void alarms.set(key, clock.monotonic() + delayMs),
	});
	const running: { task: Task; seat: Seat }[] = [];
	let made = 0;
	const task = (more: Partial<NewTask> = {}): Task => {
		const id = `task-${made++}`;
		const fresh = { id, type: "work", input: null, priority: "normal", submittedAt: clock.now(), ...more } as NewTask;
		const item = createTask(fresh, "ready", 0);
		state.tasks.set(id, item);
		return item;
	};
	return {
		...{ matcher, state, clock, registry, running, task },
		offer: (more: Partial<NewTask> = {}): Task => {
			const item = task(more);
			matcher.offer(item);
			return item;
		},
		/** Starts all that can start; gives their tasks. */
		start: (most = Number.POSITIVE_INFINITY): Task[] => {
			const begun: Task[] = [];
			while (begun.length < most) {
				const match = matcher.next();
				if (match === undefined) break;
				match.task.attempts++;
				running.push(match);
				begun.push(match.task);
			}
			return begun;
		},
		end: (item: Task): void => {
			const place = running.findIndex((match) => match.task === item);
			const [match] = running.splice(place, 1);
			registry.giveBack((match as { seat: Seat }).seat);
			matcher.release(item);
		},
		pass: (ms: number): void => {
			clock.advance(ms);
			for (const [key, at] of [...alarms]) {
				if (at > clock.monotonic()) continue;
				alarms.delete(key);
				matcher.rateOpens(key);
			}
		},
	};
}
