/** A failed run begun again: what completed is taken over and not done again; or again from a step, with other inputs. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, parseWorkflow, startOrchestrator, TerminalError } from "../src/index.ts";

let printerWorks = false;
const calls: string[] = [];
const skills = [
	defineSkill<{ topic: string }, string>({
		name: "think",
		description: "Takes long, so it should not be done twice.",
		run({ topic }) {
			calls.push("think");
			return `thoughts about ${topic}`;
		},
	}),
	defineSkill<{ text: string; copies: number }, string>({
		name: "print",
		description: "Prints, when the printer works.",
		run({ text, copies }) {
			calls.push("print");
			if (!printerWorks) throw new TerminalError("the printer is broken");
			return `${copies} x ${text}`;
		},
	}),
];

const workflow = parseWorkflow(
	`
apiVersion: muster/v1
kind: Workflow
name: think-and-print
inputs:
  topic: { type: string }
  copies: { type: integer, default: 1 }
steps:
  - { id: think, skill: think, with: { topic: "\${{ inputs.topic }}" } }
  - { id: print, skill: print, needs: think, with: { text: "\${{ steps.think.output }}", copies: "\${{ inputs.copies }}" } }
outputs:
  printed: \${{ steps.print.output }}
`,
	"think-and-print.yaml",
);

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills });
const first = await orchestrator.waitRun(await orchestrator.startRun(workflow, { topic: "reruns" }));
console.log(first.state, first.error?.message);

printerWorks = true;
const second = await orchestrator.waitRun(await orchestrator.retryRun(first.id));
console.log(second.state, second.outputs, calls.join(", "));

const third = await orchestrator.waitRun(
	await orchestrator.retryRun(second.id, { from: "print", inputs: { copies: 3 } }),
);
console.log(third.state, third.outputs, calls.join(", "));
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
failed Step "print" failed: the printer is broken
completed { printed: '1 x thoughts about reruns' } think, print, print
completed { printed: '3 x thoughts about reruns' } think, print, print, print
*/
