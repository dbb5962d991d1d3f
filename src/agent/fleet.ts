/** The fleets a user gets without naming agents: a small one where everybody can do everything, and a large one in pools. */

import type { ThreadPool } from "../compute/threads.ts";
import { MAX_AGENTS } from "../config.ts";
import { MusterError } from "../errors.ts";
import type { AnySkill, SkillPool } from "../skill/skill.ts";
import type { BaseAgent } from "./base-agent.ts";
import { FanOutCoordinator } from "./coordinator-agent.ts";
import { WorkerAgent } from "./worker-agent.ts";

/** How many of 620 agents each pool has; other sizes keep the proportions. */
export const fleetShares: Readonly<Record<SkillPool | "coordination", number>> = {
	research: 100,
	processing: 200,
	analysis: 150,
	monitoring: 100,
	coordination: 70,
};

const COORDINATOR_SLOTS = 4;

/** Workers that have every skill, and coordinators. */
export function smallFleet(
	workers: number,
	coordinators: number,
	skills: readonly AnySkill[],
	threads: ThreadPool,
): BaseAgent[] {
	if (workers + coordinators > 0) checkSize(workers + coordinators); // none: agents of the caller's own, or nothing runs
	return [
		...numbered("worker", workers, (name) => new WorkerAgent({ name, skills, threads })),
		...numbered("coordinator", coordinators, coordinator),
	];
}

/** `total` agents in pools by what they are for; a pool's workers have the skills of that pool. */
export function pooledFleet(total: number, skills: readonly AnySkill[], threads: ThreadPool): BaseAgent[] {
	checkSize(total);
	return [...divide(total)].flatMap(([pool, count]) => {
		if (pool === "coordination") return numbered("coordination", count, coordinator);
		const own = skills.filter((skill) => (skill.pool ?? "processing") === pool);
		return numbered(pool, count, (name) => new WorkerAgent({ name, skills: own, threads, capabilities: [pool] }));
	});
}

const coordinator = (name: string): BaseAgent => new FanOutCoordinator({ name, concurrency: COORDINATOR_SLOTS });

function numbered(prefix: string, count: number, make: (name: string) => BaseAgent): BaseAgent[] {
	return Array.from({ length: count }, (_, i) => make(`${prefix}-${i + 1}`));
}

/** Every pool gets at least one; the rest by largest remainder, so that the counts add up to `total`. */
export function divide(total: number): Map<SkillPool | "coordination", number> {
	const pools = Object.entries(fleetShares) as [SkillPool | "coordination", number][];
	if (total < pools.length) {
		throw new MusterError("E_CONFIG_INVALID", `a fleet in pools needs at least ${pools.length} agents, not ${total}`);
	}
	const exact = pools.map(([pool, share]) => ({ pool, part: (total * share) / MAX_AGENTS }));
	const counts = new Map(exact.map(({ pool, part }) => [pool, Math.max(1, Math.floor(part))]));
	const byRemainder = exact.sort((a, b) => (b.part % 1) - (a.part % 1) || b.part - a.part);
	const change = (pool: SkillPool | "coordination", by: 1 | -1): void =>
		void counts.set(pool, (counts.get(pool) ?? 0) + by);
	let left = total - [...counts.values()].reduce((sum, count) => sum + count, 0);
	for (let i = 0; left > 0; i++, left--) change((byRemainder[i % pools.length] as { pool: SkillPool }).pool, 1);
	// The ones that were rounded up to one agent are paid for by the largest pool.
	for (; left < 0; left++) change([...counts].sort((a, b) => b[1] - a[1])[0]?.[0] as SkillPool, -1);
	return counts;
}

function checkSize(total: number): void {
	if (Number.isInteger(total) && total >= 0 && total <= MAX_AGENTS) return;
	throw new MusterError("E_CONFIG_INVALID", `${total} agents are not possible`, {
		hint: `Give a whole number up to ${MAX_AGENTS}; one agent does several tasks at once with concurrency.`,
	});
}
