/** Tasks that share a key: so many at a time, so many in a time, and what becomes of one too many. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defineSkill, hasCode, startOrchestrator } from "../src/index.ts";

let running = 0;
let most = 0;
const starts: number[] = [];

const query = defineSkill<string, string>({
	name: "query",
	description: "Asks a database that takes two at a time.",
	async run(text) {
		most = Math.max(most, ++running);
		await sleep(20);
		running--;
		return text;
	},
});
const call = defineSkill({
	name: "call",
	description: "Calls an interface that takes ten in a second.",
	run: () => starts.push(performance.now()),
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [query, call], workers: 8 });

// At most two of the key run, whatever type they have and however many agents are free. The others say what they wait for.
const queries = await orchestrator.submitMany(
	["a", "b", "c", "d"].map((input) => ({ type: "query", input, concurrency: { key: "database", limit: 2 } })),
);
console.log(orchestrator.task(queries[3] as string).waiting?.reason);
for (const id of queries) await orchestrator.wait(id, { timeout: "10s" });
console.log(`at most ${most} at a time`);

// Evenly paced: ten in a second is one each 100 ms.
const calls = await orchestrator.submitMany(
	Array.from({ length: 4 }, () => ({ type: "call", rate: { key: "interface", limit: 10, per: "1s" } })),
);
for (const id of calls) await orchestrator.wait(id, { timeout: "10s" });
const tookMs = (starts.at(-1) as number) - (starts[0] as number);
console.log(`four starts in no less than 250 ms: ${tookMs >= 250}`);

// `reject` refuses the submit, and says who is in the way. `cancel-previous` lets the newest win.
await orchestrator.pause({ type: "query" });
const only = { type: "query", input: "report", concurrency: { key: "report", policy: "reject" as const } };
const first = await orchestrator.submit(only);
await orchestrator.submit(only).catch((error: unknown) => {
	if (!hasCode(error, "E_CONFLICT")) throw error;
	console.log(
		`${error.code}, retryable: ${error.retryable}, the first is in the way: ${error.message.includes(first)}`,
	);
});
const newest = { type: "query", concurrency: { key: "preview", policy: "cancel-previous" as const } };
const [old, fresh] = await orchestrator.submitMany([
	{ ...newest, input: "draft 1" },
	{ ...newest, input: "draft 2" },
]);
await orchestrator.resume({ type: "query" });
for (const id of [old, fresh] as string[]) console.log((await orchestrator.wait(id, { timeout: "10s" })).state);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
limit
at most 2 at a time
four starts in no less than 250 ms: true
E_CONFLICT, retryable: true, the first is in the way: true
cancelled
completed
*/
