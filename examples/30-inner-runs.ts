/** A step that runs another workflow for each item of a list, with a limit and a policy for those that fail. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, parseWorkflow, startOrchestrator, TerminalError } from "../src/index.ts";

const check = defineSkill<{ order: number }, string>({
	name: "check",
	description: "Checks an order; every third is broken.",
	run({ order }) {
		if (order % 3 === 0) throw new TerminalError(`order ${order} is broken`);
		return `order ${order} is fine`;
	},
});

const inner = `
apiVersion: muster/v1
kind: Workflow
name: check-order
inputs:
  order: { type: integer }
steps:
  - { id: check, skill: check, with: { order: "\${{ inputs.order }}" } }
outputs:
  said: \${{ steps.check.output }}
`;
const outer = `
apiVersion: muster/v1
kind: Workflow
name: check-orders
steps:
  - id: each
    workflow: check-order
    forEach: { in: [1, 2, 3, 4, 5, 6], as: order, parallel: 2, onFailure: best-effort }
    with: { order: "\${{ order }}" }
outputs:
  said: \${{ steps.each.outputs.filter(output, output != null).map(output, output.said) }}
  missing: \${{ steps.each.missing.map(missing, missing.index) }}
`;

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const definitions = [parseWorkflow(inner, "check-order.yaml"), parseWorkflow(outer, "check-orders.yaml")];
const orchestrator = await startOrchestrator({ dataDir, skills: [check], definitions });
const run = await orchestrator.waitRun(await orchestrator.startRun("check-orders"), { timeout: "10s" });
console.log(run.state, run.outputs);
const failed = orchestrator.runs().items.find(({ state, parent }) => state === "failed" && parent?.run === run.id);
console.log(
	`one of its ${orchestrator.runs().items.length - 1} inner runs: ${failed?.state}, ${failed?.error?.message}`,
);
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
completed {
  said: [
    'order 1 is fine',
    'order 2 is fine',
    'order 4 is fine',
    'order 5 is fine'
  ],
  missing: [ 2, 5 ]
}
one of its 6 inner runs: failed, Step "check" failed: order 6 is broken
*/
