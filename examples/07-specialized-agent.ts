/** An agent that stands for an outside system. It takes no work while the system is away, and never pretends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Driver, SpecializedAgent, startOrchestrator } from "../src/index.ts";

/** The outside system: here a few words of Latin, elsewhere a server or a program. */
const latin = {
	up: false,
	words: new Map([
		["water", "aqua"],
		["fire", "ignis"],
	]),
};

const driver: Driver = {
	async probe() {
		if (!latin.up) throw new Error("the translator is not there");
	},
	async call({ input }) {
		const { text } = input as { text: string };
		return text.replace(/\w+/g, (word) => latin.words.get(word) ?? word);
	},
};

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	heartbeatMs: 50,
	customAgents: [new SpecializedAgent({ name: "translator", capabilities: ["translate"], driver })],
});
const agent = () => orchestrator.agents().find(({ name }) => name === "translator");

const id = await orchestrator.submit({ type: "translate", input: { text: "water and fire" } });
console.log(`${agent()?.state}; the task ${orchestrator.task(id).state}, because`);
console.log(orchestrator.task(id).waiting?.text);

latin.up = true; // at the next heartbeat the agent is back
const task = await orchestrator.wait(id, { timeout: "10s" });
console.log(`${agent()?.state}; ${task.output}`);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
unhealthy; the task ready, because
every agent that can do translate is busy or not available: translator is unhealthy
ready; aqua and ignis
*/
