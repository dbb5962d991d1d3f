/**
 * The process of `kill-saga.test.ts`: starts the saga on the data folder it is told, or goes on with it, and kills itself
 * with SIGKILL as soon as so many events are durable. When the run is over it says how it ended.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { startOrchestrator } from "../../src/index.ts";
import { deedSkill, saga, sagaWorkflows } from "./saga.ts";

const [dataDir = "", witnessFile = "", fail = "", killAfter = "", snapshotBytes = ""] = process.argv.slice(2);

function testify(line: object): void {
	const file = openSync(witnessFile, "a");
	writeSync(file, `${JSON.stringify({ ...line, pid: process.pid })}\n`);
	fsyncSync(file);
	closeSync(file);
}

const skill = deedSkill({
	begin: (task) => testify({ begin: task }),
	do: (deed) => testify({ deed }),
	isDone: (deed) => readFileSync(witnessFile, "utf8").includes(`${JSON.stringify({ deed }).slice(0, -1)},`),
});

const orchestrator = await startOrchestrator({
	...{ dataDir, skills: [skill], definitions: sagaWorkflows, workflows: [], workers: 4, coordinators: 0 },
	snapshotBytes: Number(snapshotBytes),
});

async function dieOnTime(): Promise<void> {
	for await (const { seq } of orchestrator.events()) if (seq >= Number(killAfter)) process.kill(process.pid, "SIGKILL");
}

if (killAfter !== "") void dieOnTime();
const known = orchestrator.runs().items.find(({ workflow }) => workflow === saga.name);
const id = known?.id ?? (await orchestrator.startRun(saga.name, { fail }));
for await (const _ of orchestrator.watchRun(id)) {
	for (const question of orchestrator.approvals()) await orchestrator.approve(question.id);
}
const { state, outputs, error } = await orchestrator.waitRun(id);
const { lastEvent } = orchestrator.status().components.journal;
process.stdout.write(JSON.stringify({ state, outputs, error: error?.message, events: lastEvent }));
await orchestrator.shutdown();
