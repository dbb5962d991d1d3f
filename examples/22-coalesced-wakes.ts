/** Wake-ups: however often something is told to look, it looks once more, and never misses the last time. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const inbox: string[] = [];
const begun = Promise.withResolvers<void>();
const goOn = Promise.withResolvers<void>();
let looks = 0;

const look = defineSkill({
	name: "look",
	description: "Takes what is in the inbox; its first look takes long.",
	async run() {
		const taken = inbox.splice(0);
		if (++looks === 1) {
			begun.resolve();
			await goOn.promise;
		}
		return taken.length;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [look] });
const wake = () => orchestrator.submit({ type: "look", coalesce: "inbox" });

inbox.push("first");
const running = await wake();
await begun.promise;

// It looks already, so the first of these is a new wake-up. It has not begun, so all others are the same one.
const woken = await Promise.all(
	Array.from({ length: 1_000 }, (_, i) => {
		inbox.push(`message ${i}`);
		return wake();
	}),
);
const [pending = ""] = woken;
console.log(new Set(woken).size, pending !== running);
goOn.resolve();
console.log((await orchestrator.wait(running, { timeout: "10s" })).output);
console.log((await orchestrator.wait(pending, { timeout: "10s" })).output);
console.log(`looked ${looks} times, ${inbox.length} left`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
1 true
1
1000
looked 2 times, 0 left
*/
