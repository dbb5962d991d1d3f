/** A coordinator splits its task, delegates the parts and gathers what they came to. While they run it holds no slot. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type Assignment,
	type ChildResult,
	CoordinatorAgent,
	defineSkill,
	startOrchestrator,
	type TaskSpec,
} from "../src/index.ts";

const countPrimes = defineSkill<{ from: number; to: number }, number>({
	name: "count-primes",
	description: "Counts the primes in [from, to).",
	run({ from, to }) {
		let found = 0;
		for (let n = Math.max(2, from); n < to; n++) {
			let divisor = 2;
			while (divisor * divisor <= n && n % divisor !== 0) divisor++;
			if (divisor * divisor > n) found++;
		}
		return found;
	},
});

class PrimesCoordinator extends CoordinatorAgent {
	override split({ input }: Assignment): TaskSpec[] {
		const { below, parts } = input as { below: number; parts: number };
		const edge = (i: number): number => Math.round((below * i) / parts);
		return Array.from({ length: parts }, (_, i) => ({
			type: "count-primes",
			input: { from: edge(i), to: edge(i + 1) },
		}));
	}

	override gather(children: readonly ChildResult[]): unknown {
		const missing = children.filter(({ state }) => state !== "completed");
		if (missing.length > 0) throw new Error(`${missing.length} parts are missing`);
		return children.reduce((sum, { output }) => sum + (output as number), 0);
	}
}

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [countPrimes],
	customAgents: [new PrimesCoordinator({ name: "primes", capabilities: ["primes"] })],
});
const id = await orchestrator.submit({ type: "primes", input: { below: 10_000, parts: 8 } });
const task = await orchestrator.wait(id, { timeout: "10s" });
console.log(`${task.output} primes below 10,000, from ${task.children?.length} parts in ${task.attempts} looks`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
1229 primes below 10,000, from 8 parts in 2 looks
*/
