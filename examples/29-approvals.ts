/** A run that waits for a person and for a signal, across a restart; while it waits it holds no slot. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const skills = [
	defineSkill<{ text: string; by: string; press: number }, string>({
		name: "publish",
		description: "Publishes a text.",
		run: ({ text, by, press }) => `"${text}", approved by ${by}, on press ${press}`,
	}),
];

const file = fileURLToPath(new URL("29-approvals.yaml", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const first = await startOrchestrator({ dataDir, skills });
const id = await first.startRun(file, { text: "Hello" });
await first.signal(id, "press-ready", { number: 7 });
await first.shutdown();

const second = await startOrchestrator({ dataDir, skills });
for (const { title, content, labels, step } of second.approvals())
	console.log(title, content, labels, `(step ${step})`);
// An answer may name the hash of what was seen: if anything else is asked by now, it is refused.
const [question] = second.approvals();
if (question !== undefined) await second.approve(question.id, { by: "Ann", hash: question.hash });
const run = await second.waitRun(id, { timeout: "10s" });
console.log(run.state, run.outputs);
await second.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
Publish? { text: 'Hello' } { risk: 'low' } (step approve)
completed { published: '"Hello", approved by Ann, on press 7' }
*/
