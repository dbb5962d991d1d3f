/** A data folder with 100,000 pending tasks, left by a process that was killed: until a new one works on it again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { startOrchestrator } from "../../src/index.ts";
import { folder, input, noop, report } from "../case.ts";

const TASKS = 100_000;

if (process.argv[2] !== undefined) {
	// The process that is killed: no agent can do these tasks, so all of them stay.
	const orchestrator = await startOrchestrator({
		dataDir: process.argv[2],
		workers: 0,
		coordinators: 0,
		workflows: [],
	});
	for (let i = 0; i < TASKS; i += 1_000) {
		await orchestrator.submitMany(Array.from({ length: 1_000 }, () => ({ type: "noop", input })));
	}
	process.stdout.write("stored\n");
	await new Promise(() => undefined);
}

const data = folder();
const child = spawn(process.execPath, [import.meta.filename, data.path], { stdio: ["ignore", "pipe", "inherit"] });
await once(child.stdout, "data");
child.kill("SIGKILL");
await once(child, "exit");
const started = performance.now();
const orchestrator = await startOrchestrator({ dataDir: data.path, skills: [noop], workflows: [] });
const seconds = (performance.now() - started) / 1_000;
const { submitted } = orchestrator.status().taskQueue;
if (submitted !== TASKS) throw new Error(`${submitted} tasks came back`);
report([{ name: "recovery of 100,000 pending tasks", value: seconds, unit: "s", goal: { atMost: 1 } }]);
await orchestrator.shutdown({ grace: 0 });
data.remove();
