/** The agents as they can be found on the bus: all of them behind one announcement, one answer each. */
import { Announcement, type Instance } from "../bus/announcement.ts";
import type { Bus } from "../bus/bus.ts";
import { joinCapabilities } from "../bus/service.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Registry, Seat } from "../scheduler/registry.ts";

/** Their service on the bus. */
export const AGENT_SERVICE = "muster-agent";
const VERSION = "1.0.0";

export function announceAgents(bus: Bus, registry: Registry, world: { clock: Clock; log: Log }): Announcement {
	const startedAt = world.clock.now();
	// Two orchestrators on one bus may have agents of the same name.
	const process = world.clock.randomHex(4);
	const instances = (): Instance[] => [...registry.seats].map((seat) => instanceOf(seat, process, startedAt));
	return new Announcement(bus, AGENT_SERVICE, "*", world, instances);
}

function instanceOf({ performer, state, running, stats }: Seat, process: string, startedAt: number): Instance {
	const { name, kind, capabilities, concurrency } = performer;
	return {
		name: AGENT_SERVICE,
		id: `${name.replace(/[^A-Za-z0-9_-]/g, "_")}-${process}`,
		version: VERSION,
		description: `${kind} agent ${name}`,
		metadata: {
			...{ agent: name, kind, state, capabilities: joinCapabilities(capabilities) },
			...{ concurrency: String(concurrency), running: String(running) },
			...{ completed: String(stats.completed), failed: String(stats.failed) },
		},
		endpoints: [],
		stats: [],
		startedAt,
	};
}
