/** Agents of your own: a worker with one more ability, and one that needs no skill at all. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type Assignment,
	BaseAgent,
	defineSkill,
	type SkillContext,
	startOrchestrator,
	WorkerAgent,
} from "../src/index.ts";

const draw = defineSkill<{ what: string }, string>({
	name: "draw",
	description: "Draws something.",
	run: ({ what }) => `a picture of ${what}`,
});

/** Runs skills as every worker does, and says so. */
class Painter extends WorkerAgent {
	override async perform(assignment: Assignment, context: SkillContext): Promise<unknown> {
		const picture = await super.perform(assignment, context);
		return `${picture}, signed ${this.name}`;
	}
}

/** Does its task type by itself. */
class Echo extends BaseAgent {
	readonly kind = "worker";

	async perform({ input }: Assignment): Promise<unknown> {
		return input;
	}
}

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({
	dataDir,
	skills: [draw], // the fleet can draw too; the task below asks for more
	customAgents: [
		new Painter({ name: "frida", skills: [draw], capabilities: ["oil"], concurrency: 2 }),
		new Echo({ name: "echo", capabilities: ["echo"] }),
	],
});
const ids = await orchestrator.submitMany([
	{ type: "draw", input: { what: "a parrot" }, capabilities: ["oil"] },
	{ type: "echo", input: { said: "hello" } },
]);
for (const id of ids) {
	const { history, output } = await orchestrator.wait(id, { timeout: "10s" });
	console.log(`${history[0]?.agent}:`, output);
}
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
frida: a picture of a parrot, signed frida
echo: { said: 'hello' }
*/
