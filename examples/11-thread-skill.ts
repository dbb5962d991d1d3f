/** Work for the processor goes into a thread: name the module that exports the skill, and the main thread stays free. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { defineSkill, startOrchestrator } from "../src/index.ts";

export const collatz = defineSkill<{ below: number }, { start: number; steps: number; onMainThread: boolean }>({
	name: "collatz",
	description: "Finds the number below a bound that takes the most Collatz steps to 1.",
	thread: import.meta.url, // the thread imports this module, so what is only for the main thread stands below
	run({ below }, { progress }) {
		let longest = { start: 1, steps: 0 };
		for (let start = 1; start < below; start++) {
			let steps = 0;
			for (let n = start; n !== 1; n = n % 2 === 0 ? n / 2 : 3 * n + 1) steps++;
			if (steps > longest.steps) longest = { start, steps };
			if (start % 50_000 === 0) progress(start / below, `${start} looked at`);
		}
		return { ...longest, onMainThread: isMainThread };
	},
});

if (isMainThread) {
	const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
	const orchestrator = await startOrchestrator({ dataDir, skills: [collatz], threads: 1 });
	const id = await orchestrator.submit({ type: "collatz", input: { below: 300_000 } });
	const { output } = await orchestrator.wait(id, { timeout: "1m" });
	console.log(output);
	await orchestrator.shutdown();
	await rm(dataDir, { recursive: true });
}

/* Output:
{ start: 230631, steps: 442, onMainThread: false }
*/
