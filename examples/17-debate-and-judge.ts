/** Two debaters take turns, a judge listens and ends the debate as soon as it has heard enough. All three are scripted. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	DebateCoordinator,
	type DebateResult,
	defineSkill,
	type JudgeInput,
	startOrchestrator,
	type TurnInput,
} from "../src/index.ts";

const script: Record<string, string[]> = {
	bold: ["The customers wait for it.", "We can switch it off within a minute."],
	careful: ["Nobody is here on Saturday to mend it.", "Then the risk is small."],
};
const argue = defineSkill<TurnInput, string>({
	name: "argue",
	description: "Says the next line of its part.",
	run: ({ speaker, round }) => script[speaker]?.[round - 1] ?? "I have said what I had to say.",
});
const judge = defineSkill<JudgeInput, { satisfied: boolean; verdict: string }>({
	name: "judge",
	description: "Wants to hear how a mistake would be undone.",
	run({ question, transcript, last }) {
		const remedy = transcript.find(({ said }) => /switch it off/.test(String(said)));
		if (remedy !== undefined) return { satisfied: true, verdict: `${question} Yes: ${remedy.said}` };
		return { satisfied: false, verdict: last ? `${question} No.` : "not yet" };
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [argue, judge],
	customAgents: [
		new DebateCoordinator({
			name: "moderator",
			capabilities: ["debate"],
			debaters: { bold: "argue", careful: "argue" },
			judge: "judge",
			rounds: 5,
		}),
	],
});
const id = await orchestrator.submit({ type: "debate", input: "Do we release on Friday?" });
const task = await orchestrator.wait(id, { timeout: "10s" });
const { transcript, rounds, verdict } = task.output as DebateResult;
for (const { round, speaker, said } of transcript) console.log(`${round} ${speaker}: ${said}`);
console.log(`after ${rounds} of at most 5 rounds: ${verdict}`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
1 bold: The customers wait for it.
1 careful: Nobody is here on Saturday to mend it.
2 bold: We can switch it off within a minute.
2 careful: Then the risk is small.
after 2 of at most 5 rounds: Do we release on Friday? Yes: We can switch it off within a minute.
*/
