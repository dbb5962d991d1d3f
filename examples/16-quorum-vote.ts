/** Five voters look at the same message; what more than half of them say is decided. No decision has a name too. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type AnySkill,
	defineSkill,
	QuorumVoteCoordinator,
	startOrchestrator,
	TerminalError,
	type VoteResult,
} from "../src/index.ts";

/** A voter that calls a text spam when it looks like the pattern. */
const voter = (name: string, pattern: RegExp): AnySkill =>
	defineSkill<string, string>({
		name,
		description: `Looks for ${pattern}.`,
		run: (text) => (pattern.test(text) ? "spam" : "fine"),
	});
const absent = defineSkill({
	name: "ask-the-list",
	description: "Asks a list that cannot be reached.",
	run() {
		throw new TerminalError("the list cannot be reached");
	},
});
const skills = [
	voter("shouting", /[A-Z]{4,}/),
	voter("links", /https?:/),
	voter("money", /\b(free|win|prize)\b/i),
	voter("haste", /\b(now|today)\b/i),
	absent,
];

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills,
	customAgents: [
		new QuorumVoteCoordinator({
			name: "jury",
			capabilities: ["is-it-spam"],
			voters: skills.map(({ name }) => name),
			choices: ["spam", "fine"],
		}),
	],
});
for (const text of ["WIN a free phone today: https://example.org", "Lunch today at http://example.org ?"]) {
	const id = await orchestrator.submit({ type: "is-it-spam", input: text });
	const { output } = await orchestrator.wait(id, { timeout: "10s" });
	const { outcome, choice, counts, quorum, missing } = output as VoteResult;
	console.log(text);
	const votes = counts.map((count) => `${count.votes} for ${count.choice}`).join(", ");
	console.log(`  ${outcome}: ${choice} (${votes}; ${quorum} needed)`);
	for (const { type, reason } of missing) console.log(`  no vote of ${type}: ${reason}`);
}
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
WIN a free phone today: https://example.org
  decided: spam (3 for spam, 1 for fine; 3 needed)
  no vote of ask-the-list: the list cannot be reached
Lunch today at http://example.org ?
  missing-votes: null (2 for fine, 2 for spam; 3 needed)
  no vote of ask-the-list: the list cannot be reached
*/
