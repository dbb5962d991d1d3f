/** A saga: completed steps are undone in reverse order when a later one fails for good; then onFailure and finally. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const say = (text: string): string => {
	console.log(text);
	return text;
};
const skills = [
	defineSkill<{ what: string }, string>({
		name: "book",
		description: "Books, but there is no car.",
		run({ what }) {
			if (what === "car") throw new Error("no car is left");
			return say(`booked: ${what}`);
		},
	}),
	defineSkill<{ booking: string }, string>({
		name: "cancel",
		description: "Cancels a booking.",
		run: ({ booking }) => say(`undone: ${booking}`),
	}),
	defineSkill<{ text: string }, string>({ name: "tell", description: "Tells.", run: ({ text }) => say(text) }),
];

const file = fileURLToPath(new URL("28-saga.yaml", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills });
const run = await orchestrator.waitRun(await orchestrator.startRun(file), { timeout: "10s" });
console.log(run.state, run.error?.code);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
booked: flight
booked: hotel in Rome
booked: hotel in Naples
undone: booked: hotel in Naples
undone: booked: hotel in Rome
undone: booked: flight
no trip: Step "car" failed: no car is left
closed, failed
failed E_STEP_FAILED
*/
