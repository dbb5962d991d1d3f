/** What a skill does to the outside world goes through the effect ledger: a second attempt gets the first one's result. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, RetryableError, startOrchestrator } from "../src/index.ts";

/** The outside world. It answers a key it has seen with what it did then. */
const bank = {
	payments: new Map<string, number>(),
	pay(key: string, amount: number): { receipt: string } {
		this.payments.set(key, (this.payments.get(key) ?? 0) + amount);
		return { receipt: `receipt ${this.payments.size}` };
	},
};

const payInvoice = defineSkill<{ amount: number }, string>({
	name: "pay-invoice",
	description: "Pays, and then fails to write a letter at first.",
	async run({ amount }, { effect, task }) {
		const { receipt } = await effect({
			key: "payment", // the same in every attempt
			describe: `pay ${amount}`,
			run: async (key) => bank.pay(key, amount), // the ledger has stored "intended" before this
			// After a crash in the middle the world is asked, before anything is done again.
			verify: async (key) => (bank.payments.has(key) ? { receipt: "receipt found" } : undefined),
		});
		if (task.attempt === 1) throw new RetryableError("no paper for the letter", { afterMs: 1 });
		return receipt;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [payInvoice] });
const id = await orchestrator.submit({ type: "pay-invoice", input: { amount: 40 } });
const task = await orchestrator.wait(id, { timeout: "10s" });
console.log(`${task.attempts} attempts, ${task.output}, paid ${[...bank.payments.values()].join()}`);
console.log(`ledger: ${task.effects?.payment?.describe}: ${task.effects?.payment?.state}`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
2 attempts, receipt 1, paid 40
ledger: pay 40: done
*/
