/** A workflow that starts by itself: at each event that fits, once for each id, also after a restart. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const skills = [
	defineSkill<{ sku: string; amount: number }, string>({
		name: "pack",
		description: "Packs an order.",
		run: ({ sku, amount }) => `${amount} x ${sku}`,
	}),
];
const file = fileURLToPath(new URL("26-triggers.yaml", import.meta.url));
const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const first = await startOrchestrator({ dataDir, skills });
const { triggers } = await first.enableWorkflow(file);
console.log(triggers);
await first.shutdown();

const second = await startOrchestrator({ dataDir, skills });
const order = { type: "com.example.order", id: "order-1", data: { sku: "A-1", amount: 200 } };
const { runs } = await second.sendEvent(order);
const again = await second.sendEvent(order);
console.log("runs:", runs.length, "the same again:", again.runs[0] === runs[0]);
const small = await second.sendEvent({ ...order, id: "order-2", data: { sku: "B-7", amount: 1 } });
console.log("too small:", small.runs.length);
console.log((await second.waitRun(runs[0] ?? "", { timeout: "10s" })).outputs);
await second.disableWorkflow("orders");
await second.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
[
  { event: 'com.example.order', filter: 'event.data.amount > 100' },
  {
    cron: '0 7 * * 1-5',
    timezone: 'Europe/Berlin',
    schedule: 'workflow:orders:1'
  }
]
runs: 1 the same again: true
too small: 0
{ packed: '200 x A-1' }
*/
