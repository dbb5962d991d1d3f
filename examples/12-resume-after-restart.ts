/** Stopped in the middle, started again: what is done stays done, what ran is done again, what waited goes on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const performed: string[] = [];
const secondRuns = Promise.withResolvers<void>();
let fast = false;

const step = defineSkill<{ name: string }, string>({
	name: "step",
	description: "A step of some work; the second one takes long before the restart.",
	async run({ name }, { signal }) {
		performed.push(name);
		if (name === "second") secondRuns.resolve();
		if (name === "second" && !fast) await sleep(3_600_000, undefined, { signal });
		return `${name} is done`;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const names = ["first", "second", "third"];

const before = await startOrchestrator({ dataDir, skills: [step] });
const ids = await before.submitWorkflow(
	"three steps",
	names.map((name) => ({ type: "step", input: { name } })),
);
await secondRuns.promise;
const interrupted = await before.shutdown({ grace: 0 });
console.log(`stopped while ${interrupted} task ran; performed so far: ${performed.join(", ")}`);

fast = true;
const after = await startOrchestrator({ dataDir, skills: [step] });
for (const id of ids) {
	const { state, output } = await after.wait(id, { timeout: "10s" });
	console.log(state, output);
}
console.log(`performed in all: ${performed.join(", ")}`);
await after.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
stopped while 1 task ran; performed so far: first, second
completed first is done
completed second is done
completed third is done
performed in all: first, second, second, third
*/
