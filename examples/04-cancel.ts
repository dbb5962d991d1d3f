/** Cancel reaches the running skill through its signal, and everything that depends on the task. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const running = Promise.withResolvers<void>();
const slow = defineSkill<null, string>({
	name: "slow",
	description: "Takes an hour unless it is cancelled.",
	async run(_, { signal }) {
		running.resolve();
		try {
			await sleep(3_600_000, undefined, { signal }); // give the signal to everything that waits
		} catch {
			console.log("the skill hears:", (signal.reason as { code: string }).code);
		}
		return "never seen";
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [slow] });
const [first, second] = await orchestrator.submitWorkflow("two", [{ type: "slow" }, { type: "slow" }]);
await running.promise;

// When it resolves, the cancel is on disk and nothing of the task runs any more.
await orchestrator.cancel(first as string);
for (const id of [first, second]) {
	const task = orchestrator.task(id as string);
	console.log(task.state, `after ${task.attempts} attempt(s):`, task.error?.code);
}
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
the skill hears: E_CANCELLED
cancelled after 1 attempt(s): E_CANCELLED
cancelled after 0 attempt(s): E_DEPENDENCY_FAILED
*/
