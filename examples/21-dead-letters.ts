/** What failed for good is kept with its reason: do it again, all at once or with another input, or put it away. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator, TerminalError } from "../src/index.ts";

let open = false;
const deliver = defineSkill<{ to: string }, string>({
	name: "deliver",
	description: "Delivers a parcel, while the depot is open and the address is known.",
	run({ to }) {
		if (!open) throw new TerminalError("the depot is closed");
		if (to === "nowhere") throw new TerminalError("there is no such address");
		return `delivered to ${to}`;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [deliver] });
const ids = await orchestrator.submitMany(
	["Ann", "Bob", "nowhere", "nobody"].map((to) => ({ type: "deliver", input: { to } })),
);
for (const id of ids) await orchestrator.wait(id, { timeout: "10s" });
console.log(orchestrator.deadLetters().length, orchestrator.deadLetters()[0]?.error?.message);

open = true;
// Each is done again once, however often and by however many it is asked for; the old ones stay as they are.
const twice = await Promise.all([orchestrator.retryDead(), orchestrator.retryDead({ type: "deliver" })]);
console.log(twice.map((result) => result.ids.length).reduce((sum, count) => sum + count));
for (const id of ids) {
	const { state, output, retryOf } = await orchestrator.wait(`${id}.r`, { timeout: "10s" });
	console.log(state, output ?? "", retryOf === id);
}

// Edit and retry: the new input is checked against the skill's schema.
const [dead] = orchestrator.deadLetters();
const edited = await orchestrator.retry(dead?.id ?? "", { input: { to: "Cleo" } });
console.log((await orchestrator.wait(edited, { timeout: "10s" })).output);
console.log(orchestrator.deadLetters().length, orchestrator.task(ids[0] as string).state);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
4 the depot is closed
4
completed delivered to Ann true
completed delivered to Bob true
failed  true
completed delivered to nobody true
delivered to Cleo
0 failed
*/
