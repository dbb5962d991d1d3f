/** A supervisor looks at every result and hands what failed or was not good enough to the next candidate. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	defineSkill,
	SupervisorCoordinator,
	type SupervisorResult,
	startOrchestrator,
	TerminalError,
} from "../src/index.ts";

const quick = defineSkill<string, number>({
	name: "read-quickly",
	description: "Reads an amount the simple way.",
	run: (text) => Number.parseFloat(text),
});
const careful = defineSkill<string, number>({
	name: "read-carefully",
	description: "Reads an amount with thousands and currency, if it has digits at all.",
	run(text) {
		if (!/\d/.test(text)) throw new TerminalError(`there is no amount in "${text}"`);
		return Number(text.replace(/[^\d.-]/g, ""));
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [quick, careful],
	customAgents: [
		new SupervisorCoordinator({
			name: "accountant",
			capabilities: ["amounts"],
			candidates: [{ type: "read-quickly", retry: false }, "read-carefully"],
			check: (amount, text) =>
				String(text).replaceAll(/\D/g, "") === String(amount).replaceAll(/\D/g, "")
					? undefined
					: `${amount} drops digits`,
			onFailure: "best-effort",
		}),
	],
});
const parts = ["12.5", "1,250.75 EUR", "to be agreed"];
const id = await orchestrator.submit({ type: "amounts", input: { parts } });
const { output } = await orchestrator.wait(id, { timeout: "10s" });
const result = output as SupervisorResult;
for (const { part, tries, output = "missing" } of result.parts) {
	console.log(`${parts[part]}: ${output}`);
	for (const { type, verdict, reason = "" } of tries) console.log(`  ${type} ${verdict} ${reason}`.trimEnd());
}
console.log(`${result.completed} of ${parts.length} done`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
12.5: 12.5
  read-quickly accepted
1,250.75 EUR: 1250.75
  read-quickly rejected 1 drops digits
  read-carefully accepted
to be agreed: missing
  read-quickly failed output is NaN, which JSON cannot hold
  read-carefully failed there is no amount in "to be agreed"
2 of 3 done
*/
