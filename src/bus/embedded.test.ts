import { MemoryHost } from "../../test/memory-host.ts";
import { busConformance } from "./conformance.ts";

busConformance({
	name: "embedded",
	async open(t) {
		const host = await MemoryHost.open(t, { skills: [] });
		return {
			bus: host.orchestrator.bus,
			pass: (ms) => host.pass(ms),
			async restart() {
				await host.restart();
				return host.orchestrator.bus;
			},
		};
	},
});
