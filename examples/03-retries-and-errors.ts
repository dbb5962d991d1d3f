/** What a skill throws decides what follows: another attempt, or the dead letters. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, RetryableError, startOrchestrator, TerminalError } from "../src/index.ts";

const flaky = defineSkill<null, string>({
	name: "flaky",
	description: "Works the third time.",
	run(_, { task }) {
		if (task.attempt < 3) throw new RetryableError(`not yet (attempt ${task.attempt})`, { afterMs: 10 });
		return `done at attempt ${task.attempt}`;
	},
});

const hopeless = defineSkill<null, string>({
	name: "hopeless",
	description: "Never works.",
	run() {
		throw new TerminalError("the address does not exist", { hint: "Correct it and submit again." });
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [flaky, hopeless] });
const [first, second, third] = await orchestrator.submitMany([
	{ type: "flaky", retry: { maxAttempts: 5, initial: "20ms" } },
	{ type: "hopeless" },
	{ type: "flaky", dependsOn: ["#1"] },
]);

const worked = await orchestrator.wait(first as string, { timeout: "10s" });
console.log(worked.state, worked.output, worked.history.map(({ error }) => error?.message ?? "-").join(" | "));
const failed = await orchestrator.wait(second as string, { timeout: "10s" });
console.log(failed.state, failed.error?.code, failed.error?.hint);
const dependent = await orchestrator.wait(third as string, { timeout: "10s" });
console.log(dependent.state, dependent.error?.code);
console.log(
	"dead letters:",
	orchestrator
		.deadLetters()
		.map(({ type }) => type)
		.join(),
);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
completed done at attempt 3 not yet (attempt 1) | not yet (attempt 2) | -
failed E_SKILL_FAILED Correct it and submit again.
skipped E_DEPENDENCY_FAILED
dead letters: hopeless
*/
