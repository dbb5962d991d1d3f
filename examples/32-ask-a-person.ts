/** A skill asks a person: its attempt ends and holds no slot; with the answer it runs again and goes on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const pay = defineSkill<{ to: string; euros: number }, string>({
	name: "pay",
	description: "Pays; large amounts only when a person agrees.",
	async run({ to, euros }, context) {
		if (euros > 100) {
			const content = { to, euros };
			const { approved, by } = await context.ask({ key: "pay", title: `Pay ${euros} euros?`, content, timeout: "2h" });
			if (!approved) return `${to} gets nothing`;
			console.log(`approved by ${by}`);
		}
		return `${to} gets ${euros} euros`;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [pay] });
const ids = await orchestrator.submitMany([
	{ type: "pay", input: { to: "Bob", euros: 20 } },
	{ type: "pay", input: { to: "Eve", euros: 900 } },
	{ type: "pay", input: { to: "Joe", euros: 300 } },
]);
for await (const _ of orchestrator.events()) if (orchestrator.approvals().length === 2) break;
for (const { id, title } of orchestrator.approvals()) {
	if (title.includes("900")) await orchestrator.deny(id, { by: "Ann" });
	else await orchestrator.approve(id, { by: "Ann" });
}
for (const id of ids) console.log((await orchestrator.wait(id, { timeout: "10s" })).output);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
approved by Ann
Bob gets 20 euros
Eve gets nothing
Joe gets 300 euros
*/
