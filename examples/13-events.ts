/** The journal as a stream: every fact in its order, from the beginning or from where a reader stopped. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const greet = defineSkill<{ name: string }, string>({
	name: "greet",
	description: "Greets somebody.",
	run: ({ name }) => `hello ${name}`,
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [greet] });
await orchestrator.submit({ type: "greet", input: { name: "Ada" } });

let last = 0;
for await (const event of orchestrator.events({ after: 0 })) {
	console.log(event.seq, event.type);
	last = event.seq;
	if (event.type === "task.completed") break; // without it the stream goes on with what comes
}

await orchestrator.submit({ type: "greet", input: { name: "Grace" } });
for await (const event of orchestrator.events({ after: last })) {
	if (event.type !== "task.completed") continue;
	console.log(`and after ${last}:`, event.output);
	break;
}
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
1 epoch.started
2 task.submitted
3 task.started
4 task.completed
and after 4: hello Grace
*/
