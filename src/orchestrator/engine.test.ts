import { MemoryHost } from "../../test/memory-host.ts";
import { engineConformance } from "../workflow/conformance.ts";
import type { RunReport, WorkflowEngine } from "../workflow/engine.ts";
import type { StepState } from "../workflow/run.ts";
import type { Orchestrator } from "./orchestrator.ts";

/** The verbs of the orchestrator as the port calls them. */
function engineOf(orchestrator: Orchestrator): WorkflowEngine {
	const report = async (id: string): Promise<RunReport> => {
		const { state, steps, outputs, error } = orchestrator.run(id);
		const begun = steps.filter((step) => step.state !== "waiting" && step.state !== "not-started");
		return {
			id,
			state,
			steps: Object.fromEntries(begun.map((step) => [step.id, step.state as StepState])),
			...(outputs && { outputs }),
			...(error && { error }),
		};
	};
	return {
		report,
		start: (definition, inputs) => orchestrator.startRun(definition, inputs),
		result: async (id) => report((await orchestrator.waitRun(id)).id),
		cancel: (id) => orchestrator.cancel(id),
		signal: (id, name, data) => orchestrator.signal(id, name, data),
		send: async (type, data) => (await orchestrator.sendEvent({ type, data })).waits,
		questions: async () =>
			orchestrator.approvals().map(({ id, title, content, hash }) => ({ id, title, content, hash })),
		answer: (question, approved, options) =>
			approved ? orchestrator.approve(question, options) : orchestrator.deny(question, options),
		again: (id, options) => orchestrator.retryRun(id, options),
	};
}

engineConformance({
	name: "embedded",
	async open(t, options) {
		const host = await MemoryHost.open(t, options);
		return {
			engine: engineOf(host.orchestrator),
			pass: (ms) => host.pass(ms),
			async restart() {
				await host.restart();
				return engineOf(host.orchestrator);
			},
		};
	},
});
