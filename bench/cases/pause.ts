/** The kill switch: everything is paused while 100,000 tasks are ready and agents take one after the other. */
import { defineSkill, startOrchestrator } from "../../src/index.ts";
import { folder, report } from "../case.ts";

const TASKS = 100_000;
const BATCH = 10_000;

const data = folder();
let starts = 0;
const counted = defineSkill({ name: "counted", description: "Counts its starts.", run: () => ++starts });
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [counted], workflows: [] });

await orchestrator.pause("all");
for (let n = 0; n < TASKS; n += BATCH) {
	await orchestrator.submitMany(Array.from({ length: BATCH }, () => ({ type: "counted" })));
}
await orchestrator.resume("all");
while (starts < TASKS / 100) await new Promise((resolve) => setImmediate(resolve));

const began = performance.now();
const paused = orchestrator.pause("all");
const callMs = performance.now() - began;
const atCall = starts;
await paused;
const storedMs = performance.now() - began;
// Whatever could have been under way: many turns of the event loop.
for (let turn = 0; turn < 1_000; turn++) await new Promise((resolve) => setImmediate(resolve));
const { ready } = orchestrator.status().taskQueue;
if (ready < TASKS / 2) throw new Error(`only ${ready} were ready`);
report([
	{ name: "starts after the call that pauses everything", value: starts - atCall, unit: "", goal: { atMost: 0 } },
	{ name: "the call, with 100,000 ready", value: callMs, unit: "ms", goal: { atMost: 1 } },
	{ name: "until the pause is stored", value: storedMs, unit: "ms" },
]);
await orchestrator.shutdown({ grace: 0 });
data.remove();
